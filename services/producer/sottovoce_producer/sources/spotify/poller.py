"""Looking at every connected account when its time comes; nobody waits for another's fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from sottovoce.service.logging import get_logger
from sottovoce_producer.sources import Sink, Wait
from sottovoce_producer.sources.spotify.account import ConnectedAccount
from sottovoce_producer.sources.spotify.api import SpotifyApp
from sottovoce_producer.sources.spotify.faults import (
    ConsentNeededError,
    ForbiddenError,
    RateLimitedError,
    SpotifyFaultError,
)
from sottovoce_producer.sources.spotify.metrics import SpotifyMetrics

_TICK_SECONDS: Final = 0.2
_FIRST_BACKOFF_SECONDS: Final = 2.0
_MOST_DOUBLINGS: Final = 20
_JITTER: Final = 0.2
_OK: Final = "ok"

type Connections = Callable[[], Mapping[str, bytes]]
type Label = Callable[[str], str]
type Uniform = Callable[[], float]


@dataclass(slots=True)
class _Scheduled:
    """An account and when it is looked at next."""

    account: ConnectedAccount
    due_ms: float = 0.0
    faults: int = 0
    waits_for_login: bool = False
    looking: Future[bool] | None = None


class SpotifyPoller:
    """Looks at accounts in turn, each on its own schedule.

    **Guarantee**: a play that Spotify tells is written once, whatever fails in between: the
    account's position is written in the transaction of its listens, and a look reaches back behind
    it. What Spotify no longer tells (it keeps the last 50 plays) is counted as a gap.

    Args:
        app: on whose behalf Spotify is asked.
        sink: gets plays and new tokens.
        connections: the tokens of every connected account, as they are now.
        label: what an account is called in logs and metrics: opaque, and the same at every start.
        metrics: gets figures.
        uniform: draws from [0, 1); spreads looks and retries.
    """

    def __init__(
        self,
        app: SpotifyApp,
        sink: Sink,
        connections: Connections,
        label: Label,
        metrics: SpotifyMetrics,
        uniform: Uniform,
    ) -> None:
        self._app = app
        self._sink = sink
        self._connections = connections
        self._label = label
        self._metrics = metrics
        self._uniform = uniform
        self._scheduled: dict[str, _Scheduled] = {}
        self._log = get_logger()

    def run(self, wait_for: Wait) -> None:
        """Look at accounts until the end is asked for.

        Args:
            wait_for: sleeps; tells when to stop.

        Raises:
            SottovoceError: the sink failed: the process must end.
        """
        workers = self._app.settings.spotify_connections
        with ThreadPoolExecutor(workers, thread_name_prefix="spotify") as pool:
            while True:
                self.step(pool)
                if wait_for(_TICK_SECONDS):
                    return

    def step(self, pool: ThreadPoolExecutor) -> None:
        """Take in what has ended, then begin every look whose time has come."""
        self._follow_connections()
        for each in self._scheduled.values():
            if each.looking is not None and each.looking.done():
                self._take_in(each, each.looking)
                each.looking = None
        now_ms = self._app.clock_ms()
        for each in self._scheduled.values():
            if each.looking is None and not each.waits_for_login and each.due_ms <= now_ms:
                each.looking = pool.submit(each.account.look)

    def settle(self) -> None:
        """Wait until no look is under way."""
        wait([each.looking for each in self._scheduled.values() if each.looking is not None])

    def _follow_connections(self) -> None:
        """Begin with accounts that are new or logged in again; let go of those that are gone."""
        connections = {name: tokens for name, tokens in self._connections().items() if tokens}
        for name in self._scheduled.keys() - connections.keys():
            if self._scheduled[name].looking is None:
                self._metrics.forget(self._scheduled.pop(name).account.label)
        for name, tokens in connections.items():
            there = self._scheduled.get(name)
            if there is None or (there.looking is None and tokens != there.account.tokens):
                self._scheduled[name] = _Scheduled(self._connected(name, tokens))
        self._metrics.accounts.set(len(connections))

    def _connected(self, name: str, tokens: bytes) -> ConnectedAccount:
        label = self._label(name)
        self._metrics.consent_needed.labels(label).set(0)
        self._log.info("spotify account connected", account=label)
        return ConnectedAccount(
            name,
            label,
            tokens,
            app=self._app,
            sink=self._sink,
            metrics=self._metrics,
            current_tokens=lambda: self._connections().get(name, b""),
        )

    def _take_in(self, each: _Scheduled, look: Future[bool]) -> None:
        label = each.account.label
        fault = look.exception()
        if fault is None:
            self._ended_well(each, gap=look.result())
        elif isinstance(fault, SpotifyFaultError):
            self._ended_in(each, fault)
        else:
            raise fault
        due = 0.0 if each.waits_for_login else each.due_ms / 1000
        self._metrics.next_look.labels(label).set(due)

    def _ended_well(self, each: _Scheduled, *, gap: bool) -> None:
        label = each.account.label
        self._metrics.looks.labels(label, _OK).inc()
        if gap:
            self._metrics.gaps.labels(label).inc()
            self._log.warning("spotify told fewer plays than there may have been", account=label)
        if each.faults:
            self._log.info("spotify account answers again", account=label)
        each.faults = 0
        seconds = self._app.settings.spotify_poll_seconds
        each.due_ms = self._app.clock_ms() + 1000 * seconds * (1 + _JITTER * self._uniform())

    def _ended_in(self, each: _Scheduled, fault: SpotifyFaultError) -> None:
        label = each.account.label
        self._metrics.looks.labels(label, fault.kind).inc()
        if isinstance(fault, ConsentNeededError):
            each.waits_for_login = True
            self._metrics.consent_needed.labels(label).set(1)
            self._log.error(
                "spotify account must consent again: `sottovoce-producer spotify accounts` tells "
                "whose it is, `sottovoce-producer spotify login` renews it",
                account=label,
                fault=fault.kind,
            )
            return
        seconds = self._seconds_after(each.faults, fault)
        each.faults += 1
        each.due_ms = self._app.clock_ms() + 1000 * seconds
        self._log.warning(
            "spotify account waits",
            account=label,
            fault=fault.kind,
            why=str(fault),
            retry_in_seconds=round(seconds, 1),
        )

    def _seconds_after(self, faults: int, fault: SpotifyFaultError) -> float:
        """Return how long to wait after a fault that came after so many others."""
        settings = self._app.settings
        if isinstance(fault, RateLimitedError) and fault.retry_after_seconds is not None:
            return fault.retry_after_seconds + self._uniform()
        if isinstance(fault, ForbiddenError):
            return settings.spotify_forbidden_seconds
        backoff = _FIRST_BACKOFF_SECONDS * 2.0 ** min(faults, _MOST_DOUBLINGS)
        return min(settings.spotify_backoff_cap_seconds, backoff) * (0.5 + self._uniform() / 2)
