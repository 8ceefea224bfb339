"""The demo: a stack, watched until somebody ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live

from sottovoce.client import Client, QueryError, Trends
from sottovoce.local.panel import Room, one_line, render
from sottovoce.local.stack import Stack
from sottovoce.local.vital_signs import VitalSigns, VitalSignsReader

_SECOND = 1.0
_SECONDS_A_LINE = 5.0


class _TrendsFollower(threading.Thread):
    """Keeps the newest message of the stream of trends; comes back after an error."""

    def __init__(self, client: Client) -> None:
        super().__init__(name="trends", daemon=True)
        self._client = client
        self.newest: Trends | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                for message in self._client.trends("live", size=10):
                    self.newest = message
                    if self.ended.is_set():
                        return
            except QueryError:
                self.ended.wait(_SECOND)


def watch(
    stack: Stack, console: Console, addresses: list[tuple[str, str]], seconds: float | None
) -> None:
    """Show a started stack until Ctrl-C, or for some seconds.

    On a terminal a panel that stays; else a line every few seconds.

    Args:
        stack: started.
        console: where to show it.
        addresses: what listens where, or what to paste; name and text.
        seconds: how long; None: until KeyboardInterrupt.

    Raises:
        ChildEndedError: a service ended.
    """
    with Client(stack.query_address, timeout=5.0) as client:
        reader = VitalSignsReader(stack.settings.ports, client)
        follower = _TrendsFollower(client)
        follower.start()
        try:
            if console.is_terminal:
                with Live(console=console, refresh_per_second=4, screen=False) as live:
                    _repeat(
                        stack,
                        reader,
                        follower,
                        lambda signs, trends, now: live.update(
                            render(
                                signs,
                                trends,
                                addresses,
                                now,
                                Room.of(console.width, console.height),
                            )
                        ),
                        _SECOND,
                        seconds,
                    )
            else:
                for name, text in addresses:
                    console.print(f"{name}: {text}", markup=False, soft_wrap=True)
                _repeat(
                    stack,
                    reader,
                    follower,
                    lambda signs, trends, now: console.print(
                        one_line(signs, trends, now), markup=False, soft_wrap=True
                    ),
                    _SECONDS_A_LINE,
                    seconds,
                )
        finally:
            follower.ended.set()


def _repeat(
    stack: Stack,
    reader: VitalSignsReader,
    follower: _TrendsFollower,
    show: Callable[[VitalSigns, Trends | None, datetime], None],
    every: float,
    seconds: float | None,
) -> None:
    until = None if seconds is None else time.monotonic() + seconds
    while until is None or time.monotonic() < until:
        stack.require_running()
        show(reader.read(), follower.newest, datetime.now(UTC))
        left = every if until is None else min(every, until - time.monotonic())
        time.sleep(max(0.0, left))
