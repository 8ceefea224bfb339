"""Whether a call is let in, and whose it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, Self

from prometheus_client import CollectorRegistry, Counter, Gauge

from sottovoce.service.access import refusals
from sottovoce.service.access.callers import Entry
from sottovoce.service.access.callers_file import CallersFile
from sottovoce.service.access.rates import Limit, Rates
from sottovoce.service.access.refusals import Refused
from sottovoce.service.access.roles import ALL_ROLES, Role, Rule, rules_with
from sottovoce.service.access.settings import AccessSettings

_AUTHORIZATION: Final = "authorization"
_SCHEME: Final = "bearer"
_CERTIFICATE_NAMES: Final = ("x509_subject_alternative_name", "x509_common_name")


class Context(Protocol):
    """What is asked of a call: both of grpcio's contexts have it."""

    def invocation_metadata(self) -> Sequence[Any] | None:
        """Return the call's metadata."""

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        """Return what TLS knows of the client."""


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


THIS_MACHINE: Final = Caller("this-machine", ALL_ROLES)
"""Whoever calls where no callers are named: all together are one caller."""
ANYBODY: Final = Caller("anybody", frozenset())
"""Whoever calls what is open."""


class Access:
    """Lets calls in, or refuses them. Any thread may use it.

    Args:
        rules: of each RPC; what has none is refused.
        file: the callers; None: whoever reaches the service may do everything.
        certificates: whether clients show certificates.
        limit: how often a caller may call that has no limit of its own.
        registry: where refusals are counted.
        now: the time.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        file: CallersFile | None,
        *,
        certificates: bool,
        limit: Limit,
        registry: CollectorRegistry,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._file = file
        self._certificates = certificates
        self._limit = limit
        self._rates = Rates()
        self._now = now
        self._monotonic = monotonic
        self._refusals = Counter(
            "sottovoce_access_refusals_total",
            "Calls that were refused at the door",
            ["method", "reason"],
            registry=registry,
        )
        Gauge(
            "sottovoce_access_file_broken",
            "1 while the file of callers is unreadable, and what it held before is used",
            registry=registry,
        ).set_function(lambda: file is not None and file.broken)

    @classmethod
    def of(cls, settings: AccessSettings, registry: CollectorRegistry) -> Self:
        """Return what the settings say.

        Raises:
            CallersFileError: the file of callers can't be read.
        """
        return cls(
            rules_with(settings.health_access, settings.reflection_access),
            None if settings.access_file is None else CallersFile(settings.access_file),
            certificates=settings.tls_client_ca_file is not None,
            limit=settings.limit,
            registry=registry,
        )

    def admit(self, method: str, context: Context) -> Caller:
        """Let a call in.

        Args:
            method: its full name, such as /sottovoce.v1.QueryService/ListTop.
            context: of the call.

        Raises:
            Refused: it is not let in; the message says why.
        """
        return self._decide(method, context, self._limit)

    def recheck(self, method: str, context: Context) -> None:
        """Return while a call that was let in still would be, however often it calls.

        Raises:
            Refused: it would not: revoked or expired meanwhile.
        """
        self._decide(method, context, None)

    def _decide(self, method: str, context: Context, limit: Limit | None) -> Caller:
        try:
            rule = self._rules.get(method)
            if rule is None:
                raise refusals.without_rule(method)
            if rule == "open":
                return ANYBODY
            caller, own_limit = self._identify(context)
            if limit is not None:
                self._take(caller, own_limit or limit)
            if caller.roles.isdisjoint(rule):
                raise refusals.role_missing(method, rule)
        except Refused as refused:
            self._refusals.labels(method.rpartition("/")[2], refused.reason).inc()
            raise
        return caller

    def _identify(self, context: Context) -> tuple[Caller, Limit | None]:
        if self._file is None:
            return THIS_MACHINE, None
        callers = self._file.current()
        token = _bearer_token(context.invocation_metadata() or ())
        if token is not None:
            entry = callers.by_token(token)
        elif self._certificates:
            entry = callers.by_certificate(_certificate_names(context.auth_context()))
        else:
            raise refusals.credentials_missing(certificates=False)
        if entry is None:
            raise refusals.credentials_wrong()
        if entry.expired(self._now()):
            raise refusals.expired()
        return Caller(entry.name, entry.roles), self._limit_of(entry)

    def _limit_of(self, entry: Entry) -> Limit | None:
        per_second, burst = entry.rate_per_second, entry.rate_burst
        if per_second is None and burst is None:
            return None
        return Limit(
            self._limit.per_second if per_second is None else per_second,
            self._limit.burst if burst is None else burst,
        )

    def _take(self, caller: Caller, limit: Limit) -> None:
        wait = self._rates.take(caller.name, limit, self._monotonic())
        if wait:
            raise refusals.rate_limited(limit.per_second, wait)


def _bearer_token(metadata: Sequence[Any]) -> str | None:
    """The token of a call; None where it has none. Another scheme's credentials are wrong ones."""
    for key, value in metadata:
        if key == _AUTHORIZATION:
            scheme, _, token = str(value).partition(" ")
            if scheme.lower() != _SCHEME:
                raise refusals.credentials_wrong()
            return token.strip()
    return None


def _certificate_names(auth_context: Mapping[str, Sequence[bytes]]) -> list[str]:
    """The names that a client's certificate bears, alternative ones first."""
    return [
        name.decode("utf-8", "replace")
        for kind in _CERTIFICATE_NAMES
        for name in auth_context.get(kind, ())
    ]
