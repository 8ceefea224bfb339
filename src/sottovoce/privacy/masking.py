"""What a real row shows less exactly than it is known.

**Guarantee:** the masked value is a function of the interval that the value lies in, so two values
of one interval can't be told apart: times of one hour, features of one of `steps` parts of [0, 1].
Masking alone protects nobody; it makes the groups of `sottovoce.privacy.k_anonymity` larger.

**Source:** Samarati & Sweeney, "Protecting privacy when disclosing information" (1998):
generalization.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.privacy.errors import PrivacyParameterError

HOUR_MS: Final = 3_600_000


def mask_times(times_ms: NDArray[np.int64], grain_ms: int = HOUR_MS) -> NDArray[np.int64]:
    """The start of the hour, or of another grain, that each time lies in; milliseconds UTC."""
    if grain_ms < 1:
        raise PrivacyParameterError(f"a grain of time must be at least 1 ms: {grain_ms}")
    return times_ms - times_ms % grain_ms


def mask_features(features: NDArray[np.floating], steps: int = 5) -> NDArray[np.float64]:
    """The middle of the part of [0, 1] that each feature lies in; beyond it, of the nearest part.

    Args:
        features: scaled to [0, 1]; an unknown one (NaN) stays unknown.
        steps: how many parts, at least 1.
    """
    if steps < 1:
        raise PrivacyParameterError(f"features must have at least 1 step: {steps}")
    parts = np.clip(np.floor(features * steps), 0, steps - 1)
    return np.asarray((parts + 0.5) / steps, dtype=np.float64)
