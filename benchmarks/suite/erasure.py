"""Erasing listeners from a long history while a live stream goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.ground import Ground
from benchmarks.live_stream import PER_SECOND, Commits, LiveStream
from benchmarks.made_up_history import DAYS, SOME_DAYS, MadeUpHistory, fill_history
from benchmarks.processes import Child, ChildFailedError
from benchmarks.results import Result, Table, Target
from sottovoce.erasure.book import DENIED, REBUILT, Step
from sottovoce.erasure.log import ErasureLog

QUESTION = "How long does it take until no cell tells of a listener any more, and who waits for it?"
_SIZES = {"tiny": (300_000, 5_000, 20), "full": (18_000_000, 50_000, 1_000)}
_PATIENCE = 900.0


def measure(size: str) -> Result:
    """Erase one listener of some slices, one of all, and many at once."""
    total, listeners, many = _SIZES[size]
    rows: list[list[str | int | float]] = []
    seconds: dict[str, float] = {}
    freshness: dict[str, float] = {}
    with Ground() as ground:
        history = MadeUpHistory(ground.history.shards, listeners, total)
        fill_history(ground, history)
        consumer = ["-m", "sottovoce_consumer.main"]
        environment = ground.environment | {"SOTTOVOCE_ERASURE_CHECK_SECONDS": "3600"}
        with (
            Child("consumer", consumer, ground.folder, environment) as child,
            LiveStream(ground),
        ):
            commits = Commits(ground)
            _until(lambda: commits.counted(ground.topics.cells("history")) >= total, commits, child)
            _until_quiet(commits, child)
            for name, who in {
                f"one, in {SOME_DAYS} of {DAYS} slices": history.pseudonyms[:1],
                f"one, in all {DAYS} slices": history.pseudonyms[1:2],
                f"{many:,} at once": history.pseudonyms[2 : 2 + many],
            }.items():
                denied, rebuilt = _erase(ground, who, commits, child)
                seconds[name], freshness[name] = rebuilt, commits.take_freshness()
                rows.append([name, denied, rebuilt, freshness[name]])
                print(f"  {name}: {rebuilt:.1f} s, live p99 {freshness[name]:.2f} s", flush=True)
                _until_quiet(commits, child)
    some, one, batch = seconds.values()
    return Result(
        "erasure",
        QUESTION,
        tables=[
            Table(
                f"{total:,} listens of {listeners:,} listeners over {DAYS} slices of `history` in "
                f"{ground.history.shards} shards, {PER_SECOND:,} live listens/s beside",
                ["erased", "denied after, s", "rebuilt after, s", "live freshness p99, s"],
                rows,
            )
        ],
        targets=[
            Target("one listener, every slice touched", one, 15.0, "at most", "s"),
            Target("one listener, 3 slices touched", some, 5.0, "at most", "s"),
            Target("1,000 in one batch / one", batch / one, 5.0, "at most"),
            Target("live freshness p99 meanwhile", max(freshness.values()), 3.0, "at most", "s"),
        ],
        figures={"seconds": seconds, "freshness": freshness},
        notes=[
            (
                "From the request's record to the state `rebuilt` in every shard of both data "
                "sets: cells, log index and totals are then those of a log without the listener."
            )
        ],
    )


def _erase(ground: Ground, who: list[bytes], commits: Commits, child: Child) -> tuple[float, float]:
    refs = [(each.name, shard) for each in ground.data_sets for shard in range(each.shards)]
    commits.take_freshness()
    with ErasureLog(ground.settings) as log:
        began = time.monotonic()
        asked = [each.erasure for each in log.request_all(who, refs)]

        def reached(step: Step) -> bool:
            log.refresh()
            return all(log.book.step(each, refs) >= step for each in asked)

        _until(lambda: reached(DENIED), commits, child)
        denied = time.monotonic() - began
        _until(lambda: reached(REBUILT), commits, child)
        return denied, time.monotonic() - began


def _until(done: Callable[[], bool], commits: Commits, child: Child) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not done():
        child.check()
        if time.monotonic() > give_up:
            raise ChildFailedError("the consumer took too long")
        commits.look()


def _until_quiet(commits: Commits, child: Child, wait: float = 5.0) -> None:
    """Let folds and whatever else is due pass."""
    until = time.monotonic() + wait
    _until(lambda: time.monotonic() > until, commits, child)
