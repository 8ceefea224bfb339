"""The two shapes of Spotify's exports, and what a row of each tells.

The extended streaming history tells the end of a play to the second and the track's id; the
account data of the last year tells it to the minute and only names. So one play told by both is
two events, and only its time can tell that it was told already.

What a row tells of a person beyond the play (address, user agent, user name, device) is not looked
at, save for the user name, which two people's exports are told apart by; no reason that is given
for refusing a row quotes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Final

from sottovoce.catalogue import TrackIdError, spotify_id_to_int
from sottovoce_producer.plays import MAX_MS_PLAYED, PlayRow
from sottovoce_producer.sources.history_json import BROKEN

PODCAST: Final = "podcast"
AUDIOBOOK: Final = "audiobook"
NO_TRACK: Final = "names no track"
COVERED: Final = "in the time that the extended history covers"

_TRACK: Final = "spotify:track:"
_EPISODE: Final = "spotify:episode:"
_UNKNOWN_COUNTRY: Final = "ZZ"
_MILLISECONDS_FROM: Final = 100_000_000_000
_TRACKS_REMEMBERED: Final = 65_536

type Row = Mapping[str, object]


class Shape(Enum):
    """What kind of export a file is; the value is what people call it."""

    EXTENDED = "extended streaming history"
    ACCOUNT_DATA = "account data"


class Skipped(Exception):  # noqa: N818 - no error: the row is fine, but no play of a track
    """A row tells of something that is no play of a track."""


class RowError(Exception):
    """A row can't be read; the message is the same for all rows with the same fault."""


def recognise(row: object) -> Shape | None:
    """Return the shape of a row; None if it is of neither."""
    if not isinstance(row, dict):
        return None
    if ("ts" in row or "offline_timestamp" in row) and not row.keys().isdisjoint(_EXTENDED_FIELDS):
        return Shape.EXTENDED
    if "endTime" in row and not row.keys().isdisjoint(_ACCOUNT_FIELDS):
        return Shape.ACCOUNT_DATA
    return None


_EXTENDED_FIELDS: Final = (
    "ms_played",
    "spotify_track_uri",
    "master_metadata_track_name",
    "spotify_episode_uri",
    "episode_name",
    "audiobook_uri",
)
_ACCOUNT_FIELDS: Final = ("trackName", "artistName", "podcastName", "episodeName", "audiobookName")


def read_play(shape: Shape, row: object, account: str) -> PlayRow:
    """Return the play that a row tells of.

    Raises:
        Skipped: it is fine, but no play of a track.
        RowError: it can't be read.
    """
    if row is BROKEN:
        raise RowError("no JSON")
    if not isinstance(row, dict):
        raise RowError("no object")
    return _READERS[shape](row, account)


def end_time_ms(shape: Shape, row: object) -> int | None:
    """Return when a row's play ended; None where that can't be read."""
    try:
        return _END_TIMES[shape](row) if isinstance(row, dict) else None
    except RowError:
        return None


def _read_extended(row: Row, account: str) -> PlayRow:
    told = (
        row.get("spotify_track_uri"),
        row.get("master_metadata_album_artist_name"),
        row.get("master_metadata_track_name"),
        row.get("master_metadata_album_album_name"),
    )
    try:
        spotify_id, artist, title, album = _known_track(*told)
    except TypeError:
        # Something that can't be looked up: find out which field it is.
        spotify_id, artist, title, album = _track(*told)
    if not spotify_id and not (title and artist):
        _skip_other_media(row)
    return PlayRow(
        account,
        spotify_id,
        artist,
        title,
        album,
        _extended_end_ms(row),
        _ms_played(row, "ms_played"),
        _country(row),
        _answer(row, "skipped"),
        _answer(row, "shuffle"),
        _answer(row, "offline") is True,
        _answer(row, "incognito_mode") is True,
    )


def _skip_other_media(row: Row) -> None:
    for key, value in row.items():
        if value and key.startswith("audiobook_"):
            raise Skipped(AUDIOBOOK)
        if value and ("episode_" in key or (key == "spotify_track_uri" and _is_episode(value))):
            raise Skipped(PODCAST)
    raise Skipped(NO_TRACK)


