"""The catalogue: public facts about tracks, read from files, named by their content."""

from sottovoce.catalogue.catalogue import UNKNOWN, Catalogue
from sottovoce.catalogue.content import FEATURES
from sottovoce.catalogue.errors import CatalogueError, TrackIdError
from sottovoce.catalogue.formats import ImportReport, read_catalogue
from sottovoce.catalogue.ids import (
    NO_ARTIST,
    artist_key,
    artist_keys,
    int_to_spotify_id,
    name_track_id,
    name_track_ids,
    normalise_name,
    parse_spotify_ids,
    spotify_id_to_int,
    track_key,
)
from sottovoce.catalogue.similar import Similar, SimilarTracks
from sottovoce.catalogue.versions import MAX_PART_BYTES, from_parts, to_parts

__all__ = [
    "FEATURES",
    "MAX_PART_BYTES",
    "NO_ARTIST",
    "UNKNOWN",
    "Catalogue",
    "CatalogueError",
    "ImportReport",
    "Similar",
    "SimilarTracks",
    "TrackIdError",
    "artist_key",
    "artist_keys",
    "from_parts",
    "int_to_spotify_id",
    "name_track_id",
    "name_track_ids",
    "normalise_name",
    "parse_spotify_ids",
    "read_catalogue",
    "spotify_id_to_int",
    "to_parts",
    "track_key",
]
