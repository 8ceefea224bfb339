"""What can go wrong with erasures, one sentence each."""

from sottovoce.errors import SottovoceError


class ErasureError(SottovoceError):
    """There is no such erasure, or it can't be asked for."""


class CertificateError(SottovoceError):
    """A certificate that is not signed as it should be, or whose claims do not hold."""
