"""The thread that carries erasures through, step by step, while the stream flows on."""

from __future__ import annotations

import threading
import time
from typing import Final

from sottovoce.erasure.book import step_name
from sottovoce.erasure.log import ErasureLog
from sottovoce.kafka import Topics
from sottovoce.service.logging import get_logger
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.forgetting import Forgetter
from sottovoce_consumer.looking import Lookout
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.naming import unheard_in
from sottovoce_consumer.rebuilding import Rebuilder
from sottovoce_consumer.replaying import Replay, ends_of_cells, ends_of_listens
from sottovoce_consumer.settings import ConsumerSettings

POLL_SECONDS: Final = 0.1
LOOK_GROWTH: Final = 1.2
GATHER_SECONDS: Final = 2.0
"""Erasures that are requested together are rebuilt together: so long the first waits at most."""
MAX_LOOK_SECONDS: Final = 3_600.0
"""Compaction may take a day; each look reads what it looks into."""


class Eraser:
    """Follows `erasures`, and does what each step needs.

    Args:
        settings: the consumer's.
        log: `erasures`, read to its end.
        committer: whose lock owns all commits.
        replay: reads the log of listens again.
        metrics: where the erasures are counted.
    """

    def __init__(
        self,
        settings: ConsumerSettings,
        log: ErasureLog,
        committer: Committer,
        replay: Replay,
        metrics: ConsumerMetrics,
    ) -> None:
        self._log = log
        self._replay = replay
        self._committer = committer
        self._rebuilder = Rebuilder(committer, replay, ends_of_cells(settings))
        topics = Topics(settings.kafka_topic_prefix)
        self._forgetter = Forgetter(
            topics, committer, replay, ends_of_listens(settings), unheard_in(settings)
        )
        self._lookout = Lookout(settings, committer, replay)
        self._metrics = metrics
        self._first_look_seconds = self._look_seconds = settings.erasure_check_seconds
        self._next_look = 0.0
        self._gathers_until = 0.0
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="eraser", daemon=True)

    def start(self) -> None:
        """Begin, if it has not."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self, patience: float = 10.0) -> None:
        """End once the step that is being done is done; leave a long one to the next start."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def check(self) -> None:
        """Return if all is well.

        Raises:
            SottovoceError: what ended the thread; the process must end, and its next start
                repeats the step.
        """
        if self._failure is not None:
            raise self._failure

    def turn(self, timeout: float = 0.0) -> bool:
        """Take in new requests and do what can be done; return whether anything was."""
        requests = self._log.new_requests(timeout)
        if requests:
            with self._committer.lock:
                self._committer.erasures.learn(requests)
                self._committer.write_standing()
            get_logger().info("erasures are requested", count=len(requests))
        moved = not self._is_gathering() and self._rebuild()
        moved |= self._forgetter.forget()
        if moved:
            self._look_seconds = self._first_look_seconds
            self._next_look = time.monotonic()
        if time.monotonic() >= self._next_look:
            moved |= self._lookout.look()
            self._next_look = time.monotonic() + self._look_seconds
            self._look_seconds = min(MAX_LOOK_SECONDS, self._look_seconds * LOOK_GROWTH)
        moved |= bool(requests)
        if moved:
            self._tell()
        return moved

    def _is_gathering(self) -> bool:
        """Return whether more erasures are about to be denied, and the first can wait for them."""
        with self._committer.lock:
            if not self._committer.erasures.awaits_denial:
                self._gathers_until = 0.0
                return False
        now = time.monotonic()
        self._gathers_until = self._gathers_until or now + GATHER_SECONDS
        return now < self._gathers_until

    def _rebuild(self) -> bool:
        started = time.monotonic()
        if not self._rebuilder.rebuild():
            return False
        get_logger().info("rebuilt", seconds=round(time.monotonic() - started, 2))
        return True

    def _tell(self) -> None:
        with self._committer.lock:
            counts = self._committer.erasures.counts()
        for step, count in counts.items():
            self._metrics.erasures.labels(step_name(step)).set(count)

    def _run(self) -> None:
        try:
            self._tell()
            self._replay.warm_up()
            while not self._ended.is_set():
                self.turn(POLL_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised where the process is watched
            self._failure = error
