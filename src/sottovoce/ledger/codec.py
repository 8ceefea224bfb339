"""Records of the ledger as messages. Charges follow from the noise, so none can be understated."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError

from sottovoce.ledger.errors import LedgerError
from sottovoce.privacy import (
    NOTHING,
    Allowance,
    Budget,
    Charge,
    ChargeRecord,
    LedgerRecord,
    Mechanism,
    Noise,
    Opening,
    Pot,
    PrivacyParameterError,
    ReleaseKey,
    ReleasePlan,
    Standing,
)
from sottovoce.wire.v1 import release_pb2

PART_BYTES: Final = 512 * 1024
BODY_BYTES: Final = 16
_PART_DIGITS: Final = 4

_MECHANISMS: Final = {
    Mechanism.DISCRETE_LAPLACE: release_pb2.NOISE_MECHANISM_DISCRETE_LAPLACE,
    Mechanism.DISCRETE_GAUSSIAN: release_pb2.NOISE_MECHANISM_DISCRETE_GAUSSIAN,
}
_MECHANISM_OF: Final = {number: mechanism for mechanism, number in _MECHANISMS.items()}
_POTS: Final = {
    Pot.STANDING: release_pb2.BUDGET_POT_STANDING,
    Pot.RESERVE: release_pb2.BUDGET_POT_RESERVE,
}
_POT_OF: Final = {number: pot for pot, number in _POTS.items()}


def charge_of(noise: Noise | None, delta: Fraction = Fraction(0)) -> Charge:
    """Return what a release with this noise costs; nothing for what is outside the budget."""
    return NOTHING if noise is None else _charge_of(noise, delta)


@lru_cache(maxsize=4096)
def _charge_of(noise: Noise, delta: Fraction) -> Charge:
    plain = noise.charge
    return Charge(plain.rho, delta, plain.epsilon)


def encode_record(record: LedgerRecord) -> bytes:
    """Return a record of `charges`."""
    match record:
        case Opening():
            message = release_pb2.LedgerRecord(opening=_opening(record))
        case Allowance():
            message = release_pb2.LedgerRecord(allowance=_allowance(record))
        case ChargeRecord():
            message = release_pb2.LedgerRecord(charge=_charge(record))
    return message.SerializeToString()


def decode_record(data: bytes) -> LedgerRecord:
    """Read a record of `charges`.

    Raises:
        LedgerError: this version does not understand it, so it can't know what was spent.
    """
    try:
        message = release_pb2.LedgerRecord.FromString(data)
        match message.WhichOneof("record"):
            case "opening":
                return _read_opening(message.opening)
            case "allowance":
                return _read_allowance(message.allowance)
            case "charge":
                return _read_charge(message.charge)
    except (DecodeError, PrivacyParameterError, KeyError, OverflowError, ValueError) as error:
        raise LedgerError(f"a record of the ledger can't be read: {error}") from error
    raise LedgerError("a record of the ledger is of a kind that this version lacks: upgrade it")


def encode_body(ledger: bytes, body: bytes, content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each part of a body on `releases`."""
    pieces = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)] or [b""]
    for number, piece in enumerate(pieces):
        part = release_pb2.ReleasePart(
            ledger=ledger, draw=body, part=number, parts=len(pieces), content=piece
        )
        yield body + number.to_bytes(_PART_DIGITS, "big"), part.SerializeToString()


def decode_part(value: bytes) -> release_pb2.ReleasePart:
    """Read a part of a body.

    Raises:
        LedgerError: it is none.
    """
    try:
        return release_pb2.ReleasePart.FromString(value)
    except DecodeError as error:
        raise LedgerError(f"a part of a release can't be read: {error}") from error


def _opening(record: Opening) -> release_pb2.LedgerOpening:
    return release_pb2.LedgerOpening(
        ledger=record.ledger,
        opened_at_ms=record.opened_at_ms,
        horizons=[
            release_pb2.LedgerHorizon(data_set=name, from_ms=from_ms)
            for name, from_ms in record.horizons
        ],
    )


def _read_opening(message: release_pb2.LedgerOpening) -> Opening:
    horizons = tuple((each.data_set, each.from_ms) for each in message.horizons)
    return Opening(message.ledger, message.opened_at_ms, horizons)


def _allowance(record: Allowance) -> release_pb2.LedgerAllowance:
    budget = record.budget
    return release_pb2.LedgerAllowance(
        ledger=record.ledger,
        data_set=record.data_set,
        from_ms=record.from_ms,
        epsilon=float(budget.epsilon),
        delta=float(budget.delta),
        order=float(budget.order or 0),
        reserve=float(budget.reserve),
        slices_per_day=record.slices_per_day,
        standing=[
            release_pb2.StandingShare(
                statistic=each.statistic,
                share=float(each.share),
                mechanism=_MECHANISMS[each.mechanism],
                delta_share=float(each.delta_share),
            )
            for each in record.plan.standing
        ],
    )


def _read_allowance(message: release_pb2.LedgerAllowance) -> Allowance:
    budget = Budget(
        Fraction(message.epsilon),
        Fraction(message.delta),
        Fraction(message.order) if message.order else None,
        Fraction(message.reserve),
    )
    standing = tuple(
        Standing(
            each.statistic,
            Fraction(each.share),
            _MECHANISM_OF[each.mechanism],
            Fraction(each.delta_share),
        )
        for each in message.standing
    )
    plan = ReleasePlan(budget, standing)
    return Allowance(
        message.ledger, message.data_set, message.from_ms, plan, message.slices_per_day
    )


def _charge(record: ChargeRecord) -> release_pb2.LedgerCharge:
    slices = record.key.slices
    step = slices[1] - slices[0] if len(slices) > 1 else 1
    if slices != tuple(range(slices[0], slices[0] + step * len(slices), step)):
        raise LedgerError(f"a release reads slices in a row, not {slices}")
    message = release_pb2.LedgerCharge(
        ledger=record.ledger,
        data_set=record.key.data_set,
        first_slice_ms=slices[0],
        slice_step_ms=step,
        slices=len(slices),
        statistic=record.key.statistic,
        parameters=record.key.parameters,
        draw_number=record.key.draw,
        pot=_POTS[record.pot],
        delta=float(record.charge.delta),
        draw=record.body,
        made_at_ms=record.made_at_ms,
    )
    if record.noise is not None:
        message.noise.CopyFrom(
            release_pb2.NoiseOfRelease(
                mechanism=_MECHANISMS[record.noise.mechanism],
                scale=record.noise.scale,
                sensitivity=record.noise.sensitivity,
            )
        )
    return message


def _read_charge(message: release_pb2.LedgerCharge) -> ChargeRecord:
    first, step = message.first_slice_ms, message.slice_step_ms
    noise = None
    if message.HasField("noise"):
        told = message.noise
        noise = _noise(_MECHANISM_OF[told.mechanism], told.scale, told.sensitivity)
    key = ReleaseKey(
        message.data_set,
        tuple(range(first, first + step * message.slices, step)),
        message.statistic,
        message.parameters,
        message.draw_number if message.HasField("draw_number") else None,
    )
    return ChargeRecord(
        ledger=message.ledger,
        key=key,
        charge=charge_of(noise, Fraction(message.delta)),
        pot=_POT_OF[message.pot],
        noise=noise,
        body=message.draw,
        made_at_ms=message.made_at_ms,
    )


@lru_cache(maxsize=4096)
def _noise(mechanism: Mechanism, scale: float, sensitivity: int) -> Noise:
    return Noise(mechanism, scale, sensitivity)
