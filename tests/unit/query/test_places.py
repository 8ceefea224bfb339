"""Which parts of a log are read again, and how many slices together."""

from __future__ import annotations

from sottovoce.kafka.reading import Record
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce_query import places
from sottovoce_query.places import Places

TOPIC = "cells.live"


def part(slice_ms, offset, size=10, kind=CellKeyKind.BASE):
    return Record(TOPIC, 0, offset, 0, CellKey(kind, slice_ms).to_bytes(), bytes(size))


def progress(offset):
    return Record(TOPIC, 0, offset, 0, CellKey(CellKeyKind.PROGRESS).to_bytes(), b"")


def noted(*records):
    found = Places(TOPIC, 2)
    for record in (*records, progress(99)):
        found.note(record)
    return found


def test_a_part_counts_from_its_progress_record_on():
    found = noted(part(0, 1))
    found.note(part(0, 100))
    assert found._offsets[0][0].tolist() == [1, 2]
    found.note(progress(101))
    assert found._offsets[0][0].tolist() == [1, 101]


def test_slices_are_read_together_as_long_as_they_fit(monkeypatch):
    monkeypatch.setattr(places, "_BYTES_AT_ONCE", 25)
    found = noted(part(0, 1), part(60, 2), part(120, 3), part(180, 4, size=99), part(240, 5))
    assert list(found._groups([240, 0, 60, 120, 180])) == [[0, 60], [120], [180], [240]]


def test_a_group_is_read_from_its_first_part_through_its_last(monkeypatch):
    asked = {}

    class Log:
        def __init__(self, _settings, partitions, *, start, through, at_once):
            asked.update(partitions=partitions, start=start, through=through)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def to_end(self):
            return iter(())

    monkeypatch.setattr(places, "LogReader", Log)
    found = noted(part(0, 3), part(60, 4), part(0, 7, kind=CellKeyKind.DELTA))
    assert [slice_ms for slice_ms, _ in found.read(None, [0])] == [0]
    assert asked == {
        "partitions": [(TOPIC, 0)],
        "start": {(TOPIC, 0): 3},
        "through": {(TOPIC, 0): 8},
    }


def test_slices_that_are_held_no_more_are_forgotten():
    found = noted(part(0, 1), part(60, 2))
    found.forget([60])
    assert set(found._offsets) == set(found._bytes) == {60}
