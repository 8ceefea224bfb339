"""Keys of records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.wire import keys
from sottovoce.wire.keys import CellKey, CellKeyKind, KeyFormatError

TIMES = st.integers(0, 2**62)
PARTS = st.integers(0, 2**32 - 1)
PARTED = st.builds(
    CellKey,
    st.sampled_from([kind for kind in CellKeyKind if kind is not CellKeyKind.PROGRESS]),
    TIMES,
    TIMES,
    PARTS,
)
DELTAS = st.builds(CellKey, st.just(CellKeyKind.DELTA), TIMES, TIMES, PARTS)


@given(PARTED | st.just(CellKey(CellKeyKind.PROGRESS)))
def test_a_cells_key_comes_back(key):
    assert CellKey.from_bytes(key.to_bytes()) == key


@given(st.lists(DELTAS, max_size=8))
def test_keys_of_one_kind_sort_as_bytes_like_as_values(found):
    assert [key.to_bytes() for key in sorted(found)] == sorted(key.to_bytes() for key in found)


@pytest.mark.parametrize("key", [b"", b"x", b"q" * 21, b"b" * 20, b"pp"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(KeyFormatError, match="not the key"):
        CellKey.from_bytes(key)


def test_control_keys_are_never_as_long_as_a_listens():
    for key in (keys.HEARTBEAT_KEY, keys.seal_key(1), keys.retired_key(bytes(16))):
        assert key[0] == 0
        assert len(key) != 32


def test_terms_sort_by_their_start():
    starts = [0, 9, 10, 1_700_000_000_000]
    assert sorted(keys.terms_key("live", start) for start in reversed(starts)) == [
        keys.terms_key("live", start) for start in starts
    ]
