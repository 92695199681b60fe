"""Registries that lie, send us where we should not go, or never stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Bundle
from mlpack.builders.oci.spec import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor, canonical
from mlpack.builders.publish import Credentials
from mlpack.builders.remote.addresses import Origin, check_realm, next_address
from mlpack.builders.remote.pull import download, read_remote
from mlpack.builders.remote.push import push
from mlpack.errors import InvalidInput, MlpackError, RegistryFailed
from mlpack.tests.builders.remote.fake import FakeRegistry
from mlpack.tests.builders.remote.images import AMD64, bundle, image, unique
from mlpack.tests.builders.remote.servers import Answer, Asked, Registry, proxy, serving

pytestmark = pytest.mark.cloud

Change = Callable[[Asked, Answer], Answer]
RIGHT = Credentials("anna", "the secret of anna")


@pytest.fixture
def stored(cache: Cache) -> tuple[FakeRegistry, Bundle]:
    """A registry in memory, with an image in it as it/1:1."""
    fake, made = FakeRegistry(), bundle(cache, "victim", size=100_000)
    with serving(fake.answer) as server:
        push(made, f"{server.host}/it/1:1")
    return fake, made


def pull(fake: FakeRegistry, cache: Cache, change: Change, tail: str = ":1") -> None:
    """All of it/1, while the registry's answers are changed."""
    with serving(lambda asked: change(asked, fake.answer(asked))) as server:
        download(read_remote(f"{server.host}/it/1{tail}", AMD64, cache))


def only(part: str, change: Callable[[Answer], Answer]) -> Change:
    """A change of the answers to GET with some text in the address."""
    return lambda asked, answer: (
        change(answer) if asked.method == "GET" and part in asked.path else answer
    )


def test_another_manifest_than_asked_for(
    stored: tuple[FakeRegistry, Bundle], other_cache: Cache, cache: Cache
) -> None:
    fake, made = stored
    evil = image(cache, "evil").manifest
    change = only("/manifests/", lambda _: Answer(200, {"Content-Type": OCI_MANIFEST}, evil))
    for tail in (":1", f"@{made.digest}", f":1@{made.digest}"):
        with pytest.raises(InvalidInput, match=f"something else than {made.digest}"):
            pull(fake, other_cache, change, tail)


def test_other_bytes_than_the_layers(
    stored: tuple[FakeRegistry, Bundle], other_cache: Cache
) -> None:
    fake, made = stored
    layer = made.images[0].layers[0]
    config = made.images[0].config_descriptor
    wrong = only("/blobs/", lambda answer: Answer(200, {}, answer.body[:-1] + b"?"))
    with pytest.raises(InvalidInput):
        pull(fake, other_cache, wrong)
    wrong = only(layer.digest, lambda answer: Answer(200, {}, answer.body[:-1] + b"?"))
    with pytest.raises(InvalidInput):
        pull(fake, other_cache, wrong)
    short = only(layer.digest, lambda answer: Answer(200, {}, answer.body[:-1]))
    with pytest.raises(RegistryFailed, match="broke off at byte"):
        pull(fake, other_cache, short)
    assert other_cache.path(layer.digest) is None
    assert other_cache.path(config.digest) is not None  # that came well, once


def test_more_bytes_than_the_layers(
    stored: tuple[FakeRegistry, Bundle], other_cache: Cache
) -> None:
    fake, made = stored
    layer = made.images[0].layers[0]
    endless = only(layer.digest, lambda answer: Answer(200, {}, answer.body + b"0" * 30_000_000))
    with pytest.raises(InvalidInput, match=f"more than the {layer.size} bytes"):
        pull(fake, other_cache, endless)
    assert other_cache.path(layer.digest) is None


def test_manifests_without_an_end(stored: tuple[FakeRegistry, Bundle], other_cache: Cache) -> None:
    endless = only("/manifests/", lambda _: Answer(200, {}, b" " * (5 << 20)))
    with pytest.raises(InvalidInput, match="more than 4194304 bytes"):
        pull(stored[0], other_cache, endless)


