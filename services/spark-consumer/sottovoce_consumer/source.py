"""`spark.readStream.format("listens")`: the log of listens as a Spark data source.

Spark loads this module in every Python process that it starts, of which most need little: what only
the planner or the workers need is imported there, or each start would take seconds longer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    InputPartition,
)
from pyspark.sql.streaming.datasource import ReadAllAvailable, ReadLimit, ReadMaxRows
from pyspark.sql.types import StructType

from sottovoce_consumer.ranges import ShardRef

if TYPE_CHECKING:
    import pyarrow as pa

    from sottovoce_consumer.planning import Planner
    from sottovoce_consumer.rows import Row
    from sottovoce_consumer.settings import ConsumerSettings
    from sottovoce_consumer.task_plan import TaskPlan

SPARK_SCHEMA: Final = (
    "kind string, data_set string, shard int, from_offset bigint, through_offset bigint, "
    "body binary"
)
"""The columns of `sottovoce_consumer.rows`, as Spark names them."""

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

    def reader(self, schema: StructType) -> DataSourceReader:  # noqa: ARG002
        """Return a reader that finds nothing, so that Spark starts the processes of a batch."""
        return NothingReader()


class NothingReader(DataSourceReader):
    """One task, no rows."""

    def partitions(self) -> list[InputPartition]:
        """Return one task."""
        return [InputPartition(None)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield nothing."""
        yield from ()


class ListensReader(DataSourceStreamReader):
    """Plans in the planner's process, reads in the workers'."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._option = options["settings"]
        self._starts: dict[str, int] = json.loads(options["starts"])
        self._standing = Path(options["standing"])

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Return the recovered offsets."""
        return {**self._starts, _ERASURES: 0}

    def getDefaultReadLimit(self) -> ReadLimit:  # noqa: N802
        """Return the cap of a batch."""
        return ReadMaxRows(self._settings.max_listens_per_batch)

    def latestOffset(self, start: dict[str, int], limit: ReadLimit) -> dict[str, int]:  # noqa: N802
        """Return how far the next batch goes."""
        from sottovoce_consumer.standing import read_standing

        capped = not isinstance(limit, ReadAllAvailable)
        ends = self._planner.ends(_parse(start), capped=capped)
        through = read_standing(self._standing).denied.through
        return {
            **{f"{name}/{shard}": end for (name, shard), end in ends.items()},
            _ERASURES: max(start[_ERASURES], through),
        }

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> list[TaskPartition]:
        """Return the tasks of a batch."""
        from sottovoce_consumer.standing import read_standing

        tasks = self._planner.tasks(_parse(start), _parse(end), read_standing(self._standing))
        return [TaskPartition(task) for task in tasks]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read and count in a worker; yield Arrow batches of rows."""
        from sottovoce_consumer.rows import to_arrow
        from sottovoce_consumer.tasks import count, reading

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
        own = {"_settings", "_planner"}  # of the process that made them
        return {name: value for name, value in self.__dict__.items() if name not in own}

    @cached_property
    def _settings(self) -> ConsumerSettings:
        from sottovoce_consumer.settings import ConsumerSettings

        return ConsumerSettings.from_option(self._option)

    @cached_property
    def _planner(self) -> Planner:
        from sottovoce_consumer.planning import Planner

        return Planner(
            self._settings,
            self._settings.data_sets,
            max_listens_per_batch=self._settings.max_listens_per_batch,
            max_listens_per_task=self._settings.max_listens_per_task,
            workers=self._settings.workers,
        )


def _parse(offsets: Mapping[str, int]) -> dict[ShardRef, int]:
    pairs = (
        (place.rsplit("/", 1), offset) for place, offset in offsets.items() if place != _ERASURES
    )
    return {(name, int(shard)): offset for (name, shard), offset in pairs}
