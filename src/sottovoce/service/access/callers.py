"""The callers that are known: what each shows, and what it may."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from sottovoce.service.access.errors import CallersFileError
from sottovoce.service.access.rates import NO_LIMIT, Limit
from sottovoce.service.access.roles import Role
from sottovoce.service.access.tokens import token_hash

_ID_LENGTH: Final = 8


class Entry(BaseModel):
    """One token or certificate. A caller has several while it changes from one to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
    roles: frozenset[Role] = Field(min_length=1)
    token_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    certificate: str | None = Field(None, min_length=1, max_length=1_000)
    created_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    rate_per_second: float | None = Field(None, ge=0, le=1e6)
    rate_burst: int | None = Field(None, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.token_sha256 is None) == (self.certificate is None):
            raise ValueError(f"{self.name} needs either token_sha256 or certificate")
        return self

    @field_serializer("roles")
    def _in_order(self, roles: frozenset[Role]) -> list[str]:
        return sorted(roles)

    @property
    def id(self) -> str:
        """What tells it from the caller's other entries: of a token, how its hash begins."""
        return self.certificate or (self.token_sha256 or "")[:_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        name: as the file of callers has it.
        roles: what it is let in for.
    """

    name: str
    roles: frozenset[Role]

    def has(self, role: Role) -> bool:
        """Whether it is let in for this."""
        return role in self.roles


@dataclass(frozen=True, slots=True)
class Known:
    """An entry as a call needs it: made once, looked up at each call.

    Attributes:
        caller: whose it is.
        expires_at: seconds since 1970 from which on it is not let in; infinite where it always is.
        limit: how often the caller may call.
    """

    caller: Caller
    expires_at: float
    limit: Limit


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    callers: tuple[Entry, ...]


class Callers:
    """Entries by what is shown.

    Args:
        entries: all of them.
        limit: how often a caller may call whose entry says nothing of it.

    Raises:
        CallersFileError: two entries are let in by the same thing.
    """

    def __init__(self, entries: Iterable[Entry] = (), limit: Limit = NO_LIMIT) -> None:
        self.entries = tuple(entries)
        self._by_hash: dict[str, Known] = {}
        self._by_certificate: dict[str, Known] = {}
        for entry in self.entries:
            known = _known(entry, limit)
            if entry.token_sha256 is not None:
                first = self._by_hash.setdefault(entry.token_sha256, known)
            else:
                first = self._by_certificate.setdefault(entry.certificate or "", known)
            if first is not known:
                raise CallersFileError(
                    f"{first.caller.name} and {entry.name} are both let in by {entry.id}: each "
                    "entry needs a token or certificate of its own"
                )

    @classmethod
    def from_json(cls, text: str, limit: Limit = NO_LIMIT) -> Self:
        """Read them.

        Raises:
            CallersFileError: it is no list of callers; names the place and repeats no value.
        """
        try:
            return cls(_Document.model_validate_json(text).callers, limit)
        except ValidationError as error:
            # Not the errors' own text: it repeats what was given, and somebody may have put a
            # token where its hash belongs.
            wrong = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'the document'}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False)
            )
            raise CallersFileError(wrong) from None

    def to_json(self) -> str:
        """Return them as they are kept."""
        document = _Document(callers=self.entries)
        return document.model_dump_json(indent=2, exclude_none=True) + "\n"

    def by_token(self, token: str) -> Known | None:
        """Return whose token it is.

        What is compared is a hash of what was sent, and its sender can't choose that: how long
        the look-up takes tells nothing about a token.
        """
        return self._by_hash.get(token_hash(token))

    def by_certificate(self, names: Sequence[str]) -> Known | None:
        """Return whose certificate it is: the first of its names that is known."""
        for name in names:
            if (known := self._by_certificate.get(name)) is not None:
                return known
        return None


def _known(entry: Entry, limit: Limit) -> Known:
    per_second, burst = entry.rate_per_second, entry.rate_burst
    return Known(
        Caller(entry.name, entry.roles),
        math.inf if entry.expires_at is None else entry.expires_at.timestamp(),
        Limit(
            limit.per_second if per_second is None else per_second,
            limit.burst if burst is None else burst,
        ),
    )
