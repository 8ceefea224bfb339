"""The shapes of listening logs that are known, each recognised by its first line.

A time that a log gives is the end of a play, or its start; a start gets the track's length added
where the log has it, because an event is the end of a play.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sottovoce.catalogue import TrackIdError, spotify_id_to_int
from sottovoce_producer.plays import PlayRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LASTFM_FIELDS: Final = 6


class BadRowError(ValueError):
    """A row that is no play; the message is the same for all rows with the same fault."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """What one line of a log says.

    Attributes:
        line: where the row begins, the first line being 1.
        play: the play; None where the row is none.
        fault: why it is none.
    """

    line: int
    play: PlayRow | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LogFormat:
    """One shape of listening log.

    Attributes:
        name: short, for names of sources and accounts.
        shape: what a file of it looks like, for people.
        matches: whether a file with this first line has it.
        read: the rows of a file, its lines given.
    """

    name: str
    shape: str
    matches: Callable[[str], bool]
    read: Callable[[Iterable[str]], Iterator[LogRow]]


def _time(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRowError("the time is none") from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // _MILLISECOND


def _number(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise BadRowError(f"{what} is no whole number") from error


def _truth(text: str) -> bool | None:
    known = {"true": True, "1": True, "false": False, "0": False, "": None}
    try:
        return known[text.lower()]
    except KeyError as error:
        raise BadRowError("a yes or no is neither") from error


def _spotify_id(uri: str) -> str:
    """Return a track's id; nothing for a file of the listener's own, which has only its names."""
    if uri.startswith("spotify:local:"):
        return ""
    found = uri.removeprefix("spotify:track:").removeprefix("https://open.spotify.com/track/")
    try:
        if found:
            spotify_id_to_int(found)
    except TrackIdError as error:
        raise BadRowError("the track's id is no Spotify id") from error
    return found


def _account_data(row: Callable[[str], str]) -> PlayRow:
    return PlayRow(
        account=row("user_id"),
        spotify_id="",
        artist=row("artist_name"),
        title=row("track_name"),
        album="",
        end_time_ms=_time(row("end_time")),
        ms_played=_number(row("ms_played"), "ms_played"),
    )


def _extended(row: Callable[[str], str]) -> PlayRow:
    skipped = _truth(row("skipped"))
    reason = row("reason_end")
    if skipped is None and reason:
        skipped = reason == "fwdbtn"
    return PlayRow(
        account=row("user_id"),
        spotify_id=_spotify_id(row("spotify_track_uri")),
        artist=row("artist_name"),
        title=row("track_name"),
        album=row("album_name"),
        end_time_ms=_time(row("ts")),
        ms_played=_number(row("ms_played"), "ms_played"),
        country=row("conn_country"),
        skipped=skipped,
        shuffle=_truth(row("shuffle")),
        offline=bool(_truth(row("offline"))),
        private_session=bool(_truth(row("incognito_mode"))),
    )


def _listenbrainz(row: Callable[[str], str]) -> PlayRow:
    length = row("duration_ms")
    start = _number(row("listened_at"), "listened_at") * 1000
    return PlayRow(
        account=row("user_id"),
        spotify_id=_spotify_id(row("spotify_track_id")),
        artist=row("artist_name"),
        title=row("track_name"),
        album=row("release_name"),
        end_time_ms=start + (_number(length, "duration_ms") if length else 0),
    )


def _lastfm(fields: Sequence[str]) -> PlayRow:
    if len(fields) != _LASTFM_FIELDS:
        raise BadRowError(f"not {_LASTFM_FIELDS} fields between tabs")
    account, time, _, artist, _, title = fields
    return PlayRow(account, "", artist, title, "", _time(time))


def _eventsim(event: dict[str, Any]) -> PlayRow:
    if not event.get("song"):
        raise BadRowError("an event without a song")
    try:
        start, length_ms = int(event["ts"]), int(float(event.get("duration") or 0.0) * 1000)
        account = str(event.get("userId") or "")
        artist, title = str(event.get("artist") or ""), str(event["song"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadRowError("ts or duration is missing or no number") from error
    return PlayRow(account, "", artist, title, "", start + length_ms)


def _checked(line: int, parse: Callable[[], PlayRow]) -> LogRow:
    try:
        play = parse()
    except BadRowError as error:
        return LogRow(line, None, str(error))
    try:
        "".join(play[:5]).encode()
    except UnicodeEncodeError:
        return LogRow(line, None, "bytes that are no UTF-8")
    if not play.account:
        return LogRow(line, None, "no account")
    if not play.spotify_id and not (play.artist.strip() and play.title.strip()):
        return LogRow(line, None, "no track")
    return LogRow(line, play)


def _read_csv(
    lines: Iterable[str], parse: Callable[[Callable[[str], str]], PlayRow]
) -> Iterator[LogRow]:
    reader = csv.reader(lines)
    header = next(reader)
    places = {name.strip().removeprefix("\ufeff"): place for place, name in enumerate(header)}
    row: list[str] = []

    def field(name: str) -> str:
        place = places.get(name)
        return "" if place is None else row[place].strip()

    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield LogRow(line, None, f"no CSV: {error}")
            continue
        if not row:
            continue
        if len(row) != len(header):
            yield LogRow(line, None, f"not {len(header)} fields")
        else:
            yield _checked(line, lambda: parse(field))


def _read_lastfm(lines: Iterable[str]) -> Iterator[LogRow]:
    for line, text in enumerate(lines, 1):
        fields = [field.strip() for field in text.rstrip("\r\n").split("\t")]
        if fields != [""]:
            yield _checked(line, lambda fields=fields: _lastfm(fields))  # type: ignore[misc]


def _read_eventsim(lines: Iterable[str]) -> Iterator[LogRow]:
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            yield LogRow(line, None, "no JSON")
            continue
        if isinstance(event, dict):
            yield _checked(line, lambda event=event: _eventsim(event))  # type: ignore[misc]
        else:
            yield LogRow(line, None, "no JSON object")


def _csv_format(
    name: str, shape: str, parse: Callable[[Callable[[str], str]], PlayRow], columns: str
) -> LogFormat:
    wanted = set(columns.split())

    def matches(first_line: str) -> bool:
        header = next(csv.reader([first_line.removeprefix("\ufeff")]), [])
        return wanted <= {column.strip() for column in header}

    return LogFormat(
        name, f"{shape} ({', '.join(columns.split())})", matches, lambda x: _read_csv(x, parse)
    )


def _looks_like_lastfm(first_line: str) -> bool:
    try:
        _lastfm(first_line.rstrip("\r\n").split("\t"))
    except BadRowError:
        return False
    return True


def _looks_like_eventsim(first_line: str) -> bool:
    try:
        event = json.loads(first_line)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and {"ts", "userId"} <= event.keys()


FORMATS: Final = (
    _csv_format(
        "spotify-extended",
        "CSV of an extended streaming history",
        _extended,
        "user_id ts ms_played track_name artist_name spotify_track_uri",
    ),
    _csv_format(
        "spotify",
        "CSV of an account-data export",
        _account_data,
        "user_id end_time artist_name track_name ms_played",
    ),
    _csv_format(
        "listenbrainz",
        "CSV of a ListenBrainz dump",
        _listenbrainz,
        "user_id listened_at artist_name track_name",
    ),
    LogFormat(
        "lastfm",
        "tabs without a header, as Last.fm-1K (userid, timestamp, artist's id, artist, track's id, "
        "track)",
        _looks_like_lastfm,
        _read_lastfm,
    ),
    LogFormat(
        "eventsim",
        "a JSON object a line, as eventsim's listen events (ts, userId, artist, song, duration)",
        _looks_like_eventsim,
        _read_eventsim,
    ),
)
"""Every known shape, in the order in which they are tried."""
