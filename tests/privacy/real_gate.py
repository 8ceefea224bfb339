"""The gate on a real broker: cells written as the consumer writes them, read by materialisers."""

from __future__ import annotations

import time

from tests.unit.query.crowd import make_catalogue

from sottovoce.cells import base_records
from sottovoce.data_sets import DataSet, Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics, TransactionalWriter
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2
from sottovoce_query.cells import Materialiser
from sottovoce_query.ranges import Range
from sottovoce_query.settings import QuerySettings

LIVE = DataSet("live", True, 2_000, 30_000, 1, clock_guard_ms=0)


class RealLog:
    """Topics of their own, with complete slices that begin after the ledger was opened.

    Args:
        settings: the broker and the prefix.
        contents: makes the cell of each slice from its start; one for each slice.
        data_set: its constants.
        bound: C.
    """

    def __init__(self, settings, contents, data_set=LIVE, bound=20):
        self.settings, self._template = settings, data_set
        self.catalogue = make_catalogue()
        self._terms = [
            Terms("live", catalogue_version=self.catalogue.version, listens_per_slice=bound)
        ]
        self.create()
        publish_catalogue(settings, self.catalogue, "made-up.csv")
        registry = Registry(settings)
        self.data_set = registry.data_set("live")
        registry.close()
        slice_ms = self.data_set.slice_ms
        first_ms = self.data_set.slice_of(time.time_ns() // 1_000_000) + slice_ms
        self.starts = [first_ms + number * slice_ms for number in range(len(contents))]
        self._write(contents)

    def create(self):
        """Do what `sottovoce topics create` does."""
        create_data_sets(self.settings, [self._template], self._terms, brisk=True)

    def _write(self, contents):
        topic = Topics(self.settings.kafka_topic_prefix).cells("live")
        epoch, end_ms = self.data_set.epoch, self.starts[-1] + self.data_set.slice_ms
        writer = TransactionalWriter(self.settings, "consumer")
        with writer.transaction():
            for start_ms, make in zip(self.starts, contents, strict=True):
                for key, value in base_records(
                    make(start_ms), slice_ms=start_ms, through_offset=1, blocks=[1], epoch=epoch
                ):
                    writer.produce(topic, key, value)
            progress = cell_pb2.ShardProgress(
                next_offset=1,
                complete_through_ms=end_ms,
                format_version=1,
                epoch=epoch,
                admitted=1,
                append_time_ms=end_ms,
                committed_at_ms=end_ms,
            )
            key = CellKey(CellKeyKind.PROGRESS).to_bytes()
            writer.produce(topic, key, progress.SerializeToString())

    def materialiser(self, **settings):
        """Return one that has caught up and released what is due."""
        made = Materialiser(
            QuerySettings(
                kafka_bootstrap=self.settings.kafka_bootstrap,
                kafka_topic_prefix=self.settings.kafka_topic_prefix,
                **settings,
            ),
            lambda: None,
        )
        made.catch_up()
        return made

    def range(self, first=0, stop=None):
        """Whole slices [first, stop)."""
        stop = len(self.starts) if stop is None else stop
        return Range(self.starts[first], self.starts[stop - 1] + self.data_set.slice_ms)


def settings_of(broker, topic_prefix):
    """The broker and a prefix as settings."""
    return KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
