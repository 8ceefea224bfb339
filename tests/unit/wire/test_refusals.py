"""The words for refusals."""

from sottovoce.wire.refusals import refusal_name
from sottovoce.wire.v1 import cell_pb2


def test_every_refusal_has_a_word_of_its_own():
    words = [refusal_name(each) for each in cell_pb2.Refusal.values()]
    assert {"late", "over_bound", "before_first", "malformed"} < set(words)
    assert len(set(words)) == len(words)


def test_a_refusal_of_a_newer_version_has_a_word_too():
    assert refusal_name(4_711) == "other"
