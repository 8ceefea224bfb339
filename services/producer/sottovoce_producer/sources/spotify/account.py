"""One connected account: a look at it tells the plays since the last one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sottovoce_producer.errors import RestingAccountError
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.sources import Sink
from sottovoce_producer.sources.spotify.api import PAGE_ITEMS, AccountApi, SpotifyApp
from sottovoce_producer.sources.spotify.metrics import SpotifyMetrics
from sottovoce_producer.sources.spotify.pages import OnAir, PlayedItem, read_items, read_on_air
from sottovoce_producer.sources.spotify.position import Position, advance, fresh
from sottovoce_producer.vault import account_source
from sottovoce_producer.writer import Batch

_PAGES_BACK: Final = 10
_HEARD_REMEMBERED: Final = 8
_CLOCKS_DIFFER_MS: Final = 5_000
_PAUSE_MS: Final = 60_000


class ConnectedAccount:
    """Looks at one account.

    Args:
        account: its name.
        label: what it is called in logs, metrics and cursors.
        tokens: as the vault has them.
        app: on whose behalf Spotify is asked.
        sink: gets plays and new tokens.
        metrics: gets figures.
        current_tokens: what the vault has now, where somebody logs in meanwhile.
    """

    def __init__(
        self,
        account: str,
        label: str,
        tokens: bytes,
        *,
        app: SpotifyApp,
        sink: Sink,
        metrics: SpotifyMetrics,
        current_tokens: Callable[[], bytes],
    ) -> None:
        self.label = label
        self.tokens = tokens
        self.source = account_source(label)
        self._account = account
        self._settings = app.settings
        self._clock_ms = app.clock_ms
        self._sink = sink
        self._metrics = metrics
        self._current_tokens = current_tokens
        self._api = AccountApi(app, tokens, self._save)
        self._heard: deque[OnAir] = deque(maxlen=_HEARD_REMEMBERED)

    def _save(self, tokens: bytes) -> None:
        """Keep refreshed tokens, unless a login brought better ones meanwhile."""
        if self._current_tokens() == self.tokens:
            # An account that is forgotten meanwhile keeps none: the poller lets go of it next.
            with suppress(RestingAccountError):
                self._sink.connect(self._account, tokens)
            self.tokens = tokens

    def look(self) -> bool:
        """Write what was played since the last look; return whether plays may be missing.

        Raises:
            SpotifyFaultError: Spotify does not answer; what was written stays.
            SottovoceError: the sink failed.
        """
        cursor = self._sink.cursor(self.source)
        position = Position.read(cursor) if cursor else None
        items, malformed, gap = self._ask(position)
        self._metrics.malformed.inc(malformed)
        some = fresh(position, items)
        if some:
            self._write(position, some, malformed)
        if self._settings.spotify_currently_playing:
            self._listen_in()
        return gap

    def _ask(self, position: Position | None) -> tuple[list[PlayedItem], int, bool]:
        """Return plays that reach back to the position, items that are none, and if some lack."""
        if position is None:
            return *read_items(self._api.recently_played()), False
        after = position.after_ms
        overlap = round(self._settings.spotify_overlap_seconds * 1000)
        page = self._api.recently_played(after_ms=max(0, after - overlap))
        items, malformed = read_items(page)
        full = len(page["items"]) >= PAGE_ITEMS
        if full and not fresh(position, items):
            # More plays in the overlap than a page holds: begin behind them.
            items, malformed = read_items(self._api.recently_played(after_ms=after))
            return items, malformed, False
        gap = full and bool(items) and items[0].played_at_ms > after
        for _ in range(_PAGES_BACK):
            if not gap:
                break
            oldest = items[0].played_at_ms
            older, more = read_items(self._api.recently_played(before_ms=oldest))
            older = [item for item in older if item.played_at_ms < oldest]
            malformed += more
            if not older:
                break
            items = older + items
            gap = items[0].played_at_ms > after
        return [item for item in items if item.played_at_ms > after - overlap], malformed, gap

    def _write(self, position: Position | None, items: list[PlayedItem], malformed: int) -> None:
        told = position.told if position else {}
        with_length = [
            (
                item,
                told[item.played_at_ms].ms_played
                if item.played_at_ms in told
                else self._ms_played(item),
            )
            for item in items
        ]
        plays, refused = Plays.from_rows(self._row(*each) for each in with_length)
        after = advance(
            position,
            with_length,
            now_ms=self._clock_ms(),
            overlap_ms=round(self._settings.spotify_overlap_seconds * 1000),
        )
        self._sink.write(
            Batch(
                self._settings.spotify_data_set,
                plays,
                self.source,
                after.cursor(),
                malformed + len(refused),
            )
        )

    def _row(self, item: PlayedItem, ms_played: int | None) -> PlayRow:
        end = item.played_at_ms
        if self._settings.spotify_played_at == "start":
            end += item.duration_ms
        return PlayRow(
            self._account, item.spotify_id, item.artist, item.title, item.album, end, ms_played
        )

    def _listen_in(self) -> None:
        asked_ms = self._clock_ms()
        playing = read_on_air(self._api.currently_playing(), asked_ms)
        if playing is not None:
            self._heard.append(playing)

    def _ms_played(self, item: PlayedItem) -> int | None:
        """Return how long a play was heard, where the track was seen playing before its end.

        From the last time it was seen it may have gone on until the end, never beyond its length;
        if that does not add up, it was paused, or another play of the track was seen.
        """
        if self._settings.spotify_played_at == "start" or not item.duration_ms:
            return None
        name = item.spotify_id or item.title
        for heard in reversed(self._heard):
            since = item.played_at_ms - heard.at_ms
            if heard.track != name or since < -_CLOCKS_DIFFER_MS:
                continue
            left = item.duration_ms - heard.progress_ms
            if since <= left + _PAUSE_MS:
                return min(item.duration_ms, heard.progress_ms + max(0, since))
            return None
        return None
