"""Whether a call is let in, and whose it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, Self

from prometheus_client import CollectorRegistry, Counter, Gauge

from sottovoce.service.access import refusals
from sottovoce.service.access.callers import Caller, Known
from sottovoce.service.access.callers_file import CallersFile
from sottovoce.service.access.rates import Limit, Rates
from sottovoce.service.access.refusals import Refused
from sottovoce.service.access.roles import ALL_ROLES, Rule, rules_with
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
        limit: how often all may call together where no callers are named.
        registry: where refusals are counted.
        now: seconds since 1970.
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
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._file = file
        self._certificates = certificates
        self._this_machine = Known(THIS_MACHINE, math.inf, limit)
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
        path, limit = settings.access_file, settings.limit
        file = None if path is None else CallersFile(path, limit)
        return cls(
            rules_with(settings.health_access, settings.reflection_access),
            file,
            certificates=settings.tls_client_ca_file is not None,
            limit=limit,
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
        return self._decide(method, context, counts=True)

    def recheck(self, method: str, context: Context) -> None:
        """Return while a call that was let in still would be, however often it calls.

        Raises:
            Refused: it would not: revoked or expired meanwhile.
        """
        self._decide(method, context, counts=False)

    def _decide(self, method: str, context: Context, *, counts: bool) -> Caller:
        try:
            rule = self._rules.get(method)
            if rule is None:
                raise refusals.without_rule(method)
            if rule == "open":
                return ANYBODY
            known = self._identify(context)
            if counts and known.limit.per_second:
                self._take(known)
            if known.caller.roles.isdisjoint(rule):
                raise refusals.role_missing(method, rule)
        except Refused as refused:
            self._refusals.labels(method.rpartition("/")[2], refused.reason).inc()
            raise
        return known.caller

    def _identify(self, context: Context) -> Known:
        if self._file is None:
            return self._this_machine
        callers = self._file.current()
        token = _bearer_token(context.invocation_metadata() or ())
        if token is not None:
            known = callers.by_token(token)
        elif self._certificates:
            known = callers.by_certificate(_certificate_names(context.auth_context()))
        else:
            raise refusals.credentials_missing()
        if known is None:
            raise refusals.credentials_wrong()
        if self._now() >= known.expires_at:
            raise refusals.expired()
        return known

    def _take(self, known: Known) -> None:
        wait = self._rates.take(known.caller.name, known.limit, self._monotonic())
        if wait:
            raise refusals.rate_limited(known.limit.per_second, wait)


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
