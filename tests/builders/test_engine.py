"""Which engine is meant, where its containers are reached, and what is said when it is away."""

import pytest

from mlpack.builders.engine import connect, published_host
from mlpack.errors import EngineUnavailable


@pytest.mark.parametrize(
    ("engine", "host"),
    [
        ("unix:///var/run/docker.sock", "127.0.0.1"),
        ("tcp://localhost:2375", "127.0.0.1"),
        ("tcp://127.0.0.1:2375", "127.0.0.1"),
        ("tcp://docker.example:2376", "docker.example"),
        ("ssh://me@build.example", "build.example"),
    ],
)
def test_where_its_containers_are_reached(
    engine: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine)
    assert published_host() == host


def test_the_reason_is_told_without_the_clients_wrapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"at tcp://127\.0\.0\.1:1 \(Connection refused\)"):
        connect()
