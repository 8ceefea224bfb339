"""What a service refuses to start with."""

from __future__ import annotations

import pytest
from tests.certificates import Authority

from sottovoce.service.access import AccessSettings
from sottovoce.service.access.errors import CertificateError, UnsafeAddressError
from sottovoce.service.access.tls import server_credentials
from sottovoce.service.settings import InvalidSettingsError, load_settings

LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"]
REACHABLE = ["0.0.0.0", "::", "[::]", "10.0.0.1", "query", "localhost.example", ""]


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_nothing_is_needed(host):
    AccessSettings().require_safe(host, "query_host")


@pytest.mark.parametrize("host", REACHABLE)
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "anybody may do everything"),
        ({"tls_cert_file": "c", "tls_key_file": "k"}, "anybody may do everything"),
        ({"tls_terminated_elsewhere": True}, "anybody may do everything"),
        ({"access_file": "a"}, "tokens could be read on the way"),
    ],
)
def test_elsewhere_callers_and_tls_are_needed(host, told, said):
    with pytest.raises(UnsafeAddressError, match=said) as refused:
        AccessSettings(**told).require_safe(host, "query_host")
    assert "query_host" in str(refused.value)


@pytest.mark.parametrize(
    "told",
    [
        {"access_file": "a", "tls_cert_file": "c", "tls_key_file": "k"},
        {"access_file": "a", "tls_terminated_elsewhere": True},
    ],
)
def test_with_both_any_host_will_do(told):
    AccessSettings(**told).require_safe("0.0.0.0", "query_host")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tls-cert-file=c"], "go together"),
        (["--tls-key-file=k"], "go together"),
        (["--access-file=a", "--tls-client-ca-file=c"], "needs tls_cert_file"),
        (["--tls-client-ca-file=c", "--tls-cert-file=c", "--tls-key-file=k"], "needs access_file"),
        (["--health-access=nobody"], "'open', 'callers' or 'off'"),
        (["--rate-burst=0"], "rate_burst"),
    ],
)
def test_settings_that_make_no_sense_are_refused(flags, said):
    with pytest.raises(InvalidSettingsError, match=said):
        load_settings(AccessSettings, "x", flags)


def test_certificate_files_are_read_at_the_start(tmp_path):
    cert, key = Authority(tmp_path).server()
    _, other = Authority(tmp_path, "other").server("other-server")
    told = {"tls_cert_file": cert, "tls_key_file": key}
    assert server_credentials(AccessSettings()) is None
    assert server_credentials(AccessSettings(**told)) is not None
    with pytest.raises(CertificateError, match="are no certificate, its unencrypted key"):
        server_credentials(AccessSettings(**told | {"tls_key_file": other}))
    with pytest.raises(CertificateError, match="nowhere can't be read"):
        server_credentials(AccessSettings(**told | {"tls_key_file": tmp_path / "nowhere"}))
    with pytest.raises(CertificateError, match="are no certificate"):
        server_credentials(
            AccessSettings(**told, tls_client_ca_file=key, access_file=tmp_path / "a")
        )
