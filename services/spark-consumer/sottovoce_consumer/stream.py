"""Spark: the session, and the query that hands each batch's rows to the committer."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from sottovoce.errors import SottovoceError
from sottovoce.kafka.errors import FatalWriteError, LogError, LostRecordsError
from sottovoce.service.logging import get_logger
from sottovoce_consumer.errors import ReadStalledError, StreamFailedError
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.replaying import Run
from sottovoce_consumer.rows import Row, from_arrow
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.tasks import Task, reading

_TOLD = {each.__name__: each for each in (LostRecordsError, ReadStalledError, LogError)}
"""Errors that are raised in Spark's other processes, and come back as text."""

_TRIES: Final = 5
_NOT_THERE: Final = "Python worker failed to connect back"
"""What Spark says of a Python process that it waited ten seconds for; no setting changes that."""
_TOO_SLOW: Final = "Spark's Python process took more than ten seconds to begin"


def run_in(session: SparkSession, settings: ConsumerSettings) -> Run:
    """Return how a replay runs its tasks: as Spark's, beside those of the stream."""
    option = settings.to_option()

    def work(task: Task[Any]) -> Iterator[Any]:
        yield from task.run(reading(ConsumerSettings.from_option(option)))

    def run(tasks: Sequence[Task[Any]]) -> list[Any]:
        if not tasks:
            return []
        context = session.sparkContext
        context.setLocalProperty("spark.scheduler.pool", "replay")
        try:
            done: list[Any] = context.parallelize(tasks, len(tasks)).flatMap(work).collect()
        except (PySparkException, Py4JError) as error:
            raise failure_of(error) from error
        return done

    return run


class ListensStream:
    """The streaming query.

    Its checkpoint folder is empty at each start, and thrown away: where to go on stands in
    `cells.*`, and batch ids are never used.

    Args:
        session: Spark.
        settings: the consumer's.
        starts: the next offset of each shard.
        standing: the file of `sottovoce_consumer.standing`.
        on_batch: commits the rows of a batch.
    """

    def __init__(
        self,
        session: SparkSession,
        settings: ConsumerSettings,
        starts: Mapping[ShardRef, int],
        standing: Path,
        on_batch: Callable[[list[Row], float], None],
    ) -> None:
        self._on_batch = on_batch
        self._stopping = False
        self._failure: BaseException | None = None
        self.between_batches = threading.Lock()
        self._folder = tempfile.mkdtemp(prefix="sottovoce-consumer-")
        self._begun = False
        self._tries = 0
        workers = settings.workers or session.sparkContext.defaultParallelism
        offsets = {f"{name}/{shard}": offset for (name, shard), offset in starts.items()}
        self._listens = (
            session.readStream.format("listens")
            .option("settings", settings.model_copy(update={"workers": workers}).to_option())
            .option("starts", json.dumps(offsets))
            .option("standing", str(standing))
        )
        self._interval = f"{settings.batch_interval_seconds} seconds"
        self._query = self._start()

    def _start(self) -> StreamingQuery:
        self._tries += 1
        try:
            return (
                self._listens.load()
                .writeStream.foreachBatch(self._batch)
                .option("checkpointLocation", f"{self._folder}/{self._tries}")
                .trigger(processingTime=self._interval)
                .start()
            )
        except (PySparkException, Py4JError) as error:
            return self._start_again(failure_of(error))

    def _start_again(self, failure: SottovoceError) -> StreamingQuery:
        """Try once more where nothing failed but Spark's patience, before there was a batch."""
        if self._begun or _NOT_THERE not in str(failure):
            raise failure
        if self._tries == _TRIES:
            raise StreamFailedError(
                f"{_TOO_SLOW}, {_TRIES} times: give the consumer more CPU, or run less beside it"
            )
        get_logger().warning("starting the stream again", reason=_TOO_SLOW)
        return self._start()

    def check(self) -> None:
        """Return if the query runs.

        Raises:
            SottovoceError: why it does not.
        """
        try:
            active = self._query.isActive
        except (Py4JError, OSError) as error:
            raise StreamFailedError(
                "Spark's JVM is gone: it was killed, or ran out of memory; the next start goes on "
                "where the last commit stands"
            ) from error
        if active:
            return
        if self._failure is not None:
            raise self._failure
        self._query = self._start_again(failure_of(self._query.exception()))

    def stop(self, patience: float = 30.0) -> None:
        """Stop between two batches: the one that runs is finished and committed first.

        Raises:
            FatalWriteError: that commit's outcome is unknown.
        """
        self._stopping = True
        with self.between_batches:
            pass
        until = time.monotonic() + patience
        # What comes after is skipped, and Spark soon waits for its trigger.
        while self._query.isActive and time.monotonic() < until:
            if not self._query.status["isTriggerActive"]:
                self._query.stop()
                break
            time.sleep(0.02)
        shutil.rmtree(self._folder, ignore_errors=True)
        if isinstance(self._failure, FatalWriteError):
            raise self._failure

    def _batch(self, batch: DataFrame, _: int) -> None:
        with self.between_batches:
            if self._stopping or self._failure is not None:
                return
            self._begun = True
            started = time.monotonic()
            try:
                self._on_batch(list(from_arrow(batch.toArrow())), started)
            except SottovoceError as error:
                self._failure = error
                raise
            except PySparkException as error:
                self._failure = failure_of(error)
                raise


def failure_of(error: Exception | None) -> SottovoceError:
    """Return the error that a task or the planner raised, if it was one of ours."""
    text = str(error)
    for name, kind in _TOLD.items():
        found = re.search(rf"\b{name}: (.+)", text)
        if found is not None:
            return kind(found.group(1).strip().removesuffix("'").removesuffix('"'))
    reason = text.partition("=== Streaming Query ===")[0]  # behind it stands Spark's own state
    lines = [line.strip() for line in (reason or text).splitlines() if line.strip()]
    return StreamFailedError(f"Spark's query ended: {(lines or ['it gave no reason'])[-1]}")
