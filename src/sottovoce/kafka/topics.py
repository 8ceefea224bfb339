"""The names of the topics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of the topics under a prefix."""

    prefix: str = ""

    def _name(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def listens(self, data_set: str) -> str:
        """Return the topic of a data set's listens."""
        return self._name(f"listens.{data_set}")

    def cells(self, data_set: str) -> str:
        """Return the topic of a data set's cells."""
        return self._name(f"cells.{data_set}")

    @property
    def cursors(self) -> str:
        """Where sources stand; per listener and day, its slices."""
        return self._name("cursors")

    @property
    def vault(self) -> str:
        """Account to pseudonym, encrypted."""
        return self._name("vault")

    @property
    def tracks(self) -> str:
        """What a track's id means."""
        return self._name("tracks")

    @property
    def catalogues(self) -> str:
        """Data sets, their terms, and the catalogue's versions."""
        return self._name("catalogues")

    @property
    def dead_letters(self) -> str:
        """Refused records."""
        return self._name("dead-letters")

    @property
    def erasures(self) -> str:
        """Erasure requests, their state and certificates."""
        return self._name("erasures")

    @property
    def charges(self) -> str:
        """The ledger."""
        return self._name("charges")

    @property
    def releases(self) -> str:
        """Bodies of releases."""
        return self._name("releases")
