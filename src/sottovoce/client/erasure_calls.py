"""Every question about erasures as a call."""

from __future__ import annotations

from sottovoce.client.calls import Call
from sottovoce.client.erasures import Certificate, ErasedShard, Erasure
from sottovoce.client.errors import BadQuestion
from sottovoce.client.reading import time
from sottovoce.erasure import ErasureError
from sottovoce.erasure.book import step_name
from sottovoce.erasure.certificate import to_json
from sottovoce.erasure.pseudonyms import halves_of, parse_pseudonym
from sottovoce.wire.v1 import erasure_service_pb2


def request(pseudonym: str) -> Call[Erasure]:
    """Ask for a listener to be erased.

    Raises:
        BadQuestion: it is no pseudonym.
    """
    try:
        high, low = halves_of(parse_pseudonym(pseudonym))
    except ErasureError as error:
        raise BadQuestion(str(error)) from error
    asked = erasure_service_pb2.RequestErasureRequest(listener_high=high, listener_low=low)
    return Call("RequestErasure", asked, lambda response: _erasure(response.erasure))


def get(erasure: str) -> Call[Erasure]:
    """How far an erasure has come."""
    asked = erasure_service_pb2.GetErasureRequest(id=erasure)
    return Call("GetErasure", asked, lambda response: _erasure(response.erasure))


def page(token: str) -> Call[tuple[list[Erasure], str]]:
    """Some erasures, and where the next ones begin."""
    asked = erasure_service_pb2.ListErasuresRequest(page_token=token)
    return Call("ListErasures", asked, _page)


def watch(erasure: str) -> Call[Erasure]:
    """How far an erasure has come, again and again."""
    asked = erasure_service_pb2.WatchErasureRequest(id=erasure)
    return Call("WatchErasure", asked, lambda response: _erasure(response.erasure))


def certificate(erasure: str) -> Call[Certificate]:
    """The certificate of an erasure."""
    asked = erasure_service_pb2.GetErasureCertificateRequest(id=erasure)
    return Call(
        "GetErasureCertificate",
        asked,
        lambda response: Certificate(to_json(response.certificate), response.complete),
    )


def _page(response: erasure_service_pb2.ListErasuresResponse) -> tuple[list[Erasure], str]:
    return [_erasure(each) for each in response.erasures], response.next_page_token


def _erasure(message: erasure_service_pb2.Erasure) -> Erasure:
    return Erasure(
        id=message.id,
        requested_at=time(message.requested_at),
        step=step_name(message.step),
        shards=tuple(
            ErasedShard(each.data_set, each.shard, step_name(each.step)) for each in message.shards
        ),
        certified=message.certified,
    )
