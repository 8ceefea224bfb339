from __future__ import annotations

import json

import pytest

from sottovoce.data_sets.data_set import PROFILES
from sottovoce.erasure import CertificateError, Request, SigningKey, VerifyingKey, statement_of
from sottovoce.erasure.certificate import Statement, check_signature, from_json, sign, to_json
from sottovoce.erasure.remains import remains
from sottovoce.kafka.topics import Topics
from sottovoce.wire.v1 import cell_pb2, erasure_pb2

REQUEST = Request("ab" * 16, bytes(range(16)), 1_000, 7)
DATA_SETS = list(PROFILES["demo"].values())


def states(step=erasure_pb2.ERASURE_STEP_GONE):
    return [
        erasure_pb2.ErasureState(
            erasure=REQUEST.erasure,
            data_set=data_set.name,
            shard=shard,
            step=step,
            denied_from=100,
            rebuilt_through=120,
            blocks=[erasure_pb2.ErasedBlock(block=3, first_offset=1, last_offset=9, records=2)],
            cells=[erasure_pb2.ErasedCell(slice_ms=30_000, digest=b"\1" * 32)],
            admitted=2,
            refused=[cell_pb2.RefusalCount(refusal=cell_pb2.REFUSAL_LATE, count=1)],
            tombstones=3,
            gone_at_ms=5_000,
        )
        for data_set in DATA_SETS
        for shard in range(data_set.shards)
    ]


@pytest.fixture(scope="module")
def key():
    return SigningKey.create()


def statement(given=None):
    given = states() if given is None else given
    left = remains(given, DATA_SETS, Topics(), tombstones_kept_ms=60_000)
    return statement_of(REQUEST, given, DATA_SETS, issued_at_ms=9_000, remains=left)


def test_what_was_signed_comes_back_from_a_file(key):
    certificate = from_json(to_json(sign(statement(), key)))
    assert check_signature(certificate, key.verifying) == statement()
    assert statement().complete
    assert Statement.from_bytes(statement().to_bytes()) == statement()


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(listener="00" * 16),
        lambda body: body.update(complete=False),
        lambda body: body["shards"][0].update(denied_from=99),
        lambda body: body["shards"].pop(),
        lambda body: body["shards"][1]["cells"].clear(),
        lambda body: body["remains"].pop(),
    ],
)
def test_a_changed_statement_is_rejected(key, change):
    envelope = json.loads(to_json(sign(statement(), key)))
    change(envelope["statement"])
    with pytest.raises(CertificateError, match="the signature does not fit"):
        check_signature(from_json(json.dumps(envelope)), key.verifying)


def test_another_keys_signature_is_rejected_also_under_this_keys_name(key):
    other = SigningKey.create()
    certificate = sign(statement(), other)
    with pytest.raises(CertificateError, match="was signed by the key"):
        check_signature(certificate, key.verifying)
    certificate.key_id = key.verifying.key_id
    with pytest.raises(CertificateError, match="the signature does not fit"):
        check_signature(certificate, key.verifying)


def test_a_statement_of_another_shape_is_rejected_even_if_signed(key):
    certificate = sign(statement(), key)
    certificate.statement = certificate.statement.replace(b'"version":1', b'"version":2')
    certificate.signature = key.sign(certificate.statement)
    with pytest.raises(CertificateError, match="version"):
        check_signature(certificate, key.verifying)
    with pytest.raises(CertificateError, match="no certificate"):
        from_json("[]")


def test_it_is_complete_only_when_every_shard_is_at_the_end():
    assert not statement(states()[:-1]).complete
    early = statement(states(erasure_pb2.ERASURE_STEP_TOMBSTONED))
    assert not early.complete
    assert any("until compaction was seen" in each.what for each in early.remains)
    tombstones = [each for each in statement().remains if each.what.startswith("tombstones")]
    assert [each.until_ms for each in tombstones] == [65_000, 65_000]


def test_a_key_is_kept_for_its_owner_alone_and_never_overwritten(tmp_path, key):
    path = tmp_path / "steward.pem"
    public = key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).verifying.key_id == key.verifying.key_id
    assert VerifyingKey.load(public).key_id == VerifyingKey.load(path).key_id
    with pytest.raises(CertificateError, match="never overwritten"):
        key.save(path)
    path.chmod(0o604)
    with pytest.raises(CertificateError, match="chmod 600"):
        SigningKey.load(path)
    public.write_text("nonsense")
    with pytest.raises(CertificateError, match="no Ed25519 public key"):
        VerifyingKey.load(public)
    assert "PRIVATE" not in repr(key)
