"""Messages of a log as arrays: in bulk where all have the usual shape, one by one where not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import numpy as np
import numpy.typing as npt
from confluent_kafka import Message
from google.protobuf.message import DecodeError

from sottovoce.wire.keys import HEARTBEAT_KEY
from sottovoce.wire.listens import (
    LISTEN_BYTES,
    LISTEN_KEY_BYTES,
    ListenError,
    Listens,
    decode_listen,
    new_listens,
    view_listens,
    well_formed,
)
from sottovoce.wire.v1 import listen_pb2

_stamp = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that is no listen and no control record."""

    message: Message
    detail: str


@dataclass(slots=True)
class Decoded:
    """Records of one shard.

    Attributes:
        listens: all that are listens.
        append_ms: the broker's stamp of each listen.
        keys_fit: whether each listen's key is that of its content.
        messages: the message of each listen, by ascending offset.
        seals: the seals, by offset.
        malformed: what is neither listen nor control.
        retired: where listeners were retired: offset, and the halves of the pseudonym.
        latest_ms: the latest stamp of any record.
    """

    listens: Listens
    append_ms: npt.NDArray[np.int64]
    keys_fit: npt.NDArray[np.bool_]
    messages: Sequence[Message]
    seals: list[tuple[int, int]] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    retired: list[tuple[int, int, int]] = field(default_factory=list)
    latest_ms: int = 0

    def only(self, which: npt.NDArray[np.bool_]) -> Decoded:
        """Return the same with only some of its listens; what is no listen stays."""
        if which.all():
            return self
        return replace(
            self,
            listens=self.listens[which],
            append_ms=self.append_ms[which],
            keys_fit=self.keys_fit[which],
            messages=list(itertools.compress(self.messages, which.tolist())),
        )

    def offsets(self) -> npt.NDArray[np.int64]:
        """Return the offset of each listen."""
        return np.fromiter(map(Message.offset, self.messages), np.int64, len(self.messages))


def decode(messages: list[Message]) -> Decoded:
    """Read messages, none of which is an error, in the order of their offsets."""
    size = len(messages)
    stamps = np.fromiter(map(_stamp, map(Message.timestamp, messages)), np.int64, size)
    lengths = np.fromiter(map(len, messages), np.int64, size)
    latest = int(stamps.max()) if size else 0
    if (lengths == LISTEN_BYTES).all():
        listens = view_listens(b"".join(map(Message.value, messages)))
        if well_formed(listens).all():
            fit = _keys_fit(messages, listens)
            return Decoded(listens, stamps, fit, messages, latest_ms=latest)
    return _decode_odd(messages, stamps, lengths, latest)


def _decode_odd(
    messages: list[Message],
    stamps: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    latest: int,
) -> Decoded:
    """Read messages some of which are not of the usual shape."""
    usual = np.flatnonzero(lengths == LISTEN_BYTES)
    values = view_listens(b"".join(messages[index].value() or b"" for index in usual))
    fine = well_formed(values)
    rows: list[Listens] = [values[fine]]
    places: list[int] = usual[fine].tolist()
    decoded = Decoded(new_listens(0), stamps, np.empty(0, np.bool_), (), latest_ms=latest)
    for index in sorted({*range(len(messages))}.difference(places)):
        row = _decode_one(messages[index], decoded)
        if row is not None:
            rows.append(row)
            places.append(index)
    order = np.argsort(places)
    decoded.listens = np.concatenate(rows)[order]
    decoded.append_ms = stamps[np.array(places, np.intp)[order]]
    decoded.messages = [messages[place] for place in sorted(places)]
    decoded.keys_fit = _keys_fit(decoded.messages, decoded.listens)
    return decoded


def _decode_one(message: Message, into: Decoded) -> Listens | None:
    key, value = message.key() or b"", message.value()
    if value is None or key == HEARTBEAT_KEY:
        return None
    if key.startswith(b"\0") and len(key) != LISTEN_KEY_BYTES:
        try:
            control = listen_pb2.Control.FromString(value)
        except DecodeError:
            into.malformed.append(
                Malformed(message, "its key is of a control record, its value not")
            )
            return None
        kind = control.WhichOneof("kind")
        if kind == "seal":
            into.seals.append((message.offset() or 0, control.seal.through_ms))
        elif kind == "retired":
            who = control.retired
            into.retired.append((message.offset() or 0, who.listener_high, who.listener_low))
        elif kind is None:
            into.malformed.append(
                Malformed(message, "a control record of a kind that this version doesn't know")
            )
        return None
    try:
        return decode_listen(value)
    except ListenError as error:
        into.malformed.append(Malformed(message, str(error)))
        return None


def _keys_fit(messages: Sequence[Message], listens: Listens) -> npt.NDArray[np.bool_]:
    """Return whether each key is that of its listen: all at once, one by one where that fails."""
    try:
        plain = b"".join(map(Message.key, messages))
    except TypeError:
        plain = b""  # one has no key at all
    if len(plain) == LISTEN_KEY_BYTES * len(messages):
        fit = _same(plain, listens)
        if fit.all():
            return fit
    keys: list[bytes] = [message.key() or b"" for message in messages]
    right = np.fromiter(map(len, keys), np.int64, len(keys)) == LISTEN_KEY_BYTES
    empty = bytes(LISTEN_KEY_BYTES)
    keys = [key if len(key) == LISTEN_KEY_BYTES else empty for key in keys]
    fits: npt.NDArray[np.bool_] = right & _same(b"".join(keys), listens)
    return fits


def _same(keys: bytes, listens: Listens) -> npt.NDArray[np.bool_]:
    columns = np.frombuffer(keys, ">u8").reshape(-1, 4)
    same = np.ones(len(listens), np.bool_)
    for column, name in enumerate(("listener_high", "listener_low", "event_high", "event_low")):
        same &= columns[:, column] == listens[name]
    return same
