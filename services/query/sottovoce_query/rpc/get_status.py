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


def get_status(_: query_pb2.GetStatusRequest, sources: Sources) -> query_pb2.GetStatusResponse:
    """Answer GetStatus."""
    version = sources.book.latest
    modes = [each.gate.mode for each in sources.by_name.values()]
    return query_pb2.GetStatusResponse(
        version=sottovoce.__version__,
        privacy_mode=modes[0],
        data_sets=[_status(sources.by_name[name]) for name in sorted(sources.by_name)],
        catalogue_version=version,
        catalogue_tracks=len(sources.book.catalogue_of(version)),
    )


def _status(source: Source) -> query_pb2.DataSetStatus:
    cells = source.cells
    data_set = cells.data_set
    progress = [each for each in cells.progress if each is not None]
    status = query_pb2.DataSetStatus(
        name=data_set.name,
        pane=to_duration(data_set.pane_ms),
        slice=to_duration(data_set.slice_ms),
        shards=data_set.shards,
        waits_for=waits_for(cells, time.time_ns() // 1_000_000),
        admitted=sum(each.admitted for each in progress),
        slices=len(cells.starts),
    )
    if cells.complete_through_ms:
        status.complete_through.CopyFrom(to_timestamp(cells.complete_through_ms))
    starts = cells.starts
    if starts:
        status.first_slice.CopyFrom(to_timestamp(starts[0]))
        status.last_slice.CopyFrom(to_timestamp(starts[-1]))
    if progress:
        status.committed_at.CopyFrom(to_timestamp(max(each.committed_at_ms for each in progress)))
    refused: Counter[int] = Counter()
    for shard in progress:
        for each in shard.refused:
            refused[each.refusal] += each.count
    for refusal, count in sorted(refused.items()):
        status.refused.add(reason=refusal_name(refusal), count=count)
    return status


def waits_for(cells: HeldCells, now_ms: int) -> str:
    """Say in one sentence why nothing newer is complete."""
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
