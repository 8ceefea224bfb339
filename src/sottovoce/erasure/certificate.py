"""The certificate of an erasure: what was done where, what remains and until when, signed.

It is for stewards: it names the cells that a listener was in.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sottovoce.data_sets.data_set import DataSet
from sottovoce.erasure.book import GONE, REBUILT, Request, step_name
from sottovoce.erasure.errors import CertificateError
from sottovoce.erasure.signing import SigningKey, VerifyingKey
from sottovoce.wire.refusals import refusal_name
from sottovoce.wire.v1 import erasure_pb2


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CertifiedBlock(_Part):
    """A block of a shard's log (an hour of append time) that held records of the listener."""

    block: int
    first_offset: int
    last_offset: int
    records: int


class CertifiedCell(_Part):
    """A cell that counted the listener; its digest is empty where nothing was left of it."""

    slice_ms: int
    digest: str


class CertifiedShard(_Part):
    """What was done in a shard; times in milliseconds since 1970 UTC, 0 before their step."""

    data_set: str
    shard: int
    step: str
    denied_from: int
    rebuilt_through: int
    cells_end: int
    blocks: tuple[CertifiedBlock, ...]
    cells: tuple[CertifiedCell, ...]
    admitted: int
    refused: Mapping[str, int]
    dead_letters: tuple[int, ...]
    tombstones: int
    retired_offset: int
    denied_at_ms: int
    rebuilt_at_ms: int
    tombstoned_at_ms: int
    gone_at_ms: int

    @property
    def is_rebuilt(self) -> bool:
        """Whether cells and index are those of a shard that never saw the listener."""
        return self.step not in ("requested", "denied")

    @property
    def is_gone(self) -> bool:
        """Whether compaction was seen to have removed the listener's records."""
        return self.step == step_name(GONE)


class CertifiedDataSet(_Part):
    """Which making of a data set it is about."""

    name: str
    epoch: str
    shards: int


class Remainder(_Part):
    """Something that remains for a while.

    Attributes:
        what: one sentence.
        where: a topic.
        until_ms: milliseconds since 1970 UTC; None where it stays, or ends with an event.
    """

    what: str
    where: str
    until_ms: int | None


class Statement(_Part):
    """What is certified.

    Attributes:
        listener: the pseudonym, which no vault connects with anybody any more.
        complete: whether every shard has come to the end.
    """

    version: Literal[1] = 1
    erasure: str
    listener: str = Field(repr=False)
    request_offset: int
    requested_at_ms: int
    issued_at_ms: int
    complete: bool
    data_sets: tuple[CertifiedDataSet, ...]
    shards: tuple[CertifiedShard, ...]
    remains: tuple[Remainder, ...]

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, which are signed: sorted keys, no spaces, UTF-8."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read canonical bytes.

        Raises:
            CertificateError: they are no statement of this version, or not canonical.
        """
        try:
            statement = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise CertificateError(
                f"the statement can't be read: {where}: {first['msg']}"
            ) from None
        if statement.to_bytes() != data:
            raise CertificateError("the statement is not in its canonical form")
        return statement


def statement_of(
    request: Request,
    states: Iterable[erasure_pb2.ErasureState],
    data_sets: Iterable[DataSet],
    *,
    issued_at_ms: int,
    remains: Iterable[Remainder] = (),
) -> Statement:
    """Return what is certified of an erasure as it stands now.

    Args:
        request: which.
        states: that of each shard.
        data_sets: all that there are.
        issued_at_ms: now.
        remains: what `sottovoce.erasure.remains` tells.
    """
    made = tuple(data_sets)
    shards = tuple(
        _shard(state) for state in sorted(states, key=lambda each: (each.data_set, each.shard))
    )
    return Statement(
        erasure=request.erasure,
        listener=request.pseudonym.hex(),
        request_offset=request.offset,
        requested_at_ms=request.requested_at_ms,
        issued_at_ms=issued_at_ms,
        complete=len(shards) == sum(each.shards for each in made)
        and all(shard.is_gone for shard in shards),
        data_sets=tuple(
            CertifiedDataSet(name=each.name, epoch=each.epoch.hex(), shards=each.shards)
            for each in sorted(made, key=lambda each: each.name)
        ),
        shards=shards,
        remains=tuple(remains),
    )


def _shard(state: erasure_pb2.ErasureState) -> CertifiedShard:
    rebuilt = state.step >= REBUILT
    return CertifiedShard(
        data_set=state.data_set,
        shard=state.shard,
        step=step_name(state.step),
        denied_from=state.denied_from,
        rebuilt_through=state.rebuilt_through if rebuilt else 0,
        cells_end=state.cells_end,
        blocks=tuple(
            CertifiedBlock(
                block=each.block,
                first_offset=each.first_offset,
                last_offset=each.last_offset,
                records=each.records,
            )
            for each in state.blocks
        ),
        cells=tuple(
            CertifiedCell(slice_ms=each.slice_ms, digest=each.digest.hex()) for each in state.cells
        ),
        admitted=state.admitted,
        refused={refusal_name(each.refusal): each.count for each in state.refused},
        dead_letters=tuple(state.dead_letters),
        tombstones=state.tombstones,
        retired_offset=state.retired_offset,
        denied_at_ms=state.denied_at_ms,
        rebuilt_at_ms=state.rebuilt_at_ms,
        tombstoned_at_ms=state.tombstoned_at_ms,
        gone_at_ms=state.gone_at_ms,
    )


def sign(statement: Statement, key: SigningKey) -> erasure_pb2.ErasureCertificate:
    """Return a statement with its signature."""
    plain = statement.to_bytes()
    return erasure_pb2.ErasureCertificate(
        erasure=statement.erasure,
        statement=plain,
        signature=key.sign(plain),
        key_id=key.verifying.key_id,
    )


def check_signature(certificate: erasure_pb2.ErasureCertificate, key: VerifyingKey) -> Statement:
    """Return the statement of a certificate.

    Raises:
        CertificateError: another key signed it, it was changed, or it is none.
    """
    if certificate.key_id != key.key_id:
        raise CertificateError(
            f"the certificate was signed by the key {certificate.key_id!r}, this is "
            f"{key.key_id!r}: give the public half of the key that signs here"
        )
    if not key.is_signed(certificate.statement, certificate.signature):
        raise CertificateError(
            f"the signature does not fit: the certificate was changed after {key.key_id!r} signed "
            "it, or that key never did"
        )
    statement = Statement.from_bytes(certificate.statement)
    if statement.erasure != certificate.erasure:
        raise CertificateError(
            f"the certificate is filed under {certificate.erasure!r} and speaks of "
            f"{statement.erasure!r}"
        )
    return statement


def to_json(certificate: erasure_pb2.ErasureCertificate) -> str:
    """Return a certificate as the text of a file: its statement is readable, and signed as is."""
    statement = json.loads(certificate.statement)
    envelope = {
        "statement": statement,
        "signature": base64.b64encode(certificate.signature).decode(),
        "key_id": certificate.key_id,
    }
    return json.dumps(envelope, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> erasure_pb2.ErasureCertificate:
    """Read what `to_json` wrote; nothing is checked but the shape.

    Raises:
        CertificateError: it is no certificate.
    """
    try:
        envelope = json.loads(text)
        statement = envelope["statement"]
        plain = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return erasure_pb2.ErasureCertificate(
            erasure=str(statement["erasure"]),
            statement=plain.encode(),
            signature=base64.b64decode(envelope["signature"], validate=True),
            key_id=str(envelope["key_id"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CertificateError(
            "it is no certificate: it needs a statement, its signature and key_id"
        ) from error
