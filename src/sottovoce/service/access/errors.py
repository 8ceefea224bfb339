"""What is wrong with who is let in: a file, an address, a certificate."""

from sottovoce.errors import SottovoceError


class AccessError(SottovoceError):
    """The service can't tell who may do what."""


class CallersFileError(AccessError):
    """The file of callers is missing or malformed."""


class UnsafeAddressError(AccessError):
    """The service would let anybody in, or tokens be read on the way."""


class CertificateError(AccessError):
    """The server's certificate, its key or the clients' CA can't be used."""
