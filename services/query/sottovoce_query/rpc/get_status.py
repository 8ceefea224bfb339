"""What is complete through when, and why it waits."""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import sottovoce
from sottovoce.wire.refusals import refusal_name
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import iso
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import complete_at_ms, to_duration, to_timestamp
from sottovoce_query.sources import Source, Sources

QUIET_MS: Final = 30_000
"""A consumer that committed nothing for longer is not heard of."""


def get_status(
    _: query_pb2.GetStatusRequest, sources: Sources, *, totals: bool = True
) -> query_pb2.GetStatusResponse:
    """Answer GetStatus.

    Args:
        sources: what there is.
        totals: whether who asks may see true totals.
    """
    version = sources.book.latest
    modes = [each.gate.mode for each in sources.by_name.values()]
    response = query_pb2.GetStatusResponse(
        version=sottovoce.__version__,
        privacy_mode=modes[0],
        data_sets=[_status(sources.by_name[name], totals) for name in sorted(sources.by_name)],
        catalogue_version=version,
        catalogue_tracks=len(sources.book.catalogue_of(version)),
    )
    if sources.releasing is not None:
        response.epsilon = sources.releasing.epsilon
        response.delta = sources.releasing.delta
    return response


def _status(source: Source, totals: bool) -> query_pb2.DataSetStatus:
    cells, gate = source.cells, source.gate
    data_set = cells.data_set
    progress = [each for each in cells.progress if each is not None]
    status = query_pb2.DataSetStatus(
        name=data_set.name,
        pane=to_duration(data_set.pane_ms),
        slice=to_duration(data_set.slice_ms),
        ranking=to_duration(gate.ranking_ms),
        shards=data_set.shards,
        waits_for=waits_for(source, time.time_ns() // 1_000_000),
    )
    through_ms, floor_ms = gate.complete_through_ms, gate.floor_ms
    if through_ms:
        status.complete_through.CopyFrom(to_timestamp(through_ms))
    # By the clock alone: whether anybody listened in a slice is for the gate to say.
    first_ms = floor_ms + -floor_ms % data_set.slice_ms
    last_ms = data_set.slice_of(through_ms) - data_set.slice_ms
    if first_ms <= last_ms:
        status.first_slice.CopyFrom(to_timestamp(first_ms))
        status.last_slice.CopyFrom(to_timestamp(last_ms))
    if progress:
        status.committed_at.CopyFrom(to_timestamp(max(each.committed_at_ms for each in progress)))
    if totals:
        _add_totals(status, cells)
    return status


def _add_totals(status: query_pb2.DataSetStatus, cells: HeldCells) -> None:
    refused: Counter[int] = Counter()
    for shard in cells.progress:
        if shard is not None:
            status.admitted += shard.admitted
            for each in shard.refused:
                refused[each.refusal] += each.count
    for refusal, count in sorted(refused.items()):
        status.refused.add(reason=refusal_name(refusal), count=count)
    status.slices = len(cells.starts)


def waits_for(source: Source, now_ms: int) -> str:
    """Say in one sentence why nothing newer is complete."""
    cells = source.cells
    data_set = cells.data_set
    silent = [str(shard) for shard, each in enumerate(cells.progress) if each is None]
    if silent:
        return (
            f"The consumer has committed nothing yet for shards {', '.join(silent)} of "
            f"{data_set.name}: is it running?"
        )
    if not data_set.by_append_time:
        return "An operator seals it: `sottovoce seal --through DATE`."
    newest = max(each.committed_at_ms for each in cells.progress if each is not None)
    if now_ms - newest > QUIET_MS:
        return f"The consumer committed last at {iso(newest)}: is it running?"
    end_ms = cells.complete_through_ms + data_set.pane_ms
    if not cells.complete_through_ms:
        return "No shard's log has come as far as its first pane's end and the allowed lateness."
    lateness = cells.terms.at(end_ms - 1).lateness_ms
    return (
        f"The pane that ends {iso(end_ms)} will be complete at about "
        f"{iso(complete_at_ms(end_ms, cells))}: listens may come {lateness / 1000:g} s late."
    )
