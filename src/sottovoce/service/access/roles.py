"""Who may call what: a rule for each RPC. What has no rule is refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal


class Role(StrEnum):
    """What a caller is let in for. No role implies another; a caller may have several."""

    ANALYST = "analyst"
    """Reads what has been released about the crowd."""
    STEWARD = "steward"
    """Erases listeners, whom the producer resolves by their accounts; reads the certificates."""
    OPERATOR = "operator"
    """Reads budgets, charges and true operational totals."""
    WRITER = "writer"
    """Hands plays to the producer, by the accounts' names."""


ALL_ROLES: Final = frozenset(Role)

type Policy = Literal["open", "callers", "off"]
"""Who may use a technical service: anybody, whoever is known, nobody (it is not served)."""

type Rule = frozenset[Role] | Literal["open"]
"""The roles of which a caller needs one, or: anybody, without credentials."""


def _rules(service: str, roles: set[Role], *methods: str) -> dict[str, Rule]:
    return {f"/{service}/{method}": frozenset(roles) for method in methods}


_QUERY: Final = "sottovoce.v1.QueryService"
_ERASURE: Final = "sottovoce.v1.ErasureService"
_PRODUCER: Final = "sottovoce.v1.ProducerService"

RULES: Final[Mapping[str, Rule]] = {
    **_rules(
        _QUERY,
        {Role.ANALYST},
        "CountDistinct",
        "CheckPlayed",
        "GetPlayedFilter",
        "SampleListens",
        "GetWindow",
        "GetSeries",
        "ListTop",
        "GetDistribution",
        "GetCorrelation",
        "FindSimilarTracks",
        "SearchTracks",
        "WatchTrends",
    ),
    **_rules(_QUERY, {Role.ANALYST, Role.OPERATOR}, "GetStatus", "GetBudget"),
    **_rules(_QUERY, {Role.OPERATOR}, "ListCharges"),
    **_rules(
        _ERASURE,
        {Role.STEWARD},
        "RequestErasure",
        "GetErasure",
        "ListErasures",
        "WatchErasure",
        "GetErasureCertificate",
    ),
    **_rules(_PRODUCER, {Role.WRITER}, "WritePlays", "GetCursor", "ConnectAccount"),
    **_rules(
        _PRODUCER,
        {Role.WRITER, Role.STEWARD},
        "ForgetAccount",
        "ForgetListener",
        "RestListener",
        "ResolveAccount",
    ),
}
"""Full names of methods. One by one: a new RPC is nobody's until somebody decided whose it is."""

_HEALTH: Final = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")
_REFLECTION: Final = ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",)


def rules_with(health: Policy, reflection: Policy) -> dict[str, Rule]:
    """Return the rules, those of health and reflection included."""
    rules = dict(RULES)
    for methods, policy in ((_HEALTH, health), (_REFLECTION, reflection)):
        if policy != "off":
            rule: Rule = "open" if policy == "open" else ALL_ROLES
            rules.update(dict.fromkeys(methods, rule))
    return rules
