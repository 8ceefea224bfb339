"""Records and bodies mean the same after they were bytes; what can't be understood is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.ledger import Body, LedgerError, RealRow
from sottovoce.ledger.codec import charge_of, decode_record, encode_body, encode_record
from sottovoce.privacy import (
    NOTHING,
    Allowance,
    ChargeRecord,
    Mechanism,
    Noise,
    Opening,
    Pot,
    ReleaseKey,
    ReleasePlan,
    Standing,
)
from sottovoce.wire.v1 import release_pb2

ID = st.binary(min_size=16, max_size=16)
TIME = st.integers(0, 1 << 42)
NOISE = st.one_of(
    st.builds(Noise.laplace, st.fractions(Fraction(1, 1000), 10), st.integers(1, 500)),
    st.builds(Noise.gaussian, st.fractions(Fraction(1, 10**6), 1), st.integers(1, 10**10)),
)


@st.composite
def keys(draw):
    first, step = draw(TIME), draw(st.integers(1, 86_400_000))
    count = draw(st.integers(1, 50))
    return ReleaseKey(
        draw(st.sampled_from(["live", "history"])),
        tuple(range(first, first + step * count, step)),
        draw(st.text(max_size=20)),
        draw(st.text(max_size=20)),
        draw(st.none() | st.integers(0, 3_000)),
    )


@st.composite
def charges(draw):
    noise = draw(st.none() | NOISE)
    delta = Fraction(draw(st.sampled_from([0.0, 1e-10, 2.5e-10])) if noise else 0.0)
    return ChargeRecord(
        ledger=draw(ID),
        key=draw(keys()),
        charge=charge_of(noise, delta),
        pot=draw(st.sampled_from(Pot)),
        noise=noise,
        body=draw(ID),
        made_at_ms=draw(TIME),
    )


@st.composite
def allowances(draw):
    parts = draw(st.integers(1, 8))
    standing = [
        Standing(f"s{n}", Fraction(1, parts + 1), draw(st.sampled_from(Mechanism)), Fraction(1, 9))
        for n in range(parts)
    ]
    epsilon = draw(st.floats(1, 50))
    plan = ReleasePlan.of(epsilon, 1e-9, standing, Fraction(1, parts + 1))
    return Allowance(draw(ID), "live", draw(TIME), plan, draw(st.integers(1, 2_880)))


openings = st.builds(Opening, ID, TIME, st.just((("history", 5), ("live", 7))))


@given(st.one_of(charges(), allowances(), openings))
def test_a_record_means_the_same_after_it_was_bytes(record):
    assert decode_record(encode_record(record)) == record


@given(NOISE, st.sampled_from([0.0, 1e-10]))
def test_what_a_release_costs_follows_from_its_noise_and_not_from_what_is_told(noise, delta):
    key = ReleaseKey("live", (0,), "genres")
    understated = ChargeRecord(b"x" * 16, key, NOTHING, noise=noise, body=b"y" * 16)
    assert decode_record(encode_record(understated)).charge == charge_of(noise)
    assert charge_of(noise, Fraction(delta)).delta == Fraction(delta)
    assert charge_of(noise).rho > 0


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"",
        release_pb2.LedgerRecord(
            charge=release_pb2.LedgerCharge(slices=1, noise=release_pb2.NoiseOfRelease(scale=1))
        ).SerializeToString(),
        release_pb2.LedgerRecord(charge=release_pb2.LedgerCharge()).SerializeToString(),
    ],
)
def test_a_record_that_cannot_be_understood_is_an_error_since_it_may_have_spent(data):
    with pytest.raises(LedgerError):
        decode_record(data)


def test_a_release_of_slices_that_are_not_in_a_row_has_no_form():
    key = ReleaseKey("live", (0, 30, 90), "listeners")
    with pytest.raises(LedgerError, match="in a row"):
        encode_record(ChargeRecord(b"x", key, NOTHING))


VALUES = st.lists(st.integers(-(2**50), 2**50), max_size=60)


@st.composite
def bodies(draw):
    others = sorted(draw(st.sets(st.integers(0, 2**64 - 1), max_size=9)))
    return Body(
        domain=draw(st.text(max_size=8)),
        catalogue_version=draw(st.text(max_size=8)),
        values=np.array(draw(VALUES), np.int64),
        other_keys=np.array(others, np.uint64),
        other_values=np.arange(len(others), dtype=np.int64) - 4,
        other_threshold=draw(st.integers(0, 10**6)),
        rows=tuple(
            RealRow(n, "dub", "DE", 3_600_000 * n, (0.5, 0.25))
            for n in range(draw(st.integers(0, 3)))
        ),
    )


def same(one, other):
    fields = ("domain", "catalogue_version", "thinned_below", "other_threshold", "rows")
    arrays = ("values", "other_keys", "other_values")
    assert [getattr(one, name) for name in fields] == [getattr(other, name) for name in fields]
    for name in arrays:
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert (one.places is None) == (other.places is None)
    assert one.places is None or one.places.tolist() == other.places.tolist()


@given(bodies())
def test_a_body_means_the_same_after_it_was_bytes(body):
    same(Body.from_bytes(body.to_bytes()), body)


@given(bodies(), st.integers(-100, 100))
def test_a_thinned_body_has_the_places_that_reach_the_threshold(body, threshold):
    thinned = body.thinned(threshold)
    assert thinned.places.tolist() == [n for n, v in enumerate(body.values) if v >= threshold]
    assert (thinned.values >= threshold).all()
    same(Body.from_bytes(thinned.to_bytes()), thinned)
    assert thinned.thinned(threshold + 5) is thinned


def test_a_long_body_travels_in_parts():
    values = np.random.default_rng(1).integers(-(2**40), 2**40, 400_000)
    content = Body("tracks", "v", values).to_bytes()
    parts = [
        release_pb2.ReleasePart.FromString(v) for _, v in encode_body(b"l", b"b" * 16, content)
    ]
    assert len(parts) > 1
    assert max(len(part.content) for part in parts) <= 512 * 1024
    assert Body.from_bytes(b"".join(part.content for part in parts)).values.tolist() == (
        values.tolist()
    )


def test_bytes_that_are_no_body_are_an_error():
    for data in (b"", b"not zstd", Body("x").to_bytes()[:-3]):
        with pytest.raises(LedgerError, match="no body"):
            Body.from_bytes(data)
