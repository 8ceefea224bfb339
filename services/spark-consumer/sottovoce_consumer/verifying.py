"""Verifying a certificate: the log is replayed, and what stands is compared with what is claimed.

`python -m sottovoce_consumer.verifying`, which `sottovoce erasure verify` runs: it needs the
consumer's rules, which the library doesn't have, and no Spark.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field, FilePath

from sottovoce.cells import CellContent, ShardView, content_of
from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.registry import Registry
from sottovoce.erasure import CertificateError, ErasureBook, Statement, VerifyingKey, statement_of
from sottovoce.erasure.book import GONE, REBUILT
from sottovoce.erasure.certificate import CertifiedShard, check_signature, from_json
from sottovoce.erasure.log import ErasureLog
from sottovoce.errors import SottovoceError
from sottovoce.service.settings import end_with_error, load_settings
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.forgetting import is_own
from sottovoce_consumer.ranges import Range, ShardRef
from sottovoce_consumer.recovery import read_views
from sottovoce_consumer.replaying import Replay, first_listens, rules_in
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.tasks import Found, reading


class VerifySettings(ConsumerSettings):
    """What a verification is told."""

    certificate: FilePath = Field(description="The certificate, a JSON file")
    public_key: FilePath = Field(description="The public half of the key that signs here, PEM")


class Verifier:
    """Compares what a statement claims with what the topics hold.

    Args:
        settings: where Kafka is.
    """

    def __init__(self, settings: ConsumerSettings) -> None:
        registry = Registry(settings)
        self._data_sets: Mapping[str, DataSet] = registry.data_sets
        registry.close()
        with ErasureLog(settings) as log:
            self._book: ErasureBook = log.book
        self._views = read_views(settings, list(self._data_sets.values()))
        read = reading(settings)
        self._replay = Replay(
            lambda tasks: (output for task in tasks for output in task.run(read)),
            rules_in(settings),
            first_listens(settings),
            settings.max_listens_per_task,
            workers=1,
        )

    def verify(self, statement: Statement) -> list[str]:
        """Return what is to be known besides, such as that a later erasure superseded a cell.

        Raises:
            CertificateError: a claim does not hold, and which.
        """
        self._check_claims(statement)
        notes = []
        for shard in statement.shards:
            if shard.is_rebuilt:
                notes += self._check_log(statement, shard)
                notes += self._check_cells(statement, shard)
        if not statement.complete:
            notes.append("it was issued before the erasure was complete")
        return notes

    def _check_claims(self, statement: Statement) -> None:
        """Compare with the request and the states that stand in `erasures`."""
        request = self._book.requests.get(statement.erasure)
        if request is None:
            raise CertificateError(f"nobody asked for the erasure {statement.erasure!r} here")
        states = self._book.states.get(statement.erasure, {})
        real = statement_of(
            request,
            states.values(),
            self._data_sets.values(),
            issued_at_ms=statement.issued_at_ms,
        )
        for name in ("listener", "request_offset", "requested_at_ms", "data_sets"):
            if getattr(statement, name) != getattr(real, name):
                raise CertificateError(f"its {name} is not that of the erasure that was asked for")
        claimed = {(each.data_set, each.shard): each for each in statement.shards}
        if len(claimed) != len(statement.shards) or not claimed.keys() <= states.keys():
            raise CertificateError("it names a shard twice, or one that there is not")
        if statement.complete and claimed.keys() != {
            (each.name, shard) for each in self._data_sets.values() for shard in range(each.shards)
        }:
            raise CertificateError("it says that it is complete, and does not name every shard")
        if statement.complete and not all(each.is_gone for each in statement.shards):
            raise CertificateError("it says that it is complete, and a shard is not at the end")
        for each in real.shards:
            mine = claimed.get((each.data_set, each.shard))
            if mine is not None:
                _check_shard(mine, each)

    def _check_log(self, statement: Statement, shard: CertifiedShard) -> list[str]:
        """Look for the listener's records in all of a shard's log."""
        listener = bytes.fromhex(statement.listener)
        ref = (shard.data_set, shard.shard)
        found = list(
            self._replay.search(self._whole(ref), {ref: self._seals(ref)}, DenyList.of((listener,)))
        )
        own = sum(is_own(key, listener) for each in found for key in each.keys)
        foreign = sum(len(each.keys) for each in found) - own
        if shard.is_gone and own:
            raise CertificateError(
                f"{_place(ref)}: it says that the listener's records are gone, and the log holds "
                f"{own}"
            )
        if own and not shard.is_gone:
            self._check_touched(ref, shard, found)
        if foreign:
            return [f"{_place(ref)}: {foreign} records under other listeners' keys stay"]
        return []

    def _check_touched(self, ref: ShardRef, shard: CertifiedShard, found: Sequence[Found]) -> None:
        """Compare the cells that the listener's records are in with those that are named."""
        touched = {
            start
            for each in found
            for start, refusal, offset in zip(
                each.slices.tolist(), each.refusals.tolist(), each.offsets.tolist(), strict=True
            )
            if not refusal and offset < shard.denied_from
        }
        missing = touched - {cell.slice_ms for cell in shard.cells}
        missing &= self._views[ref].cells.keys()
        if missing:
            raise CertificateError(
                f"{_place(ref)}: it leaves out cells that the listener was in: {sorted(missing)}"
            )

    def _check_cells(self, statement: Statement, shard: CertifiedShard) -> list[str]:
        """Count the named cells anew: as they were rebuilt, and as they are now."""
        ref = (shard.data_set, shard.shard)
        slices = frozenset(cell.slice_ms for cell in shard.cells)
        if not slices:
            return []
        view, notes = self._views[ref], []
        following = view.progress.next_offset if view.progress is not None else 0
        then = self._recount(ref, slices, shard.rebuilt_through, statement)
        now = self._recount(ref, slices, following, statement)
        for cell in shard.cells:
            start = cell.slice_ms
            place = f"{_place(ref)}, slice {start}"
            if start not in view.cells and self._is_expired(view, start):
                notes.append(f"{place}: it was kept no longer, nothing is left to compare")
                continue
            if view_payload(view, start) != now[start].payload():
                raise CertificateError(f"{place}: the cell is not what a replay makes of the log")
            later = self._superseding(statement, shard, start)
            if later is not None:
                notes.append(f"{place}: superseded by the erasure {later}")
            elif cell.digest != _digest(then[start]):
                raise CertificateError(
                    f"{place}: the digest is not that of a replay without the listener"
                )
        return notes

    def _recount(
        self, ref: ShardRef, slices: frozenset[int], through: int, statement: Statement
    ) -> dict[int, CellContent]:
        refs = [
            (each.name, shard) for each in self._data_sets.values() for shard in range(each.shards)
        ]
        excluded = [bytes.fromhex(statement.listener)] + [
            each.pseudonym
            for each in self._book.requests.values()
            if self._book.step(each.erasure, [ref]) >= REBUILT
            and self._book.step(each.erasure, refs) < GONE
        ]
        parts: dict[int, list[cell_pb2.CellPart]] = {start: [] for start in slices}
        for row in self._replay.recount(
            dict.fromkeys(self._whole(ref, through), slices),
            {ref: self._seals(ref)},
            DenyList.of(excluded),
        ):
            part = cell_pb2.CellPart.FromString(row.body)
            parts[part.slice_ms].append(part)
        return {start: content_of(mine) for start, mine in parts.items()}

    def _superseding(self, statement: Statement, shard: CertifiedShard, start: int) -> str | None:
        """Return a later erasure that rebuilt the same cell."""
        for erasure, states in self._book.states.items():
            state = states.get((shard.data_set, shard.shard))
            if state is None or erasure == statement.erasure or state.step < REBUILT:
                continue
            later = state.rebuilt_through >= shard.rebuilt_through
            if later and any(cell.slice_ms == start for cell in state.cells):
                return erasure
        return None

    def _whole(self, ref: ShardRef, through: int | None = None) -> list[Range]:
        progress = self._views[ref].progress
        end = progress.next_offset if progress is not None else 0
        return [Range(*ref, 0, end if through is None else through)]

    def _seals(self, ref: ShardRef) -> SealTimeline:
        progress = self._views[ref].progress or cell_pb2.ShardProgress()
        return SealTimeline(
            tuple(seal.offset for seal in progress.seals),
            tuple(seal.through_ms for seal in progress.seals),
        )

    def _is_expired(self, view: ShardView, start: int) -> bool:
        kept, progress = view.data_set.cell_retention_ms, view.progress
        end = start + view.data_set.slice_ms
        return kept >= 0 and progress is not None and end + kept <= progress.append_time_ms


