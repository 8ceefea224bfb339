"""The records of the topic `erasures`, and what they amount to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sottovoce.erasure.errors import ErasureError
from sottovoce.erasure.pseudonyms import halves_of, pseudonym_of
from sottovoce.wire.v1 import erasure_pb2

type ShardRef = tuple[str, int]
"""A data set's name and a shard of it."""

type Step = erasure_pb2.ErasureStep.ValueType

NOTHING: Final = erasure_pb2.ERASURE_STEP_UNSPECIFIED
DENIED: Final = erasure_pb2.ERASURE_STEP_DENIED
REBUILT: Final = erasure_pb2.ERASURE_STEP_REBUILT
TOMBSTONED: Final = erasure_pb2.ERASURE_STEP_TOMBSTONED
GONE: Final = erasure_pb2.ERASURE_STEP_GONE

_REQUEST: Final = b"request/"
_STATE: Final = b"state/"
_CERTIFICATE: Final = b"certificate/"


def step_name(step: Step) -> str:
    """Return a step's word, such as "rebuilt"; "requested" before the first."""
    if step == NOTHING:
        return "requested"
    return erasure_pb2.ErasureStep.Name(step).removeprefix("ERASURE_STEP_").lower()


@dataclass(frozen=True, slots=True)
class Request:
    """A request for an erasure.

    Attributes:
        erasure: its id.
        pseudonym: whose records are to go, 16 big-endian bytes.
        requested_at_ms: when.
        offset: where it stands in `erasures`.
    """

    erasure: str
    pseudonym: bytes = field(repr=False)
    requested_at_ms: int
    offset: int = -1

    @property
    def key(self) -> bytes:
        """The record's key."""
        return _REQUEST + self.erasure.encode()

    def to_bytes(self) -> bytes:
        """Return the record's value."""
        high, low = halves_of(self.pseudonym)
        return erasure_pb2.ErasureRequest(
            erasure=self.erasure,
            listener_high=high,
            listener_low=low,
            requested_at_ms=self.requested_at_ms,
        ).SerializeToString()


def state_key(state: erasure_pb2.ErasureState) -> bytes:
    """Return the key of a state's record."""
    return _STATE + f"{state.erasure}/{state.data_set}/{state.shard}".encode()


def certificate_key(erasure: str) -> bytes:
    """Return the key of a certificate's record."""
    return _CERTIFICATE + erasure.encode()


class ErasureBook:
    """Every erasure, as the records of `erasures` tell it; knows no Kafka.

    Attributes:
        requests: by erasure, in the order in which they stand in the log.
        states: by erasure and shard.
        certificates: by erasure.
        touched: by data set, the slices of which an erasure rebuilt a cell.
    """

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self.states: dict[str, dict[ShardRef, erasure_pb2.ErasureState]] = {}
        self.certificates: dict[str, erasure_pb2.ErasureCertificate] = {}
        self.touched: dict[str, set[int]] = {}
        self._by_listener: dict[bytes, list[Request]] = {}

    def apply(self, key: bytes, value: bytes | None, offset: int) -> Request | None:
        """Take in a record; return the request if it is one."""
        if value is None:
            return None
        if key.startswith(_REQUEST):
            return self._request(erasure_pb2.ErasureRequest.FromString(value), offset)
        if key.startswith(_STATE):
            self.take(erasure_pb2.ErasureState.FromString(value))
        elif key.startswith(_CERTIFICATE):
            certificate = erasure_pb2.ErasureCertificate.FromString(value)
            self.certificates[certificate.erasure] = certificate
        return None

    def _request(self, message: erasure_pb2.ErasureRequest, offset: int) -> Request:
        request = Request(
            message.erasure,
            pseudonym_of(message.listener_high, message.listener_low),
            message.requested_at_ms,
            offset,
        )
        self.learn(request)
        return self.requests[request.erasure]

    def learn(self, request: Request) -> None:
        """Take in a request."""
        if request.erasure not in self.requests:
            self.requests[request.erasure] = request
            self._by_listener.setdefault(request.pseudonym, []).append(request)

    def take(self, state: erasure_pb2.ErasureState) -> None:
        """Take in how far an erasure has come in a shard."""
        self.states.setdefault(state.erasure, {})[state.data_set, state.shard] = state
        if state.cells:
            slices = self.touched.setdefault(state.data_set, set())
            slices.update(cell.slice_ms for cell in state.cells)

    def state(self, erasure: str, ref: ShardRef) -> erasure_pb2.ErasureState | None:
        """Return how far an erasure has come in a shard; None where nothing was done yet."""
        return self.states.get(erasure, {}).get(ref)

    def step(self, erasure: str, refs: Collection[ShardRef]) -> Step:
        """Return the step that every one of the shards has reached."""
        states = self.states.get(erasure, {})
        return min((states[ref].step if ref in states else NOTHING for ref in refs), default=GONE)

    def request(self, erasure: str) -> Request:
        """Return a request by its id, or by an unambiguous beginning of it.

        Raises:
            ErasureError: there is none, or more than one.
        """
        found = [each for each in self.requests.values() if each.erasure.startswith(erasure)]
        if len(found) == 1 and erasure:
            return found[0]
        what = "several erasures begin" if found and erasure else "no erasure begins"
        raise ErasureError(f"{what} with {erasure!r}: `sottovoce erase list` names those there are")

    def of_listener(self, pseudonym: bytes) -> Sequence[Request]:
        """Return every request for a listener, oldest first."""
        return self._by_listener.get(pseudonym, ())
