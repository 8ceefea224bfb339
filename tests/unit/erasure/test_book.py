from __future__ import annotations

import pytest

from sottovoce.erasure import ErasureBook, ErasureError, Request
from sottovoce.erasure.book import DENIED, GONE, NOTHING, REBUILT, state_key, step_name
from sottovoce.erasure.pseudonyms import halves_of, parse_pseudonym, pseudonym_of
from sottovoce.wire.v1 import erasure_pb2

REFS = [("live", 0), ("live", 1)]


def written(*records):
    book = ErasureBook()
    for offset, (key, value) in enumerate(records):
        book.apply(key, value, offset)
    return book


def test_an_erasure_is_as_far_as_its_slowest_shard():
    request = Request("aa11", b"\7" * 16, 5)
    records = [(request.key, request.to_bytes())]
    assert written(*records).step("aa11", REFS) == NOTHING
    for shard, step in ((0, GONE), (1, DENIED)):
        state = erasure_pb2.ErasureState(erasure="aa11", data_set="live", shard=shard, step=step)
        records.append((state_key(state), state.SerializeToString()))
    book = written(*records)
    assert book.step("aa11", REFS) == DENIED
    assert book.step("aa11", REFS[:1]) == GONE
    assert book.state("aa11", ("live", 1)).step == DENIED
    assert step_name(REBUILT) == "rebuilt"
    assert step_name(NOTHING) == "requested"


def test_a_request_is_found_by_the_beginning_of_its_id_and_by_its_listener():
    requests = [Request("aa11", b"\7" * 16, 5), Request("aa22", b"\7" * 16, 6)]
    book = written(*((each.key, each.to_bytes()) for each in requests))
    assert book.request("aa2").requested_at_ms == 6
    assert book.request("aa2").offset == 1
    assert [each.erasure for each in book.of_listener(b"\7" * 16)] == ["aa11", "aa22"]
    with pytest.raises(ErasureError, match="several"):
        book.request("aa")
    with pytest.raises(ErasureError, match="no erasure begins with 'b'"):
        book.request("b")


def test_a_pseudonym_is_32_digits_and_what_was_given_instead_is_not_repeated():
    pseudonym = bytes(range(200, 216))
    assert parse_pseudonym(pseudonym.hex()) == pseudonym
    assert pseudonym_of(*halves_of(pseudonym)) == pseudonym
    for wrong in ("somebody@mail", "ab" * 15, "ab" * 17, "g" * 32):
        with pytest.raises(ErasureError) as caught:
            parse_pseudonym(wrong)
        assert wrong not in str(caught.value)
