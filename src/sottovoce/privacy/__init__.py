"""Privacy: noise, what it costs, who may still spend, and what released figures may become.

Pure: no Kafka, no clock; randomness comes from OpenDP alone, or is handed in where it protects
nobody. The only importer of OpenDP. Proofs are in docs/privacy-mechanisms.md.
"""

from sottovoce.privacy.accounting import NOTHING, Budget, Charge, epsilon_of, rho_within
from sottovoce.privacy.errors import PlanError, PrivacyError, PrivacyParameterError
from sottovoce.privacy.intervals import half_width, interval
from sottovoce.privacy.k_anonymity import k_anonymous_rows
from sottovoce.privacy.ledger import (
    Duplicate,
    Held,
    Ledger,
    Reason,
    Refused,
    SliceAccount,
    Verdict,
)
from sottovoce.privacy.masking import mask_features, mask_times
from sottovoce.privacy.mechanisms import Counts, Mechanism, Noise
from sottovoce.privacy.odometer import MONTH_DAYS, Reading, read_odometer
from sottovoce.privacy.plan import ReleasePlan, Standing
from sottovoce.privacy.records import (
    Allowance,
    ChargeRecord,
    LedgerRecord,
    Opening,
    Pot,
    ReleaseKey,
)
from sottovoce.privacy.synthetic import Margin, SyntheticListens, synthesize
from sottovoce.privacy.thresholds import release_above, thin, threshold_delta, threshold_for

__all__ = [
    "MONTH_DAYS",
    "NOTHING",
    "Allowance",
    "Budget",
    "Charge",
    "ChargeRecord",
    "Counts",
    "Duplicate",
    "Held",
    "Ledger",
    "LedgerRecord",
    "Margin",
    "Mechanism",
    "Noise",
    "Opening",
    "PlanError",
    "Pot",
    "PrivacyError",
    "PrivacyParameterError",
    "Reading",
    "Reason",
    "Refused",
    "ReleaseKey",
    "ReleasePlan",
    "SliceAccount",
    "Standing",
    "SyntheticListens",
    "Verdict",
    "epsilon_of",
    "half_width",
    "interval",
    "k_anonymous_rows",
    "mask_features",
    "mask_times",
    "read_odometer",
    "release_above",
    "rho_within",
    "synthesize",
    "thin",
    "threshold_delta",
    "threshold_for",
]
