"""What can be wrong where privacy is concerned."""

from sottovoce.errors import SottovoceError


class PrivacyError(SottovoceError):
    """Something about noise, budgets or masking can't be as asked."""


class PrivacyParameterError(PrivacyError, ValueError):
    """A parameter is outside what the mathematics allows; the message names it and its value."""


class PlanError(PrivacyError):
    """The parts of a release plan are together more than the whole."""
