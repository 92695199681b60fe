"""Real registries that want to know who comes: by password, by token, from the user's files."""

from __future__ import annotations

import json
import logging
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mlpack.builders.oci.cache import Cache
from mlpack.builders.publish import Credentials
from mlpack.builders.remote.pull import download, read_remote
from mlpack.builders.remote.push import push, remote_digest
from mlpack.errors import InvalidInput, MlpackError, RegistryFailed
from mlpack.tests.builders.remote.images import AMD64, bundle, unique
from mlpack.tests.builders.remote.servers import Answer, Asked, Registry, proxy, registry
from mlpack.tests.builders.remote.tokens import (
    IDENTITY,
    PASSWORD,
    USER,
    TokenServer,
    token_server,
)

pytestmark = pytest.mark.cloud

RIGHT = Credentials(USER, PASSWORD)
WRONG = Credentials(USER, "not the secret of anna")


@pytest.fixture(scope="session")
def password_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One that knows Anna's password."""
    folder = tmp_path_factory.mktemp("password-registry")
    command = ["htpasswd", "-Bbn", "-C", "4", USER, PASSWORD]
    users = subprocess.run(command, capture_output=True, check=True).stdout
    (folder / "users").write_bytes(users)
    auth = {"htpasswd": {"realm": "tests", "path": str(folder / "users")}}
    with registry(folder, auth=auth) as running:
        yield running


@pytest.fixture(scope="session")
def token_registry(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Registry, TokenServer]]:
    """One that believes a token server."""
    folder = tmp_path_factory.mktemp("token-registry")
    with (
        token_server(trustme.CA(key_type=trustme.KeyType.RSA)) as tokens,
        registry(folder, auth=tokens.settings(folder)) as running,
    ):
        yield running, tokens


@pytest.fixture
def tokens(
    token_registry: tuple[Registry, TokenServer], monkeypatch: pytest.MonkeyPatch
) -> TokenServer:
    """The server of tokens, as it was at its start."""
    found = token_registry[1]
    fresh = TokenServer(found.ca)
    found.lives, found.age, found.may = fresh.lives, fresh.age, fresh.may
    found.given.clear()
    found.server.asked.clear()
    return found


