"""Changing the terms of slices to come, so that no slice that began is judged by new ones."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sottovoce.data_sets.creation import FIRST_TERMS, is_untouched
from sottovoce.data_sets.data_set import SECOND_MS, DataSet, DataSetError
from sottovoce.data_sets.publishing import ADMINISTRATOR
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.sealing import sealed_through
from sottovoce.data_sets.terms import Terms, TermsTimeline
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.topics import Topics
from sottovoce.kafka.transactions import TransactionalWriter
from sottovoce.wire import keys

NOTICE_MS: Final = 5 * SECOND_MS
"""New terms are written at least so long before the first listen of their first slice can come, so
that every service has read them by then."""

PROFILE_TERMS: Final[Mapping[str, Mapping[str, Terms]]] = MappingProxyType(
    {
        "standard": FIRST_TERMS,
        # Slices of 30 s are complete seconds after their end; a listener counts in 240 of a day's
        # 2,880, which is two hours of listening, with as many listens as half a minute holds.
        "demo": {
            **FIRST_TERMS,
            "live": Terms(
                "live", lateness_ms=2 * SECOND_MS, listens_per_slice=4, slices_per_day=240
            ),
        },
    }
)
"""The first terms of each profile's data sets."""


def next_terms(
    data_set: DataSet,
    timeline: TermsTimeline,
    changes: Mapping[str, Any],
    *,
    now_ms: int,
    untouched: bool,
    sealed_ms: int = 0,
) -> Terms | None:
    """Return the terms that put changes into force as early as is right.

    From the first slice on while nothing was ever written; else `live` changes with the next slice
    of which no listen can come within `NOTICE_MS`, those from the future included, and a data set
    of seals with the day after the last seal.

    Args:
        data_set: whose terms.
        timeline: the terms that there are.
        changes: fields of `Terms` and their new values.
        now_ms: the current time.
        untouched: whether the data set's log was never written to.
        sealed_ms: the end of what is sealed; for a data set of seals.

    Returns:
        The new terms; None where the last ones say the same.

    Raises:
        DataSetError: the change would judge listens that are written already by new bounds.
    """
    last = list(timeline)[-1] if len(timeline) else Terms(data_set.name)
    changed = dataclasses.replace(last, **changes)
    if changed == last:
        return None
    if untouched:
        return dataclasses.replace(changed, from_ms=0)
    if data_set.by_append_time:
        # A listen may come before its slice begins, and must not be judged by terms that change.
        early_ms = max((each.future_ms for each in timeline), default=last.future_ms)
        notice_ms = NOTICE_MS + early_ms
        from_ms = data_set.slice_of(now_ms + notice_ms - 1) + data_set.slice_ms
        return dataclasses.replace(changed, from_ms=from_ms)
    if changed.listens_per_slice < last.listens_per_slice:
        raise DataSetError(
            f"{data_set.name}: listens_per_slice can't go down from {last.listens_per_slice} to "
            f"{changed.listens_per_slice}, since days that are not sealed may hold more of a "
            "listener already; raise it, or set it before the first listen is written"
        )
    return dataclasses.replace(changed, from_ms=max(sealed_ms, data_set.first_ms))


def pin(
    settings: KafkaSettings, changes: Mapping[str, Any], data_sets: tuple[str, ...] = ()
) -> list[Terms]:
    """Write new terms for slices to come.

    Args:
        settings: where Kafka is.
        changes: fields of `Terms` and their new values, such as `catalogue_version`.
        data_sets: whose terms; those of all data sets where none are named.

    Returns:
        What was written: nothing for a data set whose last terms say the same.

    Raises:
        DataSetError: a change is out of bounds, or no such data set.
    """
    writer = TransactionalWriter(settings, ADMINISTRATOR)
    registry = Registry(settings)
    new = []
    for name in data_sets or sorted(registry.data_sets):
        data_set = registry.data_set(name)
        untouched = is_untouched(settings, data_set)
        closed_by_seals = not data_set.by_append_time and not untouched
        terms = next_terms(
            data_set,
            registry.terms(name),
            changes,
            now_ms=time.time_ns() // 1_000_000,
            untouched=untouched,
            sealed_ms=sealed_through(settings, data_set) if closed_by_seals else 0,
        )
        if terms is not None:
            new.append(terms)
    registry.close()
    if new:
        topic = Topics(settings.kafka_topic_prefix).catalogues
        with writer.transaction():
            for terms in new:
                key = keys.terms_key(terms.data_set, terms.from_ms)
                writer.produce(topic, key, terms.to_message().SerializeToString())
    return new
