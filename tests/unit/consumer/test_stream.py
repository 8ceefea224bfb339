"""What Spark's errors say, in a sentence."""

import pytest
from py4j.protocol import Py4JNetworkError

from sottovoce.kafka.errors import LostRecordsError
from sottovoce_consumer.errors import StreamFailedError
from sottovoce_consumer.stream import ListensStream, failure_of

SPARK = """org.apache.spark.SparkException: something failed
{reason}
=== Streaming Query ===
Identifier: [id = 1, runId = 2]
Current State: ACTIVE
Thread State: RUNNABLE
Logical Plan:
+- StreamingDataSourceV2ScanRelation[kind#0, data_set#1] listens
"""


def test_the_reason_is_told_and_not_spark_s_state():
    found = failure_of(Exception(SPARK.format(reason="the disk is full")))
    assert isinstance(found, StreamFailedError)
    assert str(found) == "Spark's query ended: the disk is full"


def test_an_error_of_ours_comes_back_as_itself():
    text = SPARK.format(reason="LostRecordsError: offset 7 is next, but the log begins at 9")
    found = failure_of(Exception(text))
    assert isinstance(found, LostRecordsError)
    assert "the log begins at 9" in str(found)


def test_an_exception_without_a_reason_is_told_too():
    assert "it gave no reason" in str(failure_of(Exception("")))
    assert str(failure_of(None)) == "Spark's query ended: None"


class GoneJvm:
    def __init__(self, error):
        self._error = error

    @property
    def isActive(self):
        raise self._error


@pytest.mark.parametrize("error", [Py4JNetworkError("no answer"), ConnectionRefusedError()])
def test_a_jvm_that_is_gone_is_told_in_a_sentence(error):
    stream = ListensStream.__new__(ListensStream)
    stream._query = GoneJvm(error)
    with pytest.raises(StreamFailedError, match="Spark's JVM is gone"):
        stream.check()


class BusyMachine:
    """Spark's reader where no Python process begins in time, or where something else is wrong."""

    def __init__(self, says):
        self.loads = 0
        self._says = says

    def load(self):
        self.loads += 1
        raise Py4JNetworkError(self._says)


def stream_on(machine, *, begun=False):
    stream = ListensStream.__new__(ListensStream)
    stream._listens, stream._begun, stream._tries = machine, begun, 0
    return stream


def test_a_machine_that_stays_too_busy_is_told_with_what_to_do():
    machine = BusyMachine("Python worker failed to connect back.")
    with pytest.raises(StreamFailedError, match="5 times: give the consumer more CPU"):
        stream_on(machine)._start()
    assert machine.loads == 5


@pytest.mark.parametrize(
    ("says", "begun"),
    [("the disk is full", False), ("Python worker failed to connect back.", True)],
)
def test_any_other_failure_and_any_after_a_batch_ends_the_stream_at_once(says, begun):
    machine = BusyMachine(says)
    with pytest.raises(StreamFailedError, match=says):
        stream_on(machine, begun=begun)._start()
    assert machine.loads == 1
