"""Which plays count at all: declarative rules, each with a name under which its cuts are counted.

A rule looks at the play alone, never at what came before, so its verdict is the same whenever the
play comes. Rules are asked in the order of `RULES`; a play is counted under the first that cuts it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from sottovoce.wire import listens as wire
from sottovoce_producer.plays import Plays

type Mask = npt.NDArray[np.bool_]

RULES = ("min_ms_played", "private_sessions", "countries", "unknown_tracks")
"""The names of the rules, in the order in which they are asked."""


class FilterSettings(BaseModel):
    """Which plays count; by default all of them."""

    model_config = ConfigDict(frozen=True)

    min_ms_played: int = Field(
        0,
        ge=0,
        description="Fewest milliseconds heard; 30000 is a usual rule for skips; plays of unknown "
        "length count",
    )
    private_sessions: bool = Field(True, description="Whether plays of private sessions count")
    countries: list[str] = Field(
        [],
        description="Countries (ISO 3166-1 alpha-2) whose plays count; empty: all and unknown ones",
    )
    unknown_tracks: bool = Field(
        True, description="Whether tracks count that the slice's pinned catalogue lacks"
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """The rules under some settings."""

    settings: FilterSettings

    def judge(self, plays: Plays, in_catalogue: Mask) -> tuple[Mask, dict[str, int]]:
        """Return which plays count, and how many each rule cuts.

        Args:
            plays: the plays.
            in_catalogue: whether the slice's pinned catalogue has each play's track.
        """
        settings = self.settings
        kept = np.ones(len(plays), np.bool_)
        cut: dict[str, int] = {}

        def apply(rule: str, fine: Mask) -> None:
            lost = int(np.count_nonzero(kept & ~fine))
            if lost:
                cut[rule] = lost
                kept[:] &= fine

        if settings.min_ms_played:
            unknown = (plays.flags & wire.MS_PLAYED_KNOWN) == 0
            apply("min_ms_played", unknown | (plays.ms_played >= settings.min_ms_played))
        if not settings.private_sessions:
            apply("private_sessions", ~plays.private)
        if settings.countries:
            codes = [wire.country_code(country) for country in settings.countries]
            apply("countries", np.isin(plays.country, codes))
        if not settings.unknown_tracks:
            apply("unknown_tracks", in_catalogue)
        return kept, cut
