"""The poller in a thread of its own, beside whatever else the process does."""

from __future__ import annotations

import random
import threading
from typing import Self

from prometheus_client import CollectorRegistry

from sottovoce.service.logging import get_logger
from sottovoce.service.shutdown import Shutdown
from sottovoce_producer.listeners import Listeners
from sottovoce_producer.sources import Sink
from sottovoce_producer.sources.spotify.api import ClockMs, SpotifyApp
from sottovoce_producer.sources.spotify.metrics import SpotifyMetrics
from sottovoce_producer.sources.spotify.poller import SpotifyPoller
from sottovoce_producer.sources.spotify.settings import SpotifySettings
from sottovoce_producer.vault import account_label


class BackgroundPoller:
    """Polls from its making until the end is asked for; a failure asks for it.

    Args:
        poller: what polls.
        shutdown: the process's end.
    """

    def __init__(self, poller: SpotifyPoller, shutdown: Shutdown) -> None:
        self._poller = poller
        self._shutdown = shutdown
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="spotify", daemon=True)
        self._thread.start()

    @classmethod
    def over_writer(
        cls,
        settings: SpotifySettings,
        sink: Sink,
        listeners: Listeners,
        registry: CollectorRegistry,
        shutdown: Shutdown,
        clock_ms: ClockMs,
    ) -> Self:
        """Begin to poll for the accounts in a writer's vault.

        Raises:
            SourceError: the app's id or secret is missing.
        """
        poller = SpotifyPoller(
            SpotifyApp(settings, clock_ms),
            sink,
            listeners.connections,
            lambda account: account_label(listeners.record_key(account)),
            SpotifyMetrics(registry),
            random.SystemRandom().random,
        )
        return cls(poller, shutdown)

    def _run(self) -> None:
        try:
            self._poller.run(self._shutdown.wait)
        except BaseException as failure:  # noqa: BLE001 - `close` raises it again
            self._failure = failure
            get_logger().error("asking spotify ended", why=type(failure).__name__)
            self._shutdown.request()

    def close(self) -> None:
        """Wait until it has ended; raise what it ended with."""
        self._shutdown.request()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
