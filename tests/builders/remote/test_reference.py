"""Names of images: what is meant, and what is said to what cannot be meant."""

from __future__ import annotations

import pytest

from mlpack.builders.remote.reference import Reference
from mlpack.errors import InvalidInput

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python", Reference("docker.io", "library/python", "latest")),
        ("python:3.11-slim", Reference("docker.io", "library/python", "3.11-slim")),
        ("anna/churn:2", Reference("docker.io", "anna/churn", "2")),
        ("docker.io/python", Reference("docker.io", "library/python", "latest")),
        ("index.docker.io/anna/churn", Reference("docker.io", "anna/churn", "latest")),
        ("localhost/churn", Reference("localhost", "churn", "latest")),
        ("localhost:5000/a/b_c/d--e.f:V_1", Reference("localhost:5000", "a/b_c/d--e.f", "V_1")),
        ("[::1]:5000/churn", Reference("[::1]:5000", "churn", "latest")),
        ("Registry.Example/churn", Reference("registry.example", "churn", "latest")),
        (f"ghcr.io/a/b@{DIGEST}", Reference("ghcr.io", "a/b", None, DIGEST)),
        (f"ghcr.io/a/b:1@{DIGEST}", Reference("ghcr.io", "a/b", "1", DIGEST)),
    ],
)
def test_parts(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected
    assert Reference.parse(str(expected)) == expected


def test_what_is_asked_of_whom() -> None:
    found = Reference.parse(f"python:3@{DIGEST}")
    assert (found.host, found.target) == ("registry-1.docker.io", DIGEST)
    assert Reference.parse("python").target == "latest"
    assert str(found) == f"docker.io/library/python:3@{DIGEST}"
    assert str(Reference.parse("a.b/c").pinned(DIGEST)) == f"a.b/c@{DIGEST}"


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("https://ghcr.io/anna/churn", "ghcr.io/anna/churn"),
        ("docker://ghcr.io/anna/churn:1", "ghcr.io/anna/churn:1"),
        ("ghcr.io/Anna/Churn:1", "ghcr.io/anna/churn:1"),
        (" churn ", "churn"),
        ("my churn:version 2", "my-churn:version-2"),
        ("churn/", "churn"),
        ("ghcr.io//churn", "ghcr.io/churn"),
        ("churn:", "churn"),
        ("churn:.1", "churn:1"),
        (f"churn@{DIGEST.upper()}", f"churn@{DIGEST}"),
        ("a..b", "a-b"),
        ("_churn_", "churn"),
        ("https://registry.example/v2/churn", "registry.example/churn"),
    ],
)
def test_the_nearest_right_spelling(text: str, better: str) -> None:
    with pytest.raises(InvalidInput, match="is no name of an image") as refused:
        Reference.parse(text)
    assert f"Did you mean {better!r}?" in refused.value.message
    Reference.parse(better)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "@",
        ":",
        "…",
        "a" * 2000,
        "a" * 256,
        "churn@md5:abc",
        "host.example:99999999/churn",
        "host.example:0/churn",
        "-a.example/churn",
        "a.example/../../etc/passwd",
        "user:secret@host.example/churn",
        "churn:1\r\nHost: evil",
        "churn?x=1#y",
        "[::1/churn",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidInput):
        Reference.parse(text)
