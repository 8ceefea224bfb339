"""The cells of a real broker, answered exactly: what tests of counting compare with their truth.

No gate stands between, so it is for tests alone: the service's own modes protect, or refuse whoever
is not alone.
"""

from __future__ import annotations

import threading

from tests.unit.query.serving import Serving

from sottovoce.client import Client
from sottovoce_query.cells import Materialiser
from sottovoce_query.personal import PersonalGate
from sottovoce_query.settings import QuerySettings
from sottovoce_query.sources import Source, Sources
from sottovoce_query.windows import Windows


class ExactGate(PersonalGate):
    """The exact figures of any number of listeners."""

    @property
    def _exact(self):
        return self._statistics


class ExactService:
    """Follows the cells and answers over gRPC from this process.

    Args:
        kafka: where the cells are.
    """

    def __init__(self, kafka):
        self._stop = threading.Event()
        self._serving = Serving()
        settings = QuerySettings(
            kafka_bootstrap=kafka.kafka_bootstrap,
            kafka_topic_prefix=kafka.kafka_topic_prefix,
            privacy_mode="personal",
        )
        self._materialiser = Materialiser(settings, self._changed)
        self._materialiser.catch_up()
        sources = self._materialiser.sources
        by_name = {}
        for name, source in sources.by_name.items():
            gate = ExactGate(source.cells, sources.book)
            by_name[name] = Source(source.cells, gate, Windows(source.cells, gate, 0.01, 100))
        self._serving.open(Sources(by_name, sources.book, sources.similar))
        self._thread = threading.Thread(target=self._materialiser.follow, args=(self._stop,))
        self._thread.start()
        self.client = Client(self._serving.address)

    def _changed(self):
        self._serving.call(self._serving.service.notify)

    def close(self):
        self.client.close()
        self._stop.set()
        self._thread.join(10)
        self._materialiser.close()
        self._serving.stop()
