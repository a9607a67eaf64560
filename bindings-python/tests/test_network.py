"""Proxies and certificates, as users of httpx and requests expect."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import infrai
import pytest
from conftest import KEY
from scripted import Reply, ScriptedServer


@pytest.fixture
def authority(tmp_path: Path) -> tuple[object, Path]:
    trustme = pytest.importorskip("trustme", reason="trustme is not there for this interpreter")
    authority = trustme.CA()
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, path


@pytest.fixture
def secure(authority: tuple[object, Path]) -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("127.0.0.1").configure_cert(context)  # type: ignore[attr-defined]
    server = ScriptedServer(context)
    server.on("*", {"balance_usd": 1})
    yield server
    server.stop()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ca_file"])
def test_an_authority_of_ones_own_is_trusted_when_named(
    secure: ScriptedServer, authority: tuple[object, Path], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    client = infrai.InfraiClient(KEY, base_url=secure.url, max_retries=0)
    with pytest.raises(infrai.ConnectionError, match="certificate") as caught:
        client.account.balance()
    assert not caught.value.retryable and "SSL_CERT_FILE" in caught.value.hint
    if variable == "ca_file":
        client = infrai.InfraiClient(KEY, base_url=secure.url, ca_file=authority[1])
    else:
        monkeypatch.setenv(variable, str(authority[1]))
        client = infrai.InfraiClient(KEY, base_url=secure.url)
    assert client.account.balance().balance_usd == 1


def test_a_companys_root_counts_beside_condas_bundle(
    secure: ScriptedServer, authority: tuple[object, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme = pytest.importorskip("trustme", reason="trustme is not there for this interpreter")
    conda = tmp_path / "conda.pem"
    trustme.CA().cert_pem.write_to_path(str(conda))
    monkeypatch.setenv("SSL_CERT_FILE", str(conda))
    with pytest.raises(infrai.ConnectionError, match="certificate"):
        infrai.InfraiClient(KEY, base_url=secure.url).account.balance()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority[1]))
    assert infrai.InfraiClient(KEY, base_url=secure.url).account.balance().balance_usd == 1


def test_proxies_come_from_the_environment_and_never_stand_before_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("*", {"balance_usd": 1})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert infrai.InfraiClient(KEY, base_url=server.url).account.balance().balance_usd == 1
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    client = infrai.InfraiClient(KEY, base_url="http://api.test.invalid", allow_insecure_http=True)
    assert client.account.balance().balance_usd == 1
    assert server.requests[-1].path == "http://api.test.invalid/v1/account/balance"
    monkeypatch.setenv("no_proxy", "api.test.invalid")
    monkeypatch.setenv("NO_PROXY", "api.test.invalid")
    direct = infrai.InfraiClient(
        KEY, base_url="http://api.test.invalid", allow_insecure_http=True, max_retries=0
    )
    with pytest.raises(infrai.ConnectionError):
        direct.account.balance()


def test_the_proxy_argument_wins(server: ScriptedServer) -> None:
    server.on("*", Reply({"balance_usd": 1}))
    client = infrai.InfraiClient(
        KEY,
        base_url="http://api.test.invalid",
        allow_insecure_http=True,
        proxy=server.url.replace("//", "//user:pw@"),
    )
    assert client.account.balance().balance_usd == 1
    assert server.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert "pw" not in repr(client)
