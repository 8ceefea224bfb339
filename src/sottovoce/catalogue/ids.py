"""What a track and an artist are called in numbers.

A track's id has 128 bits. A Spotify id is such a number, written as 22 digits of base 62. A track
that has no id gets one from the normalised names of its artist and of itself, so that the same
song from two exports without ids is one track. Counts are keyed by the low 64 bits, the *track
key*.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import overload

import mmh3
import numpy as np
from numpy.typing import NDArray

from sottovoce.catalogue.errors import TrackIdError

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The digits of base 62 in the order that Spotify uses: digits, lower case, upper case."""

ID_LENGTH = 22
NO_ARTIST = 0
"""The artist key of a track whose artist nobody knows."""

_NAME_SEED = 0x5077
_ARTIST_SEED = 0xA271
_BASE = 62
_MASK_32 = np.uint64(0xFFFF_FFFF)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_NO_DIGIT = 255
_DIGIT_OF_BYTE = np.full(256, _NO_DIGIT, dtype=np.uint8)
_DIGIT_OF_BYTE[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.arange(_BASE, dtype=np.uint8)


def spotify_id_to_int(text: str) -> tuple[int, int]:
    """Read a Spotify id.

    Args:
        text: 22 digits of base 62.

    Returns:
        The number's high and low 64 bits.

    Raises:
        TrackIdError: The length, a character or the size (over 128 bits) is wrong.
    """
    if len(text) != ID_LENGTH:
        raise TrackIdError(
            f"{text[:64]!r} is no Spotify id: it has {len(text)} characters instead of {ID_LENGTH}"
        )
    number = 0
    for character in text:
        value = _VALUES.get(character)
        if value is None:
            raise TrackIdError(
                f"{text!r} is no Spotify id: {character!r} is none of 0-9, a-z and A-Z"
            )
        number = number * _BASE + value
    if number >> 128:
        raise TrackIdError(f"{text!r} is no Spotify id: the number takes more than 128 bits")
    return number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF


def int_to_spotify_id(high: int, low: int) -> str:
    """Write the 128-bit number ``(high, low)`` as 22 digits of base 62.

    Raises:
        TrackIdError: A half is negative or takes more than 64 bits.
    """
    high, low = int(high), int(low)
    if (high | low) >> 64:
        raise TrackIdError(f"({high}, {low}) is no track id: each half must lie in [0, 2^64)")
    number = high << 64 | low
    digits = []
    for _ in range(ID_LENGTH):
        number, value = divmod(number, _BASE)
        digits.append(ALPHABET[value])
    return "".join(reversed(digits))


def parse_spotify_ids(
    texts: Sequence[str | bytes] | NDArray[np.object_] | NDArray[np.bytes_],
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """Read many Spotify ids at once.

    Returns:
        The high halves, the low halves, and which of the texts are ids at all; where one is not,
        both halves are 0.
    """
    encoded = [text.encode() if isinstance(text, str) else bytes(text) for text in texts]
    n = len(encoded)
    right_length = np.fromiter((len(text) == ID_LENGTH for text in encoded), np.bool_, n)
    placeholder = b"0" * ID_LENGTH
    joined = b"".join(text if len(text) == ID_LENGTH else placeholder for text in encoded)
    digits = _DIGIT_OF_BYTE[np.frombuffer(joined, dtype=np.uint8).reshape(n, ID_LENGTH)]
    valid = right_length & (digits != _NO_DIGIT).all(axis=1)
    limbs = [np.zeros(n, dtype=np.uint64) for _ in range(4)]  # 32 bits each, the lowest first
    carry = np.zeros(n, dtype=np.uint64)
    for start, stop in ((0, 2), (2, 7), (7, 12), (12, 17), (17, 22)):
        chunk = np.zeros(n, dtype=np.uint64)
        for column in range(start, stop):
            chunk = chunk * np.uint64(_BASE) + digits[:, column]
        factor = np.uint64(_BASE ** (stop - start))
        carry = chunk
        for i, limb in enumerate(limbs):
            product = limb * factor + carry
            limbs[i] = product & _MASK_32
            carry = product >> np.uint64(32)
    valid &= carry == 0  # five digits hold < 2^30, so only the last chunk can overflow 128 bits
    high = np.where(valid, limbs[3] << np.uint64(32) | limbs[2], np.uint64(0))
    low = np.where(valid, limbs[1] << np.uint64(32) | limbs[0], np.uint64(0))
    return high, low, valid


def normalise_name(name: str) -> str:
    """The form in which names are compared: NFKC, case folded, white space collapsed."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def name_track_id(artist: str, title: str) -> tuple[int, int]:
    """The id of a track that has none, from its artist's and its own name.

    Args:
        artist: The primary artist's name.
        title: The track's name.

    Returns:
        The high and low 64 bits of the MurmurHash3_x64_128 of both normalised names.

    Raises:
        TrackIdError: One of the names is empty (every such track would be the same one), or no
            Unicode.
    """
    normal_artist, normal_title = normalise_name(artist), normalise_name(title)
    if not normal_artist or not normal_title:
        raise TrackIdError(
            f"artist {artist!r} and title {title!r} name no track: both must hold something"
        )
    named = _encode(f"{normal_artist}\x1f{normal_title}")
    low, high = mmh3.hash64(named, seed=_NAME_SEED, signed=False)
    return high, low


def name_track_ids(
    artists: Iterable[str | None], titles: Iterable[str | None]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """`name_track_id` for many tracks: high halves, low halves, and which have both names."""
    ids = []
    for artist, title in zip(artists, titles, strict=True):
        try:
            ids.append((*name_track_id(artist or "", title or ""), True))
        except TrackIdError:
            ids.append((0, 0, False))
    high, low, named = zip(*ids, strict=True) if ids else ((), (), ())
    return np.array(high, np.uint64), np.array(low, np.uint64), np.array(named, np.bool_)


def artist_key(artist: str) -> int:
    """The 64-bit key of an artist, from the normalised name; `NO_ARTIST` if that is empty.

    Raises:
        TrackIdError: The name is no Unicode.
    """
    name = normalise_name(artist)
    if not name:
        return NO_ARTIST
    key: int = mmh3.hash64(_encode(name), seed=_ARTIST_SEED, signed=False)[0]
    return key


def _encode(name: str) -> bytes:
    """Return a name's UTF-8; mmh3 itself takes a text without one to the end of the process."""
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise TrackIdError(f"{name!r} holds half a character, so it has no UTF-8") from error


def artist_keys(artists: Iterable[str | None]) -> NDArray[np.uint64]:
    """`artist_key` for many artists; each distinct name is hashed once."""
    known: dict[str, int] = {}
    keys = []
    for artist in artists:
        name = artist or ""
        key = known.get(name)
        if key is None:
            key = known[name] = artist_key(name)
        keys.append(key)
    return np.array(keys, np.uint64)


@overload
def track_key(low: int | np.uint64) -> np.uint64: ...
@overload
def track_key(low: NDArray[np.uint64]) -> NDArray[np.uint64]: ...
def track_key(low: int | np.uint64 | NDArray[np.uint64]) -> np.uint64 | NDArray[np.uint64]:
    """The key that counts are kept under, from the low half of a track's id: that half itself."""
    return low if isinstance(low, np.ndarray) else np.uint64(low)
