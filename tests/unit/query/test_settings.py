"""Settings that can't be are refused with a sentence before anything starts."""

from __future__ import annotations

import pytest

from sottovoce.service.settings import InvalidSettingsError, load_settings
from sottovoce_query.settings import QuerySettings


def load(*arguments):
    return load_settings(QuerySettings, "sottovoce-query", list(arguments))


def test_the_gate_is_the_default():
    settings = load()
    assert (settings.privacy_mode, settings.privacy_epsilon) == ("enforced", 1.0)
    assert not settings.privacy_real_rows


def test_epsilon_is_one_setting_as_a_flag_and_in_the_environment(monkeypatch):
    assert load("--privacy-epsilon", "2.5").privacy_epsilon == 2.5
    monkeypatch.setenv("SOTTOVOCE_PRIVACY_EPSILON", "0.5")
    assert load().privacy_epsilon == 0.5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--privacy-mode", "open"], "privacy_mode"),
        (["--privacy-epsilon", "0"], "privacy_epsilon"),
        (["--privacy-delta", "0.1"], "privacy_delta"),
        (["--privacy-k", "1"], "privacy_k"),
        (["--privacy-mode", "personal", "--query-host", "0.0.0.0"], "not of this machine"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, text):
    with pytest.raises(InvalidSettingsError, match=text):
        load(*arguments)


@pytest.mark.parametrize(
    ("shares", "text"),
    [('{"moods": 1}', "no statistic moods"), ('{"genres": 0.9, "reserve": 0.2}', "together 1.1")],
)
def test_shares_that_do_not_fit_are_one_sentence(monkeypatch, shares, text):
    monkeypatch.setenv("SOTTOVOCE_PRIVACY_LIVE_SHARES", shares)
    with pytest.raises(InvalidSettingsError, match=text):
        load()
