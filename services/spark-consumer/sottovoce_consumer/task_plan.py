"""What the planner hands to a task of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sottovoce_consumer.admission import Admission, SealTimeline
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.ranges import Range


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """All that a task needs: ranges of one data set, its rules, what stands before each range."""

    ranges: tuple[Range, ...]
    admission: Admission
    seals: Mapping[int, SealTimeline]
    denied: DenyList = field(default_factory=DenyList)