DIGEST = "sha256:" + "0" * 64
LAYER = {"mediaType": "x", "digest": DIGEST, "size": 1}
MANIFESTS: list[tuple[object, str, str]] = [
    (b"<html>login</html>", "text/html", "sent no manifest"),
    (b"[" * 100_000, OCI_MANIFEST, "sent no manifest"),
    ([], OCI_MANIFEST, "sent no manifest"),
    ({}, OCI_MANIFEST, "neither an image nor a list"),
    ({"config": LAYER, "layers": 7}, OCI_MANIFEST, "neither an image nor a list"),
    ({"manifests": [], "layers": [], "config": LAYER}, OCI_INDEX, "neither an image nor"),
    ({"manifests": []}, OCI_MANIFEST, "neither an image nor a list"),
    ({"mediaType": OCI_INDEX, "manifests": []}, OCI_MANIFEST, "but it is application/vnd.oci"),
    ({"manifests": []}, OCI_INDEX, "it is for nothing"),
    ({"manifests": [7]}, OCI_INDEX, "no descriptor"),
    ({"config": {"digest": "../../etc", "size": 1}, "layers": []}, OCI_MANIFEST, "no valid desc"),
    ({"config": {**LAYER, "size": -1}, "layers": []}, OCI_MANIFEST, "no valid descriptor"),
    ({"config": {**LAYER, "mediaType": OCI_CONFIG, "size": 10**12}, "layers": []}, OCI_MANIFEST,
     "too large"),
    ({"config": 7, "layers": []}, OCI_MANIFEST, "no descriptor"),
    ({"schemaVersion": 1, "fsLayers": []}, "application/json", r"first format \(schema 1\)"),
    ({"layers": [], "config": LAYER}, "application/vnd.docker.distribution.manifest.v1+prettyjws",
     r"first format \(schema 1\)"),
]  # fmt: skip


@pytest.mark.parametrize(("manifest", "kind", "message"), MANIFESTS)
def test_manifests_that_are_none(
    other_cache: Cache, manifest: object, kind: str, message: str
) -> None:
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with (
        serving(lambda _: Answer(200, {"Content-Type": kind}, body)) as server,
        pytest.raises(InvalidInput, match=message),
    ):
        read_remote(f"{server.host}/it:1", AMD64, other_cache)


def test_an_index_in_the_place_of_an_image(other_cache: Cache) -> None:
    inner = canonical({"mediaType": OCI_INDEX, "manifests": []})
    entry = {**Descriptor.of(OCI_MANIFEST, inner).to_dict(), "platform": AMD64.to_dict()}
    outer = canonical({"mediaType": OCI_INDEX, "manifests": [entry]})

    def answer(asked: Asked) -> Answer:
        is_inner = asked.path.endswith(str(entry["digest"]))
        return Answer(200, {"Content-Type": OCI_INDEX}, inner if is_inner else outer)

    with (
        serving(answer) as server,
        pytest.raises(InvalidInput, match=r"is no application/vnd.oci.image.manifest"),
    ):
        read_remote(f"{server.host}/it:1", AMD64, other_cache)


@pytest.mark.parametrize(
    "config", [b"[]", b"{}", b"<html>", b'{"rootfs": 7}', b'{"rootfs": {"diff_ids": ["a", "b"]}}']
)
def test_configurations_that_are_none(other_cache: Cache, config: bytes) -> None:
    about = Descriptor.of(OCI_CONFIG, config)
    body = canonical({"mediaType": OCI_MANIFEST, "config": about.to_dict(), "layers": []})

    def answer(asked: Asked) -> Answer:
        return Answer(
            200, {"Content-Type": OCI_MANIFEST}, config if "blobs" in asked.path else body
        )

    with serving(answer) as server, pytest.raises(InvalidInput):
        read_remote(f"{server.host}/it:1", AMD64, other_cache)


def test_credentials_do_not_follow_blobs_elsewhere(
    open_registry: Registry, cache: Cache, other_cache: Cache
) -> None:
    made, name = bundle(cache, "elsewhere"), unique()
    push(made, f"{open_registry.host}/{name}:1")
    challenge = {"WWW-Authenticate": 'Basic realm="tests"'}

    with proxy(open_registry) as store:

        def send_away(asked: Asked) -> Answer | None:
            if "Authorization" not in asked.headers:
                return Answer(401, challenge)
            if "/blobs/" in asked.path:
                return Answer(307, {"Location": f"http://{store.host}{asked.path}?signature=1"})
            del asked.headers["Authorization"]
            return None

        with proxy(open_registry, send_away) as front:
            found = read_remote(f"{front.host}/{name}:1", AMD64, other_cache, credentials=RIGHT)
            download(found)
    assert len(store.asked) == 2
    assert not [each for each in store.asked if "Authorization" in each.headers]


