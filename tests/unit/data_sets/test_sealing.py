import dataclasses

import pytest

from sottovoce.data_sets import PROFILES, DataSetError
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.data_sets.sealing import check_seal

HISTORY = dataclasses.replace(PROFILES["standard"]["history"], first_ms=1000 * DAY_MS)
NOW_MS = 2000 * DAY_MS + 5_000


@pytest.mark.parametrize(
    ("through_ms", "sealed_ms"),
    [
        (1001 * DAY_MS, 0),
        (2000 * DAY_MS, 0),
        (1500 * DAY_MS, 1499 * DAY_MS),
        (1500 * DAY_MS, 1500 * DAY_MS),
    ],
)
def test_a_seal_may_go_forward_up_to_the_present_day(through_ms, sealed_ms):
    check_seal(HISTORY, through_ms, sealed_ms, NOW_MS)


@pytest.mark.parametrize(
    ("through_ms", "sealed_ms", "sentence"),
    [
        (1500 * DAY_MS + 1, 0, "not the start of a slice of history.*begins at 1974-02-09 UTC"),
        (1000 * DAY_MS, 0, "history begins at 1972-09-27 UTC: there is nothing before"),
        (900 * DAY_MS, 0, "there is nothing before"),
        (2001 * DAY_MS, 0, "lies in the future: history can be sealed through 1975-06-24 UTC"),
        (1500 * DAY_MS, 1501 * DAY_MS, "sealed through 1974-02-10 UTC already, and a seal can't"),
    ],
)
def test_a_seal_that_makes_no_sense_is_refused_with_a_reason(through_ms, sealed_ms, sentence):
    with pytest.raises(DataSetError, match=sentence):
        check_seal(HISTORY, through_ms, sealed_ms, NOW_MS)


def test_live_has_no_seals():
    with pytest.raises(DataSetError, match="live has no seals"):
        check_seal(PROFILES["standard"]["live"], 1500 * DAY_MS, 0, NOW_MS)