def docker_login(folder: Path, host: str, **entry: str) -> None:
    """As ``docker login`` leaves it."""
    entry = entry or {"auth": b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    (folder / "config.json").write_text(json.dumps({"auths": {host: entry}}))


def credential_helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program that keeps logins, as ``docker-credential-…`` do."""
    program = folder / "bin" / "docker-credential-tests"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def test_password(password_registry: Registry, cache: Cache, other_cache: Cache) -> None:
    name = f"{password_registry.host}/{unique()}:1"
    made = bundle(cache)
    push(made, name, credentials=RIGHT)
    found = read_remote(name, AMD64, other_cache, credentials=RIGHT)
    download(found)
    assert found.descriptor == made.images[0].descriptor
    assert remote_digest(name, RIGHT) == made.digest


@pytest.mark.parametrize("credentials", [None, WRONG], ids=["no login", "wrong password"])
def test_who_is_not_let_in_is_told_what_to_type(
    password_registry: Registry, cache: Cache, credentials: Credentials | None
) -> None:
    name = f"{password_registry.host}/{unique()}:1"
    with pytest.raises(RegistryFailed) as refused:
        push(bundle(cache), name, credentials=credentials)
    assert f"docker login {password_registry.host}" in refused.value.message
    assert WRONG.password not in refused.value.message
    with pytest.raises(RegistryFailed, match="docker login"):
        read_remote(name, AMD64, cache, credentials=credentials)


def test_the_login_of_docker(password_registry: Registry, surroundings: Path, cache: Cache) -> None:
    docker_login(surroundings, password_registry.host)
    push(bundle(cache), f"{password_registry.host}/{unique()}:1")


def test_the_login_of_a_credential_helper(
    password_registry: Registry,
    surroundings: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = password_registry.host
    answer = json.dumps({"ServerURL": host, "Username": USER, "Secret": PASSWORD})
    credential_helper(surroundings, monkeypatch, f"cat > /dev/null; echo '{answer}'")
    for settings in ({"credHelpers": {host: "tests"}}, {"credsStore": "tests"}):
        (surroundings / "config.json").write_text(json.dumps(settings))
        push(bundle(cache), f"{host}/{unique()}:1")


def test_a_broken_credential_helper(
    password_registry: Registry,
    surroundings: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = password_registry.host
    credential_helper(surroundings, monkeypatch, "echo hush-hush; exit 3")
    (surroundings / "config.json").write_text(json.dumps({"credHelpers": {host: "tests"}}))
    with pytest.raises(RegistryFailed, match="docker-credential-tests") as refused:
        push(bundle(cache), f"{host}/{unique()}:1")
    assert "hush-hush" not in refused.value.message


def test_the_login_of_podman_and_skopeo(
    password_registry: Registry, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, team = password_registry.host, unique()
    right = {"auth": b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    wrong = {"auth": b64encode(b"other:wrong").decode()}
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"auths": {host: wrong, f"{host}/{team}": right}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
    push(bundle(cache), f"{host}/{team}/app:1")
    with pytest.raises(RegistryFailed, match="does not accept the login"):
        push(bundle(cache), f"{host}/{unique()}:1")


@pytest.mark.docker
def test_logins_as_the_tools_leave_them(
    password_registry: Registry,
    surroundings: Path,
    tmp_path: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, file = password_registry.host, tmp_path / "auth.json"
    asked = [host, f"--username={USER}", "--password-stdin"]
    skopeo = ["skopeo", "login", "--tls-verify=false", f"--authfile={file}"]
    for command in (skopeo, ["docker", "login"]):
        done = subprocess.run(
            [*command, *asked], input=PASSWORD.encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    push(bundle(cache), f"{host}/{unique()}:1")
    (surroundings / "config.json").unlink()
    with pytest.raises(RegistryFailed):
        push(bundle(cache), f"{host}/{unique()}:1")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
    push(bundle(cache), f"{host}/{unique()}:1")


def test_files_of_logins_that_cannot_be_read(
    password_registry: Registry, surroundings: Path, cache: Cache
) -> None:
    name = f"{password_registry.host}/{unique()}:1"
    (surroundings / "config.json").write_text('{"auths": {hush-hush')
    with pytest.raises(InvalidInput, match=r"config\.json: it is not JSON") as refused:
        push(bundle(cache), name)
    assert "hush" not in refused.value.message
    docker_login(surroundings, password_registry.host, auth="hush-hush")
    with pytest.raises(InvalidInput, match=r"docker login 127") as refused:
        push(bundle(cache), name)
    assert "hush" not in refused.value.message


def test_tokens(
    token_registry: tuple[Registry, TokenServer],
    tokens: TokenServer,
    cache: Cache,
    other_cache: Cache,
) -> None:
    name = f"{token_registry[0].host}/{(repository := unique())}"
    made = bundle(cache)
    push(made, f"{name}:1", credentials=RIGHT)
    # one token for all of a push
    assert tokens.given == [[f"repository:{repository}:pull,push"]]
    tokens.given.clear()
    download(read_remote(f"{name}:1", AMD64, other_cache, credentials=RIGHT))
    assert tokens.given == [[f"repository:{repository}:pull"]]


def test_an_identity_token(
    token_registry: tuple[Registry, TokenServer],
    tokens: TokenServer,
    surroundings: Path,
    cache: Cache,
) -> None:
    host = token_registry[0].host
    docker_login(surroundings, host, identitytoken=IDENTITY)
    push(bundle(cache), f"{host}/{unique()}:1")
    assert {each.method for each in tokens.server.asked} == {"POST"}


def test_everybody_may_pull_where_that_is_allowed(
    token_registry: tuple[Registry, TokenServer],
    tokens: TokenServer,
    cache: Cache,
    other_cache: Cache,
) -> None:
    name = f"{token_registry[0].host}/{unique()}:1"
    push(bundle(cache), name, credentials=RIGHT)
    tokens.may = lambda user, _: {"pull"}
    read_remote(name, AMD64, other_cache)
    with pytest.raises(RegistryFailed, match=r"does not let you push to .*docker login 127"):
        push(bundle(cache, "new"), name)


def test_a_mount_asks_for_both_repositories_and_does_without(
    token_registry: tuple[Registry, TokenServer], tokens: TokenServer, cache: Cache
) -> None:
    host, base, own = token_registry[0].host, unique(), unique()
    push(bundle(cache, "token base"), f"{host}/{base}:1", credentials=RIGHT)
    tokens.given.clear()
    made = bundle(cache, "token base", "more")
    pushed = push(made, f"{host}/{own}:1", credentials=RIGHT, mount_from=[base])
    assert pushed.blobs[0].how == "mounted"
    both = {f"repository:{base}:pull", f"repository:{own}:pull,push"}
    assert both in [set(each) for each in tokens.given]

    tokens.may = lambda user, name: set() if name == base else {"pull", "push"}
    pushed = push(made, f"{host}/{unique()}:1", credentials=RIGHT, mount_from=[base])
    assert pushed.blobs[0].how in ("uploaded", "mounted")  # from `own`, which is remembered


def test_tokens_that_run_out_in_the_middle(
    token_registry: tuple[Registry, TokenServer], tokens: TokenServer, cache: Cache
) -> None:
    running = token_registry[0]
    body = b'{"errors": [{"code": "UNAUTHORIZED", "message": "too old"}]}'
    refused: list[str] = []

    def too_old(asked: Asked) -> Answer | None:
        """Each upload and each manifest is refused once, with what the registry would say."""
        kind = f"{asked.method} {asked.path.split('?')[0]}"
        if asked.method in ("PATCH", "PUT") and kind not in refused:
            refused.append(kind)
            asks = f'Bearer realm="{tokens.realm}",service="registry of the tests"'
            return Answer(401, {"WWW-Authenticate": asks}, body)
        return None

    with proxy(running, too_old) as front:
        made = bundle(cache, "run out", size=3_000_000)
        pushed = push(made, f"{front.host}/{unique()}:1", credentials=RIGHT)
    assert [blob.how for blob in pushed.blobs] == ["uploaded"] * 2
    assert len(refused) >= 5
    assert len(tokens.given) > 3


def test_tokens_that_are_never_believed(
    token_registry: tuple[Registry, TokenServer], tokens: TokenServer, cache: Cache
) -> None:
    tokens.age = 3600
    with pytest.raises(RegistryFailed, match="docker login"):
        push(bundle(cache), f"{token_registry[0].host}/{unique()}:1", credentials=RIGHT)
    assert len(tokens.given) <= 3


@pytest.mark.parametrize("lives", [1, 0, -5, 10**12])
def test_how_long_a_token_lives(
    token_registry: tuple[Registry, TokenServer], tokens: TokenServer, cache: Cache, lives: int
) -> None:
    tokens.lives = lives
    push(bundle(cache), f"{token_registry[0].host}/{unique()}:1", credentials=RIGHT)


def test_no_secret_is_logged_or_told(
    token_registry: tuple[Registry, TokenServer],
    tokens: TokenServer,
    password_registry: Registry,
    cache: Cache,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    for running in (token_registry[0], password_registry):
        for credentials in (RIGHT, WRONG):
            name = f"{running.host}/{unique()}:1"
            try:
                push(
                    bundle(cache),
                    name,
                    credentials=credentials,
                    report=lambda progress: told.append(progress.message),
                )
            except MlpackError as error:
                told.append(error.message)
    everything = caplog.text + "\n".join(told)
    assert "docker login" in everything
    pairs = [f"{each.username}:{each.password}".encode() for each in (RIGHT, WRONG)]
    for secret in (RIGHT.password, WRONG.password, *(b64encode(pair).decode() for pair in pairs)):
        assert secret not in everything
    assert "eyJ" not in everything  # how every token begins
