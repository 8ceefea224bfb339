"""What the producer tells Prometheus about Spotify; accounts stand under opaque labels."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class SpotifyMetrics:
    """Figures about asking Spotify.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.looks = Counter(
            "sottovoce_producer_spotify_looks_total",
            "Looks at an account, by how they ended: ok or the kind of fault",
            ["account", "outcome"],
            registry=registry,
        )
        self.malformed = Counter(
            "sottovoce_producer_spotify_malformed_items_total",
            "Items of Spotify's answers that tell of no play",
            registry=registry,
        )
        self.gaps = Counter(
            "sottovoce_producer_spotify_gaps_total",
            "Times that Spotify told fewer plays than may have been since the last look",
            ["account"],
            registry=registry,
        )
        self.consent_needed = Gauge(
            "sottovoce_producer_spotify_consent_needed",
            "1 where the person must log in again: sottovoce-producer spotify login",
            ["account"],
            registry=registry,
        )
        self.next_look = Gauge(
            "sottovoce_producer_spotify_next_look_timestamp_seconds",
            "When an account is looked at again; 0 where that waits for a login",
            ["account"],
            registry=registry,
        )
        self.accounts = Gauge(
            "sottovoce_producer_spotify_accounts",
            "Accounts that are connected",
            registry=registry,
        )

    def forget(self, account: str) -> None:
        """Drop the state of an account that is not connected any more."""
        for gauge in (self.consent_needed, self.next_look):
            gauge.labels(account)
            gauge.remove(account)
