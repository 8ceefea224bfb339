"""What sketches and those who use them ask of ordered columns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.sketches.key_rows import find_sorted, stable_order

VALUES = st.one_of(st.integers(0, 9), st.integers(0, 2**64 - 1))


@given(st.sets(VALUES, max_size=20), st.lists(VALUES, max_size=20))
def test_values_are_found_where_they_stand_and_no_others(there, wanted):
    ascending = np.array(sorted(there), np.uint64)
    values = np.array(wanted, np.uint64)
    places, found = find_sorted(ascending, values)
    assert found.tolist() == [value in there for value in wanted]
    assert (ascending[places[found]] == values[found]).all()


@given(st.lists(st.one_of(st.integers(-3, 3), st.integers(-(2**62), 2**62)), max_size=30))
def test_the_order_is_stable_however_far_apart_they_lie(values):
    expected = sorted(range(len(values)), key=values.__getitem__)
    assert stable_order(np.array(values, np.int64)).tolist() == expected
