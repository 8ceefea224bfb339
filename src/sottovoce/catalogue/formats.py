"""Reading a catalogue from a CSV file, whose shape is recognised by its header."""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from sottovoce.catalogue.catalogue import Catalogue
from sottovoce.catalogue.content import FEATURES, SCHEMA
from sottovoce.catalogue.errors import CatalogueError
from sottovoce.catalogue.ids import name_track_ids, parse_spotify_ids
from sottovoce.catalogue.shapes import DURATION, LIMITS, Shape, recognise

_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_GZIP_MAGIC = b"\x1f\x8b"
_BAD_ID = "track id is not 22 digits of base 62"
_NO_ID = "no track id, and no artist and title to make one from"
_SAME_KEY = "track key of another track"


@dataclass(frozen=True)
class ImportReport:
    """What became of a file's rows.

    Attributes:
        shape: The recognised shape, for people.
        rows: Rows of the file, without the header.
        tracks: Tracks in the catalogue.
        repeated: Rows that told of a track that another row told of, too.
        refused: Rows that are not in the catalogue, by reason.
        kept: Oddities of rows that are in the catalogue, by what they are.
        genres: Tracks by primary genre, sorted by genre.
    """

    shape: str
    rows: int
    tracks: int
    repeated: int
    refused: Mapping[str, int]
    kept: Mapping[str, int]
    genres: Mapping[str, int]


@dataclass
class _Tally:
    refused: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)


def read_catalogue(path: Path | str) -> tuple[Catalogue, ImportReport]:
    """Read a catalogue file.

    The same rows in another order give the same catalogue. A track that has several rows takes
    its genres from all of them, the commonest as the primary one (among equals the first of the
    alphabet), and all else from its most popular row. Rows without a usable id are refused, but a
    row with no id at all that has an artist and a title is named by these. Numbers that are none,
    or lie outside `LIMITS`, are unknown.

    Args:
        path: A CSV file, plain or gzip, of one of `SHAPES`.

    Returns:
        The catalogue and what became of the file's rows.

    Raises:
        CatalogueError: The file can't be read, is of no known shape, or holds no track.
    """
    tally = _Tally()
    shape, raw = _read_csv(Path(path), tally)
    rows = raw.num_rows + tally.refused.total()
    per_row = _rows_table(shape, raw, tally)
    per_track = _one_row_a_track(per_row, tally)
    if not per_track.num_rows:
        reasons = ", ".join(f"{count} x {reason}" for reason, count in tally.refused.items())
        raise CatalogueError(f"{path} holds no track: {rows} rows, refused: {reasons or 'none'}")
    catalogue = Catalogue.from_table(per_track)
    counts = np.bincount(catalogue.primary_genre + 1, minlength=len(catalogue.genres) + 1)
    tally.kept["no genre"] += int(counts[0])
    report = ImportReport(
        shape=shape.title,
        rows=rows,
        tracks=len(catalogue),
        repeated=rows - tally.refused.total() - len(catalogue),
        refused=_told(tally.refused),
        kept=_told(tally.kept),
        genres={g: int(n) for g, n in zip(catalogue.genres, counts[1:], strict=True) if n},
    )
    return catalogue, report


def _told(counts: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in sorted(counts.items()) if count}


