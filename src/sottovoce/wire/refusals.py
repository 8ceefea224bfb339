"""Why a record does not count, in the word that metrics, answers and people have for it."""

from __future__ import annotations

from sottovoce.wire.v1 import cell_pb2


def refusal_name(refusal: int) -> str:
    """Return a refusal's word, such as "late" or "over_bound"; a newer version's is "other"."""
    if refusal not in cell_pb2.Refusal.values():
        return "other"
    name = cell_pb2.Refusal.Name(cell_pb2.Refusal.ValueType(refusal))
    return name.removeprefix("REFUSAL_").lower()
