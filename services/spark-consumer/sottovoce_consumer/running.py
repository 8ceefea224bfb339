"""The life of a consumer: recover, count, end in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from sottovoce.data_sets.registry import Registry
from sottovoce.erasure.log import ErasureLog
from sottovoce.kafka import Topics, TransactionalWriter
from sottovoce.service.logging import get_logger
from sottovoce.service.metrics import serve_metrics
from sottovoce.service.shutdown import Shutdown
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.eraser import Eraser
from sottovoce_consumer.erasures import Erasures
from sottovoce_consumer.heartbeats import Heartbeats
from sottovoce_consumer.lag import LagWatch
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.recovery import open_books
from sottovoce_consumer.replaying import Replay, first_listens, rules_in
from sottovoce_consumer.rows import Row
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.stream import ListensStream, run_in

IDLE_SECONDS: Final = 1.0
ERASER_WAITS_SECONDS: Final = 10.0
"""Erasures begin after the first batch, or so long after the start where nothing is to be read:
their workers would take the time in which the first batch's start."""
TRANSACTION_TIMEOUT_MS: Final = 40_000
"""A batch of poison has as many dead letters as records, in one transaction: if it is aborted, the
same batch comes again at every start."""


def run(
    settings: ConsumerSettings,
    shutdown: Shutdown,
    spark: Callable[[], SparkSession],
    folder: Path,
) -> None:
    """Run until `shutdown` is requested, then stop in order.

    Args:
        settings: the consumer's.
        shutdown: is asked whether to end.
        spark: waits for Spark, which is being started meanwhile.
        folder: for files of this run.

    Raises:
        SottovoceError: what ended it.
    """
    log = get_logger()
    metrics = ConsumerMetrics()
    serve_metrics(settings, metrics.registry)
    started = time.monotonic()
    registry = Registry(settings)
    data_sets = [registry.data_set(name) for name in settings.data_sets]
    registry.close()
    # Fence whoever was here before, and only then read what it left.
    writer = TransactionalWriter(
        settings, "consumer", transaction_timeout_ms=TRANSACTION_TIMEOUT_MS
    )
    books, lost = open_books(
        settings,
        data_sets,
        deltas_per_base=settings.deltas_per_base,
        accept_lost_records=settings.accept_lost_records,
    )
    for data_set in data_sets:
        metrics.lost.labels(data_set.name)  # 0 is told as well: an alert looks at it
    for (name, shard), count in lost.items():
        metrics.lost.labels(name).inc(count)
        log.warning("records are lost", data_set=name, shard=shard, count=count)
    erasures = ErasureLog(settings)
    committer = Committer(
        writer,
        Topics(settings.kafka_topic_prefix),
        books,
        Erasures(erasures.book, {each.name: each.shards for each in data_sets}),
        folder / "standing.json",
        metrics,
        max_folds=settings.max_folds_per_batch,
        max_fold_bytes=settings.max_fold_bytes_per_batch,
        clock=lambda: time.time_ns() // 1_000_000,
    )
    last = [time.monotonic()]
    first_batch = threading.Event()

    def on_batch(rows: list[Row], since: float) -> None:
        read = time.monotonic()
        committer.commit(rows)
        last[0] = time.monotonic()
        first_batch.set()
        metrics.batch.observe(last[0] - since)
        log.debug(
            "batch",
            rows=len(rows),
            read_seconds=round(read - since, 3),
            commit_seconds=round(last[0] - read, 3),
        )

    heartbeats = Heartbeats(
        settings, data_sets, seconds=settings.heartbeat_seconds, metrics=metrics
    )
    lag = LagWatch(settings, books, metrics)
    heartbeats.start()
    session = spark()
    stream = ListensStream(
        session,
        settings,
        {ref: book.next_offset for ref, book in books.items()},
        folder / "standing.json",
        on_batch,
    )
    lag.start()
    workers = settings.workers or session.sparkContext.defaultParallelism
    replay = Replay(
        run_in(session, settings),
        rules_in(settings),
        first_listens(settings),
        settings.max_listens_per_task,
        workers,
    )
    eraser = Eraser(settings, erasures, committer, replay, metrics)
    log.info(
        "counting",
        data_sets=settings.data_sets,
        shards=len(books),
        cells=sum(len(book.view.cells) for book in books.values()),
        start_seconds=round(time.monotonic() - started, 1),
    )
    counting = time.monotonic()
    try:
        while not shutdown.wait(0.2):
            stream.check()
            if first_batch.is_set() or time.monotonic() - counting > ERASER_WAITS_SECONDS:
                eraser.start()
            eraser.check()
            if time.monotonic() - last[0] > IDLE_SECONDS:
                with stream.between_batches:
                    committer.commit([], is_batch=False)
                last[0] = time.monotonic()
    finally:
        heartbeats.stop()
        lag.stop()
    log.info("stopping")
    eraser.stop()
    erasures.close()
    stream.stop()
    session.stop()
    log.info("stopped", cells=sum(len(book.view.cells) for book in books.values()))