def test_uploads_may_go_elsewhere_without_credentials(
    open_registry: Registry, cache: Cache
) -> None:
    with proxy(open_registry) as store:

        def send_away(asked: Asked) -> Answer | None:
            if "Authorization" not in asked.headers:
                return Answer(401, {"WWW-Authenticate": 'Basic realm="tests"'})
            del asked.headers["Authorization"]
            if asked.method == "POST":
                asked.headers.replace_header("Host", store.host)
            return None

        with proxy(open_registry, send_away) as front:
            push(bundle(cache), f"{front.host}/{unique()}:1", credentials=RIGHT)
    assert store.count("PATCH") == 3
    assert not [each for each in store.asked if "Authorization" in each.headers]


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://elsewhere.example/x",
        "gopher://elsewhere.example/x",
        "http://user:password@elsewhere.example/",
        "http://elsewhere.example:99999999/",
        "",
        None,
    ],
)
def test_where_nobody_goes(
    stored: tuple[FakeRegistry, Bundle], other_cache: Cache, cache: Cache, location: str | None
) -> None:
    headers = {} if location is None else {"Location": location}
    with pytest.raises(RegistryFailed, match=r"cannot be used|redirects in circles"):
        pull(stored[0], other_cache, only("/blobs/", lambda _: Answer(307, headers)))

    def mislead(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(202, headers)
        return Answer(404) if asked.method == "HEAD" else Answer()

    with (
        serving(mislead) as server,
        pytest.raises(RegistryFailed, match=r"cannot be used|does not say where"),
    ):
        push(bundle(cache), f"{server.host}/it:1")


SECURE = Origin.of("https://registry.example")
LOCAL = Origin.of("http://127.0.0.1:5000")


@pytest.mark.parametrize(
    ("origin", "location", "expected"),
    [
        (SECURE, "/v2/x?_state=1", "https://registry.example/v2/x?_state=1"),
        (SECURE, "other", "https://registry.example/v2/a/other"),
        (SECURE, "https://store.example/x", "https://store.example/x"),
        # a proxy ends TLS before a registry that does not know
        (SECURE, "http://registry.example/v2/x?y=1", "https://registry.example/v2/x?y=1"),
        (SECURE, "http://registry.example:5000/v2/x", "https://registry.example/v2/x"),
        (SECURE, "http://store.example/x", None),
        (SECURE, "//store.example/x", "https://store.example/x"),
        (SECURE, "https://localhost/x", None),
        (SECURE, "https://127.1.2.3:8080/x", None),
        (SECURE, "https://[::1]/x", None),
        (SECURE, "https://169.254.169.254/latest/meta-data", None),
        (SECURE, "file:///etc/passwd", None),
        (SECURE, "javascript:x", None),
        (LOCAL, "http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
        (LOCAL, "https://store.example/x", "https://store.example/x"),
    ],
)
def test_where_a_registry_may_send_us(origin: Origin, location: str, expected: str | None) -> None:
    asked = f"{origin}/v2/a/b"
    if expected is not None:
        assert next_address(origin, asked, location) == expected
        return
    with pytest.raises(RegistryFailed):
        next_address(origin, asked, location)


@pytest.mark.parametrize(
    ("origin", "realm", "allowed"),
    [
        (SECURE, "https://auth.example/token", True),
        (SECURE, "https://registry.example/token", True),
        (SECURE, "http://auth.example/token", False),
        (SECURE, "http://registry.example/token", False),
        (SECURE, "https://localhost/token", False),
        (SECURE, "https://169.254.169.254/token", False),
        (SECURE, "file:///etc/passwd", False),
        (SECURE, "", False),
        (SECURE, "/token", False),
        (SECURE, "https://auth.example@evil.example/", False),
        (LOCAL, "http://localhost:5001/token", True),
        (LOCAL, "http://auth.example/token", False),
        (LOCAL, "https://auth.example/token", True),
        (Origin.of("http://plain.example"), "http://plain.example/token", True),
        (Origin.of("http://plain.example"), "http://other.example/token", False),
    ],
)
def test_token_servers_that_may_be_asked(origin: Origin, realm: str, allowed: bool) -> None:
    if allowed:
        check_realm(origin, realm)
        return
    with pytest.raises(RegistryFailed):
        check_realm(origin, realm)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, b"{}"),
        Answer(200, {}, b"<html>"),
        Answer(200, {}, b'{"token": 7}'),
        Answer(200, {}, b'{"token": "a\\r\\nHost: evil"}'),
        Answer(200, {}, b'{"token": "' + b"a" * (2 << 20) + b'"}'),
        Answer(307, {"Location": "http://elsewhere.example/"}),
        Answer(500),
    ],
)
def test_token_servers_that_give_no_token(cache: Cache, answer: Answer) -> None:
    with serving(lambda _: answer) as tokens:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/"'}
        with (
            serving(lambda _: Answer(401, challenge)) as server,
            pytest.raises(RegistryFailed) as refused,
        ):
            push(bundle(cache), f"{server.host}/it:1", credentials=RIGHT)
    assert RIGHT.password not in refused.value.message
    assert "elsewhere" not in refused.value.message


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Bearer",
        'Bearer realm="file:///etc/passwd"',
        'Bearer realm="http://elsewhere.example/"',
        "Negotiate",
        'Digest realm="x", nonce="y"',
        '\u00ff\u00fe =,, "',
        "a" * 60_000,
    ],
)
def test_challenges_that_nobody_can_meet(cache: Cache, challenge: str) -> None:
    with (
        serving(lambda _: Answer(401, {"WWW-Authenticate": challenge})) as server,
        pytest.raises(RegistryFailed) as refused,
    ):
        push(bundle(cache), f"{server.host}/it:1", credentials=RIGHT)
    assert len(server.asked) <= 4
    assert not [each for each in server.asked if "Authorization" in each.headers]
    assert RIGHT.password not in refused.value.message


