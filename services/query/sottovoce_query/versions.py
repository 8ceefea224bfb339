"""Which catalogues the slices of a range are pinned to."""

from __future__ import annotations

from sottovoce.data_sets import TermsTimeline
from sottovoce_query.ranges import Range


def versions_within(terms: TermsTimeline, asked: Range) -> list[str]:
    """Return the catalogue versions that the slices of a range are pinned to, the newest first."""
    first = terms.at(asked.start_ms) if terms.starts[0] <= asked.start_ms else None
    within = [each for each in terms if asked.start_ms < each.from_ms < asked.end_ms]
    every = [each.catalogue_version for each in ([first] if first else []) + within]
    return list(dict.fromkeys(reversed(every)))
