"""Erasure: what was asked for, how far it has come in each shard, and the proof of it."""

from sottovoce.erasure.book import ErasureBook, Request, ShardRef
from sottovoce.erasure.certificate import Statement, statement_of
from sottovoce.erasure.errors import CertificateError, ErasureError
from sottovoce.erasure.signing import SigningKey, VerifyingKey

__all__ = [
    "CertificateError",
    "ErasureBook",
    "ErasureError",
    "Request",
    "ShardRef",
    "SigningKey",
    "Statement",
    "VerifyingKey",
    "statement_of",
]
