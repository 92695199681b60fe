"""Registries with an authority of their own."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mlpack.builders.oci.cache import Cache
from mlpack.builders.remote.push import push, remote_digest
from mlpack.errors import InvalidInput, RegistryFailed
from mlpack.tests.builders.remote.fake import FakeRegistry
from mlpack.tests.builders.remote.images import bundle, unique
from mlpack.tests.builders.remote.servers import Registry, registry, serving

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.crt, server.crt and .key, client.cert and .key."""
    ca, folder = trustme.CA(), tmp_path_factory.mktemp("authority")
    ca.cert_pem.write_to_path(str(folder / "ca.crt"))
    server, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("anna@example")
    for name, made, suffix in (("server", server, "crt"), ("client", client, "cert")):
        for pem in made.cert_chain_pems:
            pem.write_to_path(str(folder / f"{name}.{suffix}"), append=True)
        made.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    return folder


@pytest.fixture(scope="session")
def tls_registry(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One that speaks TLS."""
    tls = {"certificate": f"{authority}/server.crt", "key": f"{authority}/server.key"}
    with registry(tmp_path_factory.mktemp("tls-registry"), tls=tls) as running:
        yield running


@pytest.fixture(scope="session")
def mutual_registry(
    authority: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """One that wants a certificate of whoever comes."""
    tls = {"certificate": f"{authority}/server.crt", "key": f"{authority}/server.key"}
    clients = {"clientcas": [f"{authority}/ca.crt"]}
    with registry(tmp_path_factory.mktemp("mutual-registry"), tls={**tls, **clients}) as running:
        yield running


def trust(settings: Path, host: str, *files: Path) -> None:
    """As Docker's certs.d has it."""
    folder = settings / "certs.d" / host
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)


def test_an_unknown_authority(tls_registry: Registry, cache: Cache) -> None:
    with pytest.raises(RegistryFailed) as refused:
        push(bundle(cache), f"{tls_registry.host}/it:1")
    message = refused.value.message
    assert f"The certificate of https://{tls_registry.host} is not trusted" in message
    assert f"/etc/docker/certs.d/{tls_registry.host}/ca.crt" in message
    assert "SSL_CERT_FILE" in message


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_in_the_environment(
    tls_registry: Registry,
    authority: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(authority / "ca.crt"))
    made, name = bundle(cache), f"{tls_registry.host}/{unique()}:1"
    push(made, name)
    assert remote_digest(name) == made.digest


def test_an_authority_of_dockers(
    tls_registry: Registry, authority: Path, surroundings: Path, cache: Cache
) -> None:
    trust(surroundings, tls_registry.host, authority / "ca.crt")
    push(bundle(cache), f"{tls_registry.host}/{unique()}:1")
    # who put it there wants TLS: not even a question goes out without it
    assert "HTTP request to an HTTPS server" not in tls_registry.log.split(unique())[-1]


def test_a_certificate_of_our_own(
    mutual_registry: Registry, authority: Path, surroundings: Path, cache: Cache
) -> None:
    name = f"{mutual_registry.host}/{unique()}:1"
    trust(surroundings, mutual_registry.host, authority / "ca.crt")
    with pytest.raises(RegistryFailed):
        push(bundle(cache), name)
    trust(surroundings, mutual_registry.host, authority / "client.cert", authority / "client.key")
    push(bundle(cache), name)


def test_a_registry_that_may_have_any_certificate(
    tls_registry: Registry, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPACK_INSECURE_REGISTRIES", f"other:1, {tls_registry.host}")
    push(bundle(cache), f"{tls_registry.host}/{unique()}:1")


def test_certificates_that_cannot_be_used(
    tls_registry: Registry, authority: Path, surroundings: Path, cache: Cache
) -> None:
    trust(surroundings, tls_registry.host, authority / "client.cert", authority / "ca.crt")
    with pytest.raises(InvalidInput, match=r"Cannot use the certificate in .*client\.cert"):
        push(bundle(cache), f"{tls_registry.host}/it:1")
    folder = surroundings / "certs.d" / tls_registry.host
    (folder / "ca.crt").write_text("nonsense")
    with pytest.raises(InvalidInput, match=r"Cannot use the certificate in .*ca\.crt: it is no"):
        push(bundle(cache), f"{tls_registry.host}/it:1")


def test_a_registry_elsewhere_is_never_spoken_to_without_tls(
    open_registry: Registry, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = open_registry.host.partition(":")[2]
    _this_machine_is_called("registry.example", monkeypatch)
    with pytest.raises(RegistryFailed) as refused:
        push(bundle(cache), f"registry.example:{port}/it:1")
    assert f"MLPACK_INSECURE_REGISTRIES=registry.example:{port}" in refused.value.message
    monkeypatch.setenv("MLPACK_INSECURE_REGISTRIES", f"registry.example:{port}")
    push(bundle(cache), f"registry.example:{port}/{unique()}:1")


def _this_machine_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    real = socket.getaddrinfo

    def known(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == name else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", known)


def test_servers_that_hang_up_on_plain_http_are_asked_with_tls(
    authority: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRegistry()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.crt"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    with serving(fake.answer, context) as server:
        push(bundle(cache), f"{server.host}/{unique()}:1")
    assert len(fake.manifests) == 2
