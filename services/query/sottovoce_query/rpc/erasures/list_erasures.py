"""Every erasure, page by page."""

from __future__ import annotations

from typing import Final

from sottovoce.wire.v1 import erasure_service_pb2
from sottovoce_query.erasures.register import ErasureRegister
from sottovoce_query.errors import bad_question

DEFAULT_SIZE: Final = 100
MAX_SIZE: Final = 1_000


def list_erasures(
    request: erasure_service_pb2.ListErasuresRequest, register: ErasureRegister
) -> erasure_service_pb2.ListErasuresResponse:
    """Answer ListErasures; a page of more than 1,000 is cut to that."""
    if request.page_size < 0:
        raise bad_question("page_size", f"give 1 to {MAX_SIZE:,}, not {request.page_size}")
    size = min(request.page_size or DEFAULT_SIZE, MAX_SIZE)
    erasures, more = register.page(size, request.page_token)
    return erasure_service_pb2.ListErasuresResponse(erasures=erasures, next_page_token=more)
