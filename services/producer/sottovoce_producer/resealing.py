"""Sealing the vault's entries again under its current key, beside the plays."""

from __future__ import annotations

import threading
from typing import Final

from sottovoce.errors import SottovoceError
from sottovoce.service.logging import get_logger
from sottovoce.service.shutdown import Shutdown
from sottovoce_producer.session import Session

BATCH: Final = 500
_PAUSE_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 1.0


class Resealing:
    """Seals entries again that stand under an older key, some at a time.

    Args:
        session: the writer's.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def step(self, most: int = BATCH) -> int:
        """Seal some entries again, in one transaction; return how many are left.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        with self._session.turn():
            listeners = self._session.state.listeners
            accounts = listeners.under_older_keys(most)
            if not accounts:
                return 0
            with self._session.transaction() as log:
                for account in accounts:
                    record_key = listeners.record_key(account)
                    log.produce(
                        self._session.topics.vault, record_key, listeners.sealed_again(account)
                    )
            listeners.commit_sealed_again(accounts)
            if not listeners.older_entries:
                get_logger().info(
                    "every entry of the vault stands under its current key",
                    key_id=listeners.vault.current_id,
                    entries=len(listeners),
                )
            return listeners.older_entries


class BackgroundResealing:
    """Seals again from its making until the end is asked for, so that plays are not held up.

    Args:
        resealing: what seals.
        shutdown: the process's end.
    """

    def __init__(self, resealing: Resealing, shutdown: Shutdown) -> None:
        self._resealing = resealing
        self._shutdown = shutdown
        self._thread = threading.Thread(target=self._run, name="resealing", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        left = 0
        while not self._shutdown.wait(_PAUSE_SECONDS if left else _LOOK_SECONDS):
            try:
                left = self._resealing.step()
            except SottovoceError:
                # `Session.stopped` tells it to whoever watches the writer.
                return

    def close(self) -> None:
        """Wait until it has ended."""
        self._shutdown.request()
        self._thread.join()
