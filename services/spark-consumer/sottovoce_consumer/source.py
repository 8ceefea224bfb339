"""`spark.readStream.format("listens")`: the log of listens as a Spark data source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import ReadAllAvailable, ReadLimit, ReadMaxRows
from pyspark.sql.types import StructType

from sottovoce_consumer.planning import Planner, TaskPlan
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.rows import SPARK_SCHEMA, Row, to_arrow
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.standing import read_standing
from sottovoce_consumer.tasks import count, reading

_ROWS_AT_ONCE = 2_000
_ERASURES = "erasures"
"""Where in `erasures` the deny list stands, as an offset of the stream: a batch is planned when it
moves, even where there is nothing to read."""


class TaskPartition(InputPartition):
    """What one task reads."""

    def __init__(self, plan: TaskPlan) -> None:
        super().__init__(plan)
        self.plan = plan


class ListensSource(DataSource):
    """The data source; everything comes in as options.

    * `settings`: a `ConsumerSettings` as JSON.
    * `starts`: the recovered offsets, `{"live/0": 17, ...}`, as JSON.
    * `standing`: the path of the file of `sottovoce_consumer.standing`.
    """

    def __init__(self, options: MutableMapping[str, str]) -> None:
        super().__init__(options)
        # A plain dict, which survives pickling whatever its keys' case.
        self._given = {name.lower(): value for name, value in options.items()}

    @classmethod
    def name(cls) -> str:
        """Return the name for `format`."""
        return "listens"

    def schema(self) -> str:
        """Return the columns."""
        return SPARK_SCHEMA

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: ARG002, N802
        """Return the reader of the stream."""
        return ListensReader(self._given)


class ListensReader(DataSourceStreamReader):
    """Plans in the planner's process, reads in the workers'."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._settings = ConsumerSettings.from_option(options["settings"])
        self._starts: dict[str, int] = json.loads(options["starts"])
        self._standing = Path(options["standing"])
        self._planner: Planner | None = None

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Return the recovered offsets."""
        return {**self._starts, _ERASURES: 0}

    def getDefaultReadLimit(self) -> ReadLimit:  # noqa: N802
        """Return the cap of a batch."""
        return ReadMaxRows(self._settings.max_listens_per_batch)

    def latestOffset(self, start: dict[str, int], limit: ReadLimit) -> dict[str, int]:  # noqa: N802
        """Return how far the next batch goes."""
        capped = not isinstance(limit, ReadAllAvailable)
        ends = self._plan().ends(_parse(start), capped=capped)
        through = read_standing(self._standing).denied.through
        return {
            **{f"{name}/{shard}": end for (name, shard), end in ends.items()},
            _ERASURES: max(start[_ERASURES], through),
        }

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> list[TaskPartition]:
        """Return the tasks of a batch."""
        tasks = self._plan().tasks(_parse(start), _parse(end), read_standing(self._standing))
        return [TaskPartition(task) for task in tasks]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read and count in a worker; yield Arrow batches of rows."""
        assert isinstance(partition, TaskPartition)
        waiting: list[Row] = []
        for row in count(partition.plan, reading(self._settings)):
            waiting.append(row)
            if len(waiting) >= _ROWS_AT_ONCE:
                yield to_arrow(waiting)
                waiting = []
        if waiting:
            yield to_arrow(waiting)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_planner": None}

    def _plan(self) -> Planner:
        if self._planner is None:
            self._planner = Planner(
                self._settings,
                self._settings.data_sets,
                max_listens_per_batch=self._settings.max_listens_per_batch,
                max_listens_per_task=self._settings.max_listens_per_task,
                workers=self._settings.workers,
            )
        return self._planner


def _parse(offsets: Mapping[str, int]) -> dict[ShardRef, int]:
    pairs = (
        (place.rsplit("/", 1), offset) for place, offset in offsets.items() if place != _ERASURES
    )
    return {(name, int(shard)): offset for (name, shard), offset in pairs}
