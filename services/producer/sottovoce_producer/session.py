"""A writer's hold on the log and on what it knows: one caller at a time, one failure ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sottovoce.kafka import Topics
from sottovoce.kafka.errors import FatalWriteError
from sottovoce.service.logging import get_logger
from sottovoce_producer.errors import AccountRefusedError, VaultError, WriterStoppedError
from sottovoce_producer.listen_log import ListenLog
from sottovoce_producer.records import resting_key, slices_key
from sottovoce_producer.state import WriterState
from sottovoce_producer.vault_keys import KeyFile


def system_clock_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Session:
    """What every part of a writer writes with. Any thread may ask for a turn.

    Args:
        log: the process's one transactional writer.
        topics: names of topics.
        state: as recovered after `log` was made.
        clock_ms: the time, milliseconds since 1970 UTC.
        key_file: where the vault's keys come from; None: they never change.
        cursor_suffix: added to the names of sources, so that each of several writers that are
            handed one source keeps a cursor of its own.

    Attributes:
        topics: the same.
        state: the same; changes only in a turn.
        cursor_suffix: the same.
    """

    def __init__(
        self,
        log: ListenLog,
        topics: Topics,
        state: WriterState,
        *,
        clock_ms: Callable[[], int] = system_clock_ms,
        key_file: KeyFile | None = None,
        cursor_suffix: str = "",
    ) -> None:
        self.topics = topics
        self.state = state
        self.cursor_suffix = cursor_suffix
        self._log = log
        self._clock_ms = clock_ms
        self._key_file = key_file
        self._lock = threading.Lock()
        self._stopped: BaseException | None = None
        self._now_ms = 0

    @property
    def stopped(self) -> BaseException | None:
        """What ended the writer; None while it runs."""
        return self._stopped

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Let one caller in at a time, and give it the time.

        What goes wrong inside ends the writer, but for an account that is refused: then nothing
        was written.

        Raises:
            WriterStoppedError: it failed before.
        """
        with self._lock:
            if self._stopped is not None:
                raise WriterStoppedError("the writer has stopped: its process is ending")
            # A clock that steps back must not bring slices back whose state was dropped.
            self._now_ms = max(self._now_ms, self._clock_ms())
            try:
                self._follow_keys()
                yield self._now_ms
            except AccountRefusedError:
                raise
            except BaseException as error:
                self._stopped = error
                raise

    def _follow_keys(self) -> None:
        """Take over a key file that was replaced, so that nothing is sealed under an older key."""
        try:
            if self._key_file is None or not self._key_file.changed():
                return
        except VaultError as error:
            get_logger().error("the vault's new key is not used", why=str(error))
            return
        listeners = self.state.listeners
        listeners.vault.use(self._key_file.keys)
        listeners.use_current_key()
        get_logger().info("the vault has a new key", key_id=listeners.vault.current_id)

    @contextmanager
    def transaction(self) -> Iterator[ListenLog]:
        """Open a transaction, in a turn; commit it when the block ends well.

        Records whose time is over are deleted with it.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
        """
        state, cursors = self.state, self.topics.cursors
        resting = state.listeners.resting
        rested = resting.over(self._now_ms)
        with self._log.transaction():
            try:
                # Before the block's own records, which may begin again what is over.
                for key in rested:
                    self._log.produce(cursors, resting_key(key), None)
                for name, day, number in state.days_over:
                    pseudonym = state.listeners.pseudonym(number)
                    self._log.produce(cursors, slices_key(name, day, *pseudonym), None)
                yield self._log
            except FatalWriteError:
                raise
            except Exception as error:
                raise FatalWriteError(f"a transaction was left open by {error!r}") from error
        resting.end(rested)
        state.days_over.clear()
