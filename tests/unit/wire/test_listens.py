"""The 83 bytes of a listen, seen by protobuf and by numpy."""

import mmh3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.wire.listens import (
    LISTEN_BYTES,
    ListenError,
    country_code,
    country_name,
    decode_listen,
    listen_keys,
    new_listens,
    pack_keys,
    shard_of,
    view_listens,
    well_formed,
)
from sottovoce.wire.v1.listen_pb2 import Listen

U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
VALUES = st.fixed_dictionaries(
    {
        **dict.fromkeys(
            (
                "listener_high",
                "listener_low",
                "track_high",
                "track_low",
                "event_high",
                "event_low",
                "end_time_ms",
            ),
            U64,
        ),
        **dict.fromkeys(("ms_played", "country", "flags", "ordinal"), U32),
    }
)


@given(VALUES)
def test_any_protobuf_client_reads_what_numpy_writes(values):
    listens = new_listens(1)
    for name, value in values.items():
        listens[name] = value
    message = Listen.FromString(listens.tobytes())
    assert message == Listen(**values)
    assert all(message.HasField(name) for name in values)


@given(VALUES)
def test_numpy_reads_what_any_protobuf_client_writes(values):
    data = Listen(**values).SerializeToString()
    assert len(data) == LISTEN_BYTES == 83
    seen = view_listens(data)
    assert well_formed(seen).all()
    assert {name: int(seen[name][0]) for name in values} == values


@given(VALUES, st.permutations(list(range(11))))
def test_a_message_in_another_order_takes_the_slow_path_to_the_same_listen(values, order):
    names = list(values)
    data = b"".join(Listen(**{names[at]: values[names[at]]}).SerializeToString() for at in order)
    assert decode_listen(data).tobytes() == Listen(**values).SerializeToString()


@given(VALUES, st.integers(0, 10))
def test_a_message_without_a_field_is_refused_by_name(values, missing):
    name = list(values)[missing]
    data = Listen(**{key: value for key, value in values.items() if key != name})
    with pytest.raises(ListenError, match=name):
        decode_listen(data.SerializeToString())


@given(st.binary(min_size=83, max_size=83))
def test_garbage_of_the_right_length_is_not_well_formed(data):
    listens = view_listens(data)
    tags = [data[at] for at in (0, 9, 18, 27, 36, 45, 54, 63, 68, 73, 78)]
    right = [0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x45, 0x4D, 0x55, 0x5D]
    assert well_formed(listens)[0] == (tags == right)


@given(st.lists(st.tuples(U64, U64, U64, U64), max_size=5))
def test_keys_are_listener_and_event_in_big_endian(rows):
    listens = new_listens(len(rows))
    for at, row in enumerate(rows):
        for name, value in zip(
            ("listener_high", "listener_low", "event_high", "event_low"), row, strict=True
        ):
            listens[name][at] = value
    assert listen_keys(listens) == [
        b"".join(value.to_bytes(8, "big") for value in row) for row in rows
    ]
    assert [key.tobytes() for key in pack_keys(listens["event_high"], listens["event_low"])] == [
        row[2].to_bytes(8, "big") + row[3].to_bytes(8, "big") for row in rows
    ]


@given(st.binary(min_size=16, max_size=16), st.integers(1, 64))
def test_a_shard_is_murmur_of_the_pseudonym(pseudonym, shards):
    assert shard_of(pseudonym, shards) == (mmh3.hash(pseudonym, 0) & 0xFFFFFFFF) % shards


@pytest.mark.parametrize("country", ["DE", "us", "gB"])
def test_a_country_comes_back_in_capitals(country):
    assert country_name(country_code(country)) == country.upper()


def test_no_country_is_unknown():
    assert country_code("") == 0
    assert country_name(0) == "unknown"


@pytest.mark.parametrize("country", ["D", "DEU", "4E", "ÄÖ"])
def test_what_is_no_country_is_refused(country):
    with pytest.raises(ListenError, match="ISO 3166"):
        country_code(country)


def test_empty_buffers_are_no_listens():
    assert len(view_listens(b"")) == 0
    assert well_formed(np.empty(0, view_listens(b"").dtype)).size == 0
