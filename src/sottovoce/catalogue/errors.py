"""What can be wrong with a catalogue."""

from sottovoce.errors import SottovoceError


class CatalogueError(SottovoceError):
    """A file or a set of parts is not the catalogue that it should be."""


class TrackIdError(CatalogueError, ValueError):
    """A text is no Spotify id, or names no track."""
