"""The shapes of catalogue files that are known, recognised by their headers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sottovoce.catalogue.content import FEATURES
from sottovoce.catalogue.errors import CatalogueError

DURATION = "duration_ms"


@dataclass(frozen=True)
class Shape:
    """How one kind of catalogue file names its columns.

    Attributes:
        title: What the file is, for people.
        track_id: The column of Spotify ids.
        name: The column of titles.
        artists: The column of artists, separated by `artist_separator` where that is set.
        primary_genre: The column of the genre that a row votes for as its track's primary one.
        genres: The column of all genres, separated by `|`, where there is one.
        popularity: The column of the popularity, 0 to 100.
    """

    title: str
    track_id: str
    name: str
    artists: str
    artist_separator: str | None
    primary_genre: str
    genres: str | None
    popularity: str

    @property
    def required(self) -> tuple[str, ...]:
        """The columns by which the shape is recognised."""
        named = (self.track_id, self.name, self.artists, self.primary_genre, self.genres)
        return tuple(column for column in named if column is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read where a file has them."""
        return (*self.required, self.popularity, DURATION, *FEATURES)


KAGGLE = Shape(
    title="Kaggle-shaped, a row for each track and genre",
    track_id="track_id",
    name="track_name",
    artists="artists",
    artist_separator=";",
    primary_genre="track_genre",
    genres=None,
    popularity="popularity",
)
ONE_ROW_A_TRACK = Shape(
    title="a row for each track, genres joined by |",
    track_id="track_id",
    name="track_name",
    artists="track_artist",
    artist_separator=None,
    primary_genre="primary_genre",
    genres="genres",
    popularity="track_popularity",
)
SHAPES = (KAGGLE, ONE_ROW_A_TRACK)

LIMITS: Mapping[str, tuple[float, float]] = {
    "popularity": (0, 100),
    DURATION: (1, 2**31 - 1),
    **dict.fromkeys(FEATURES, (0.0, 1.0)),
    "loudness": (-200.0, 100.0),
    "tempo": (0.0, 1000.0),
}
"""The least and the greatest value that each number may have; others are taken as unknown."""


def recognise(header: Sequence[str], source: str) -> Shape:
    """The shape whose columns a header has.

    Raises:
        CatalogueError: It has those of none, or one of them twice.
    """
    for shape in SHAPES:
        if set(shape.required) <= set(header):
            twice = [name for name in shape.columns if header.count(name) > 1]
            if twice:
                raise CatalogueError(f"{source} has the column {twice[0]} more than once")
            return shape
    wanted = "; or ".join(f"{', '.join(shape.required)} ({shape.title})" for shape in SHAPES)
    found = ", ".join(name or "(unnamed)" for name in header)
    raise CatalogueError(
        f"{source} is no catalogue. Looked for the columns {wanted}. Found: {found[:500] or 'none'}"
    )