def view_payload(view: ShardView, start: int) -> bytes:
    """Return the canonical bytes of a cell, of an empty one where it is not there."""
    cell = view.cells.get(start)
    return (cell.content() if cell is not None else CellContent()).payload()


def _check_shard(claimed: CertifiedShard, real: CertifiedShard) -> None:
    """Compare a shard's claims with its state, which may have moved on since."""
    moved_on = claimed.step != real.step
    names = ["denied_from", "denied_at_ms"]
    if claimed.is_rebuilt:
        names += ["rebuilt_through", "cells_end", "cells", "admitted", "refused", "dead_letters"]
        names += ["rebuilt_at_ms"]
    if not moved_on:
        names = list(CertifiedShard.model_fields)
    order = ["requested", "denied", "rebuilt", "tombstoned", "gone"]
    if claimed.step not in order or order.index(claimed.step) > order.index(real.step):
        raise CertificateError(
            f"{_place((real.data_set, real.shard))}: it claims the step {claimed.step!r}, and the "
            f"erasure is at {real.step!r}"
        )
    for name in names:
        if getattr(claimed, name) != getattr(real, name):
            raise CertificateError(
                f"{_place((real.data_set, real.shard))}: its {name} is not what the consumer wrote"
            )


def _digest(content: CellContent) -> str:
    return hashlib.sha256(content.payload()).hexdigest() if len(content.plays) else ""


def _place(ref: ShardRef) -> str:
    return f"{ref[0]}, shard {ref[1]}"


def verify(path: Path, key: VerifyingKey, settings: ConsumerSettings) -> Iterator[str]:
    """Yield lines for a person about a certificate that holds.

    Raises:
        CertificateError: it does not hold, and why.
    """
    statement = check_signature(from_json(path.read_text()), key)
    notes = Verifier(settings).verify(statement)
    cells = sum(len(shard.cells) for shard in statement.shards)
    yield (
        f"the certificate of {statement.erasure} holds: {len(statement.shards)} shards, "
        f"{cells} cells, signed by {key.key_id}"
    )
    yield from (f"note: {note}" for note in notes)


def main(arguments: list[str] | None = None) -> None:
    """Verify the certificate that the arguments name; exit with 1 where it does not hold."""
    try:
        settings = load_settings(
            VerifySettings,
            "sottovoce erasure verify",
            sys.argv[1:] if arguments is None else arguments,
        )
        settings.require_broker()
        key = VerifyingKey.load(settings.public_key)
        for line in verify(settings.certificate, key, settings):
            sys.stdout.write(f"{line}\n")
    except SottovoceError as error:
        end_with_error(error)


if __name__ == "__main__":
    main()