def test_what_a_registry_says_is_one_plain_line(cache: Cache) -> None:
    evil = "\x1b[31mred\n\r\x07 " + RIGHT.password + " " + "long" * 1000
    body = json.dumps({"errors": [{"code": "DENIED\n", "message": evil}]}).encode()

    def answer(asked: Asked) -> Answer:
        if "Authorization" not in asked.headers:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="tests"'})
        return Answer(404) if asked.method == "HEAD" else Answer(403, {}, body)

    with serving(answer) as server, pytest.raises(MlpackError) as refused:
        push(bundle(cache), f"{server.host}/it:1", credentials=RIGHT)
    message = refused.value.message
    assert message.isprintable() and len(message) < 600
    assert "***" in message and RIGHT.password not in message


@pytest.mark.parametrize(
    ("status", "code", "told", "message"),
    [
        (404, "NAME_UNKNOWN", "no such repository", "has no repository .*Create it first"),
        (403, "DENIED", "requested access is denied", "does not let you push to .*docker login"),
        (413, "", "", "as too large"),
        (403, "DENIED", "Storage quota exceeded", "storage that .* may use is full"),
        (507, "", "", "storage that .* may use is full"),
        (405, "UNSUPPORTED", "", "is read-only now"),
        (503, "UNAVAILABLE", "in read-only mode", "is read-only now"),
        (400, "TAG_INVALID", "the tag is immutable", "may not be replaced.*another tag"),
        (418, "TEAPOT", "short and stout", r"refuses to push .* \(TEAPOT\).*short and stout"),
    ],
)
def test_refusals_in_one_line(
    cache: Cache, status: int, code: str, told: str, message: str
) -> None:
    body = json.dumps({"errors": [{"code": code, "message": told}]}).encode()

    def answer(asked: Asked) -> Answer:
        return Answer(404) if asked.method == "HEAD" else Answer(status, {}, body)

    with serving(answer) as server, pytest.raises(MlpackError, match=message):
        push(bundle(cache), f"{server.host}/it:1")


def test_a_registry_that_stores_something_else(cache: Cache) -> None:
    fake = FakeRegistry()

    def other(asked: Asked) -> Answer:
        answer = fake.answer(asked)
        if asked.method == "PUT" and "/manifests/" in asked.path:
            answer.headers["Docker-Content-Digest"] = DIGEST
        return answer

    with serving(other) as server, pytest.raises(RegistryFailed, match="in place of"):
        push(bundle(cache), f"{server.host}/it:1")


def test_redirects_without_an_end(stored: tuple[FakeRegistry, Bundle], other_cache: Cache) -> None:
    circle = only("/blobs/", lambda _: Answer(302, {"Location": "/v2/it/1/blobs/more"}))
    with pytest.raises(RegistryFailed, match="in circles"):
        pull(stored[0], other_cache, circle)


def test_nothing_hostile_leaves_files_behind(tmp_path: Path, other_cache: Cache) -> None:
    with serving(lambda _: Answer(200, {}, b"{}")) as server, pytest.raises(InvalidInput):
        read_remote(f"{server.host}/it:1", AMD64, other_cache)
    assert not [each for each in other_cache.folder.rglob("*") if each.stat().st_size > 4096]
