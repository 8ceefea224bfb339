"""What a start must not wait for: imports that a process has no use for."""

import subprocess
import sys

import pyarrow as pa
from pyspark.sql.types import StructType

from sottovoce_consumer.ranges import Range
from sottovoce_consumer.rows import ARROW_SCHEMA, Row, RowKind, from_arrow, to_arrow
from sottovoce_consumer.source import ListensSource

ROWS = [
    Row(RowKind.CELL, Range("live", 3, 17, 2**40), b"\x00body\xff"),
    Row(RowKind.PROGRESS, Range("history", 0, 0, 5), b""),
]


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh process has loaded after some code."""
    told = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_rows_survive_arrow():
    batch = to_arrow(ROWS)
    batch.validate(full=True)
    assert batch.schema == ARROW_SCHEMA
    assert list(from_arrow(pa.Table.from_batches([batch]))) == ROWS


def test_no_rows_are_an_empty_batch():
    batch = to_arrow([])
    batch.validate(full=True)
    assert batch.num_rows == 0


def test_making_rows_loads_no_pandas():
    assert "pandas" not in loaded(
        "from sottovoce_consumer.ranges import Range\n"
        "from sottovoce_consumer.rows import Row, RowKind, to_arrow\n"
        "to_arrow([Row(RowKind.CELL, Range('live', 0, 0, 1), b'x')])"
    )


def test_the_data_source_loads_neither_planner_nor_tasks_before_they_are_needed():
    modules = loaded("import sottovoce_consumer.source")
    assert "pyspark.sql.datasource" in modules
    assert not modules & {
        "confluent_kafka",
        "pydantic",
        "sottovoce_consumer.planning",
        "sottovoce_consumer.tasks",
    }


def test_the_daemon_loads_all_that_a_task_needs_before_it_forks():
    before = loaded("import sottovoce_consumer.daemon")
    needed = loaded(
        "import sottovoce_consumer.source, sottovoce_consumer.rows, sottovoce_consumer.tasks"
    )
    assert {each for each in needed if each.startswith("sottovoce")} <= before


def test_what_warms_spark_up_reads_nothing():
    reader = ListensSource({}).reader(StructType())
    (task,) = reader.partitions()
    assert list(reader.read(task)) == []
