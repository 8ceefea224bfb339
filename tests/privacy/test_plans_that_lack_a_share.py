"""A plan that lacks a share: questions about that statistic are refused, and nothing else."""

import pytest
from tests.privacy.made_up_gate import small_world

from sottovoce_query.errors import QuestionError
from sottovoce_query.gate import Series


def test_windows_go_on_where_new_listeners_have_no_share():
    world = small_world()
    replica = world.replica(privacy_live_shares={"genres": 0.5}).release_all()
    windows = replica.sources().by_name["live"].windows
    windows.keep_up()
    assert windows.sum(Series("all"), world.data_set.slice_ms)[1].upper > 0
    with pytest.raises(QuestionError) as refused:
        windows.sum(Series("new_listeners"), world.data_set.slice_ms)
    assert refused.value.reason == "NO_BUDGET"
