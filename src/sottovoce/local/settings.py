"""What the system on this machine is told: ports, folder, how much is made up."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from sottovoce.local import ports, prerequisites
from sottovoce.local.errors import PrerequisiteError


@dataclass(frozen=True, slots=True)
class StackPorts:
    """Where everything listens, on the loopback interface."""

    kafka: int = 19_092
    query: int = 50_051
    producer: int = 50_061
    producer_metrics: int = 9_461
    consumer_metrics: int = 9_462
    query_metrics: int = 9_463
    dashboard: int = 8_501

    @classmethod
    def free(cls) -> StackPorts:
        """Return ports that nobody uses."""
        chosen: set[int] = set()
        while len(chosen) < len(dataclasses.fields(cls)):
            chosen.add(ports.free_port())
        return cls(*chosen)

    def require_free(self, unused: Collection[str] = ()) -> None:
        """Return when all but the unused are free.

        Raises:
            PrerequisiteError: one is taken, or two are the same; the message names the options.
        """
        options: dict[int, str] = {}
        for each in dataclasses.fields(self):
            if each.name in unused:
                continue
            number = getattr(self, each.name)
            option = f"--{each.name.replace('_', '-')}-port"
            if number in options:
                raise PrerequisiteError(
                    f"{options[number]} and {option} are both {number}: give them different ports."
                )
            options[number] = option
            prerequisites.port(number, option).require()


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What the stack is told.

    Attributes:
        folder: where broker, logs and truth live.
        ports: where everything listens.
        keep: go on with what the folder holds; else it begins empty.
        rate: made-up plays a second.
        listeners: made-up accounts.
        seats: how many of them listen at a time.
        tracks: made-up tracks.
        seed: decides what is made up.
        slice_ms: length of a slice of `live`; None: the profile's.
        lateness_ms: how late a listen of `live` may come; None: the profile's.
        listens_per_slice: C of `live`; None: the profile's.
        truth: whether the producer keeps exactly what it wrote.
        dashboard: whether there is one.
        epsilon: what may be given away about one listener's slice; None: the service's default.
        personal: one's own history alone: nobody is made up, and answers are exact.
    """

    folder: Path
    ports: StackPorts = field(default_factory=StackPorts)
    keep: bool = False
    rate: float = 300.0
    listeners: int = 20_000
    seats: int = 3_000
    tracks: int = 2_000
    seed: int = 1
    slice_ms: int | None = None
    lateness_ms: int | None = None
    listens_per_slice: int | None = None
    truth: bool = False
    dashboard: bool = False
    epsilon: float | None = None
    personal: bool = False
