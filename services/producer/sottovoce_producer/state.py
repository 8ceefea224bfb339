"""What a writer knows."""

from __future__ import annotations

from dataclasses import dataclass, field

from sottovoce_producer.intake import Intake
from sottovoce_producer.listeners import Listeners
from sottovoce_producer.tracks import TrackNames


@dataclass(slots=True)
class WriterState:
    """All that a writer recovers from the log and keeps in step with it.

    Attributes:
        listeners: accounts and pseudonyms.
        track_names: what was told of tracks.
        intakes: data sets by name.
        cursors: where each source stands.
        days_over: data set, day and listener's number of slices that need not be kept any more;
            their records are deleted with the next transaction.
        read_to: how far each partition of `listens.*` was read back, and `tracks`.
    """

    listeners: Listeners
    track_names: TrackNames
    intakes: dict[str, Intake]
    cursors: dict[str, bytes] = field(default_factory=dict)
    days_over: list[tuple[str, int, int]] = field(default_factory=list)
    read_to: dict[tuple[str, int], int] = field(default_factory=dict)