def _is_episode(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_EPISODE)


def _read_account_data(row: Row, account: str) -> PlayRow:
    title, artist = (
        _text(row.get("trackName"), "trackName"),
        _text(row.get("artistName"), "artistName"),
    )
    if not (title and artist):
        if row.get("podcastName") or row.get("episodeName"):
            raise Skipped(PODCAST)
        if row.get("audiobookName"):
            raise Skipped(AUDIOBOOK)
        raise Skipped(NO_TRACK)
    end = _account_data_end_ms(row)
    return PlayRow(account, "", artist, title, "", end, _ms_played(row, "msPlayed"))


def _text(value: object, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(f"{field} is no text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RowError(f"{field} is no UTF-8") from None
    return value if value.strip() else ""


def _track(uri: object, artist: object, title: object, album: object) -> tuple[str, str, str, str]:
    """Return a track's id, or nothing for a local file or an episode, and its names."""
    return (
        _track_id(uri),
        _text(artist, "master_metadata_album_artist_name"),
        _text(title, "master_metadata_track_name"),
        _text(album, "master_metadata_album_album_name"),
    )


_known_track = lru_cache(_TRACKS_REMEMBERED)(_track)


def _track_id(uri: object) -> str:
    if uri is None:
        return ""
    if not isinstance(uri, str):
        raise RowError("spotify_track_uri is no text")
    if not uri.startswith(_TRACK):
        return ""
    found = uri[len(_TRACK) :]
    try:
        spotify_id_to_int(found)
    except TrackIdError:
        raise RowError("spotify_track_uri names no track") from None
    return found


def _extended_end_ms(row: Row) -> int:
    """Return the end of a play: `ts`, else the start of one heard offline plus its length."""
    ts = row.get("ts")
    if ts is not None:
        return _timestamp_ms(ts, "ts")
    began, played = _offline_ms(row), _ms_played(row, "ms_played")
    if began is None or played is None:
        raise RowError("no ts")
    return began + played


def _account_data_end_ms(row: Row) -> int:
    return _timestamp_ms(row.get("endTime"), "endTime")


def _timestamp_ms(value: object, field: str) -> int:
    """Return milliseconds since 1970 of "2023-01-31T12:00:00Z", "2023-01-31 12:00 UTC", ..."""
    if not isinstance(value, str):
        raise RowError(f"{field} is no time")
    try:
        time = datetime.fromisoformat(value.removesuffix(" UTC"))
    except ValueError:
        raise RowError(f"{field} is no time") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    ms = round(time.timestamp() * 1000)
    if ms < 0:
        raise RowError(f"{field} is before 1970")
    return ms


def _offline_ms(row: Row) -> int | None:
    """Return `offline_timestamp` in milliseconds: some exports tell it in seconds."""
    value = row.get("offline_timestamp")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    return value if value >= _MILLISECONDS_FROM else value * 1000


def _ms_played(row: Row, field: str) -> int | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowError(f"{field} is no whole number")
    if not 0 <= value <= MAX_MS_PLAYED:
        raise RowError(f"{field} is negative or too many")
    return value


def _country(row: Row) -> str:
    value = row.get("conn_country")
    if not value or value == _UNKNOWN_COUNTRY:
        return ""
    if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha():
        return value
    raise RowError("conn_country is no country")


def _answer(row: Row, field: str) -> bool | None:
    value = row.get(field)
    if value is None or value is True or value is False:
        return value
    if value in (0, 1):
        return bool(value)
    if value == "":
        return None
    raise RowError(f"{field} is neither true nor false")


_READERS: Final[Mapping[Shape, Callable[[Row, str], PlayRow]]] = {
    Shape.EXTENDED: _read_extended,
    Shape.ACCOUNT_DATA: _read_account_data,
}
_END_TIMES: Final[Mapping[Shape, Callable[[Row], int]]] = {
    Shape.EXTENDED: _extended_end_ms,
    Shape.ACCOUNT_DATA: _account_data_end_ms,
}
