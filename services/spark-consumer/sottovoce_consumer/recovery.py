"""Where every shard stands, read from `cells.*`: the topic is the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from sottovoce.cells import ShardView
from sottovoce.data_sets.data_set import DataSet
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.kafka.errors import LostRecordsError
from sottovoce.kafka.offsets import first_offsets, last_stable_offsets
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.planning import check_start
from sottovoce_consumer.ranges import ShardRef


def read_views(settings: KafkaSettings, data_sets: Sequence[DataSet]) -> dict[ShardRef, ShardView]:
    """Read the cells of every shard up to the ends looked up now.

    A predecessor that was killed may have left a transaction open: it is waited for. Call this
    only once `init_transactions` has fenced it.
    """
    topics = Topics(settings.kafka_topic_prefix)
    places = {
        (topics.cells(data_set.name), shard): ShardView(data_set, shard)
        for data_set in data_sets
        for shard in range(data_set.shards)
    }
    with LogReader(settings, list(places)) as reader:
        for record in reader.to_end():
            places[record.topic, record.partition].apply(record)
    return {(view.data_set.name, view.shard): view for view in places.values()}


def open_books(
    settings: KafkaSettings,
    data_sets: Sequence[DataSet],
    *,
    deltas_per_base: int,
    accept_lost_records: bool,
) -> tuple[dict[ShardRef, ShardBook], dict[ShardRef, int]]:
    """Recover every shard's book.

    Returns:
        The books, and how many records of each shard were lost and are skipped.

    Raises:
        LostRecordsError: a shard's next offset is outside its log, and that is not accepted.
    """
    topics = Topics(settings.kafka_topic_prefix)
    views = read_views(settings, data_sets)
    pairs = {(topics.listens(name), shard): (name, shard) for name, shard in views}
    earliest = first_offsets(settings, list(pairs))
    latest = last_stable_offsets(settings, list(pairs))
    books: dict[ShardRef, ShardBook] = {}
    lost: dict[ShardRef, int] = {}
    for pair, ref in pairs.items():
        book = books[ref] = ShardBook(views[ref], 0, deltas_per_base)
        try:
            check_start(pair, book.next_offset, earliest[pair], latest[pair])
        except LostRecordsError:
            if not accept_lost_records or book.next_offset > latest[pair]:
                raise
            lost[ref] = earliest[pair] - book.next_offset
            book.skip_to(earliest[pair])
    return books, lost