def _read_csv(path: Path, tally: _Tally) -> tuple[Shape, pa.Table]:
    """The columns of a file's shape that it has, as text; rows that are none are refused."""
    data = _content(path)
    try:
        first, _, rest = data.partition(b"\n")
        header = next(csv.reader([first.decode("utf-8-sig").rstrip("\r")]))
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise CatalogueError(f"{path} does not begin with a header of a CSV file") from error
    shape = recognise(header, str(path))
    places = {name: str(header.index(name)) for name in shape.columns if name in header}

    if not rest.strip():
        return shape, pa.table({name: pa.array([], pa.string()) for name in places})

    def refuse(_: pyarrow.csv.InvalidRow) -> str:
        tally.refused["row has too few or too many fields"] += 1
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(rest),
            read_options=pyarrow.csv.ReadOptions(
                column_names=[str(i) for i in range(len(header))], use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(places.values(), pa.binary()),
                include_columns=list(places.values()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise CatalogueError(f"{path} can't be read as a CSV file: {error}") from error
    return shape, _decoded(table.rename_columns(list(places)), tally)


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data
    except (OSError, EOFError, zlib.error) as error:
        raise CatalogueError(f"{path} can't be read: {error}") from error


def _decoded(table: pa.Table, tally: _Tally) -> pa.Table:
    try:
        return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    except pa.ArrowInvalid:
        good = np.ones(table.num_rows, dtype=np.bool_)
        for column in table.columns:
            good &= [_is_utf8(value) for value in column.to_pylist()]
        tally.refused["not UTF-8"] += int((~good).sum())
        return _decoded(table.filter(pa.array(good)), tally)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _rows_table(shape: Shape, raw: pa.Table, tally: _Tally) -> pa.Table:
    """One row for each usable row of the file; artists stay joined, so that rows can be sorted."""
    text = {name: pc.utf8_trim_whitespace(raw.column(name)) for name in raw.column_names}
    artists = _split(text[shape.artists], shape.artist_separator)
    names = text[shape.name]
    high, low, usable = _ids(text[shape.track_id], artists, names, tally)
    primary = text[shape.primary_genre]
    genres = (
        _split(text[shape.genres], "|")
        if shape.genres
        else [[g] if g else [] for g in primary.to_pylist()]
    )
    numbers = {
        target: _numbers(text.get(source), target, usable, tally)
        for target, source in (
            ("popularity", shape.popularity),
            (DURATION, DURATION),
            *zip(FEATURES, FEATURES, strict=True),
        )
    }
    tally.kept["no title"] += int((usable & (np.array(pc.equal(names, "")))).sum())
    tally.kept["no artist"] += sum(not a for a, use in zip(artists, usable, strict=True) if use)
    table = pa.table(
        {
            "high": high,
            "low": low,
            "name": _or_null(names),
            "artists": pa.array(["\x1f".join(each) for each in artists], pa.string()),
            "primary_genre": _or_null(primary),
            "genres": pa.array(genres, pa.list_(pa.string())),
            **numbers,
        }
    )
    return table.filter(pa.array(usable))


def _split(column: pa.ChunkedArray, separator: str | None) -> list[list[str]]:
    lists = []
    for text in column.to_pylist():
        parts = text.split(separator) if separator else [text]
        lists.append([part for part in map(str.strip, parts) if part])
    return lists


def _or_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _ids(
    column: pa.ChunkedArray, artists: list[list[str]], names: pa.ChunkedArray, tally: _Tally
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    texts = column.to_pylist()
    high, low, usable = parse_spotify_ids(texts)
    empty = np.array([not text for text in texts], dtype=np.bool_)
    first = [each[0] if each else None for each in artists]
    without = np.flatnonzero(empty)
    titles = names.to_pylist()
    high[without], low[without], usable[without] = name_track_ids(
        [first[i] for i in without], [titles[i] for i in without]
    )
    tally.refused[_NO_ID] += int((empty & ~usable).sum())
    tally.refused[_BAD_ID] += int((~empty & ~usable).sum())
    tally.kept["no track id: named by artist and title"] += int((empty & usable).sum())
    return high, low, usable


def _numbers(
    column: pa.ChunkedArray | None, name: str, usable: NDArray[np.bool_], tally: _Tally
) -> pa.Array:
    kind = SCHEMA.field(name).type
    if column is None:
        return pa.nulls(usable.size, kind)
    is_number = pc.match_substring_regex(column, _NUMBER)
    texts = pc.if_else(is_number, column, pa.scalar(None, pa.string()))
    values = pc.cast(texts, pa.float64()).to_numpy()
    least, greatest = LIMITS[name]
    known = (values >= least) & (values <= greatest)
    tally.kept[f"{name} unknown"] += int((usable & ~known).sum())
    values = np.where(known, values, 0)
    if not pa.types.is_floating(kind):
        values = np.rint(values)
    return pa.array(values.astype(kind.to_pandas_dtype()), type=kind, mask=~known)


def _one_row_a_track(rows: pa.Table, tally: _Tally) -> pa.Table:
    plain = [
        name for name in rows.column_names if name not in {"low", "high", "popularity", "genres"}
    ]
    order = [("low", "ascending"), ("high", "ascending"), ("popularity", "descending")]
    rows = rows.take(pc.sort_indices(rows, sort_keys=[*order, *((n, "ascending") for n in plain)]))
    low, high = rows.column("low").to_numpy(), rows.column("high").to_numpy()
    new_key = np.ones(low.size, dtype=np.bool_)
    new_key[1:] = low[1:] != low[:-1]
    new_id = new_key.copy()
    new_id[1:] |= high[1:] != high[:-1]
    starts = np.flatnonzero(new_id)
    sizes = np.diff(starts, append=low.size)
    primary, genres = _merged_genres(rows, starts.tolist(), sizes.tolist())
    keep = new_key[starts]
    tally.refused[_SAME_KEY] += int(sizes[~keep].sum())
    tracks = rows.take(pa.array(starts))
    artists = [text.split("\x1f") if text else [] for text in tracks.column("artists").to_pylist()]
    merged = {
        "artists": pa.array(artists, SCHEMA.field("artists").type),
        "primary_genre": pa.array(primary, pa.string()),
        "genres": pa.array(genres, SCHEMA.field("genres").type),
    }
    columns = {name: merged.get(name, tracks.column(name)) for name in SCHEMA.names}
    return pa.table(columns).filter(pa.array(keep))


def _merged_genres(
    rows: pa.Table, starts: list[int], sizes: list[int]
) -> tuple[list[str | None], list[list[str]]]:
    """Of each run of rows the commonest primary genre, and all genres."""
    votes = rows.column("primary_genre").to_pylist()
    lists = rows.column("genres").to_pylist()
    primary: list[str | None] = []
    genres: list[list[str]] = []
    for start, size in zip(starts, sizes, strict=True):
        count = Counter(vote for vote in votes[start : start + size] if vote is not None)
        primary.append(min(count, key=lambda genre: (-count[genre], genre), default=None))
        genres.append(sorted(set().union(*lists[start : start + size])))
    return primary, genres
