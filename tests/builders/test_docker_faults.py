"""Builds that go wrong, and credentials, through a real engine: clear words, nothing left behind.

Every test starts from a base image of its own with a label that all descendants inherit, so that
what it leaves behind can be told from other people's images.
"""

import base64
import io
import ipaddress
import json
import re
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import mlpack.builders.docker as docker_builder
import mlpack.builders.docker_sbom as docker_sbom
from mlpack.builders.base import BuildSpec, Progress
from mlpack.builders.context import Context, context_of
from mlpack.builders.docker import DockerBuilder
from mlpack.errors import BuildFailed, EngineUnavailable, ModelChanged
from mlpack.tests.builders.lookers import assert_nobody_looks

MLMODEL = """\
flavors:
  python_function:
    {loader_module: mlflow.pyfunc.model, python_version: VERSION, python_model: x.pkl}
model_uuid: 12e6c174379849eeb366479b59b71e04
"""


@pytest.fixture
def model(tmp_path: Path, docker_engine: Any) -> Path:
    """A folder that builds fast: it needs one small package."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(MLMODEL.replace("VERSION", "3.11.2"))
    (folder / "requirements.txt").write_text("six\n")
    (folder / "x.pkl").write_bytes(b"x")
    return folder


class Base:
    """A base image of one's own, and what descends from it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.mark = f"test.mlpack={uuid.uuid4().hex}"
        text = f"FROM python:3.11-slim\nLABEL {self.mark}\n"
        self.name = f"mlpack-test/base:{self.mark[-32:]}"
        file = io.BytesIO(text.encode())
        self.image, _ = engine.images.build(fileobj=file, tag=self.name, rm=True)

    def descendants(self) -> list[str]:
        found = self.engine.api.images(all=True, filters={"label": self.mark})
        return [each["Id"] for each in found if each["Id"] != self.image.id]

    def containers(self) -> list[Any]:
        return list(self.engine.containers.list(all=True, filters={"label": self.mark}))

    def remove(self) -> None:
        for container in self.containers():
            container.remove(force=True)
        for found in self.engine.images.list(filters={"label": self.mark}):
            self.engine.images.remove(found.id, force=True)


@pytest.fixture
def base(docker_engine: Any) -> Iterator[Base]:
    made = Base(docker_engine)
    yield made
    made.remove()


@pytest.mark.docker
def test_a_requirement_that_does_not_exist(model: Path, base: Base) -> None:
    (model / "requirements.txt").write_text("six==999\n")
    with pytest.raises(BuildFailed) as caught:
        DockerBuilder().build(BuildSpec(model, "mlpack-test/bad", base_image=base.name))
    assert "there is no version of six==999" in caught.value.message
    assert "\n" not in caught.value.message
    assert (base.descendants(), base.containers()) == ([], [])


@pytest.mark.docker
def test_stopped_by_the_user_midway(model: Path, base: Base) -> None:
    def stop(event: Progress) -> None:
        if event.kind == "log" and event.part == "dependencies":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DockerBuilder().build(BuildSpec(model, "mlpack-test/bad", base_image=base.name), stop)
    assert (base.descendants(), base.containers()) == ([], [])


@pytest.mark.docker
@pytest.mark.parametrize("where", ["read_contents", "tar_stream", "run_build"])
def test_stopped_before_the_bill_of_materials_is_in(
    model: Path, base: Base, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The image has no name yet, and gets none."""
    real = getattr(docker_sbom, where)

    def stop(*arguments: Any, **more: Any) -> None:
        if where == "read_contents":
            real(*arguments, **more)
        if where == "run_build":
            real(*arguments, **{**more, "name": None})
        raise KeyboardInterrupt

    monkeypatch.setattr(docker_sbom, where, stop)
    name = f"mlpack-test/bad:{base.mark[-32:]}"
    with pytest.raises(KeyboardInterrupt):
        DockerBuilder().build(BuildSpec(model, name, base_image=base.name))
    if where != "run_build":  # else it is whole, and a mere cache
        assert (base.descendants(), base.containers()) == ([], [])
    assert not base.engine.images.list(name)
    assert_nobody_looks(base.engine)


@pytest.mark.docker
def test_a_model_that_changes_while_it_is_sent(
    model: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def truncate_then(*arguments: Any) -> Context:
        context = context_of(*arguments)
        (model / "x.pkl").write_bytes(b"")
        return context

    monkeypatch.setattr(docker_builder, "context_of", truncate_then)
    with pytest.raises(ModelChanged, match="Build again"):
        DockerBuilder().build(BuildSpec(model, "mlpack-test/bad", base_image=base.name))
    assert (base.descendants(), base.containers()) == ([], [])


@pytest.mark.docker
def test_bytecode_of_another_python(model: Path, base: Base) -> None:
    (model / "MLmodel").write_text(MLMODEL.replace("VERSION", "3.13.0"))
    with pytest.raises(BuildFailed, match=r"has Python 3\.11, the model was saved with 3\.13"):
        DockerBuilder().build(BuildSpec(model, "mlpack-test/bad", base_image=base.name))
    assert (base.descendants(), base.containers()) == ([], [])


@pytest.mark.docker
def test_a_base_image_that_is_nowhere(model: Path) -> None:
    spec = BuildSpec(model, "mlpack-test/bad", base_image="registry.invalid/none:1")
    with pytest.raises(BuildFailed, match=r"base image registry\.invalid/none:1 is not on this"):
        DockerBuilder().build(spec)


@pytest.mark.docker
def test_a_base_image_without_python(model: Path, docker_engine: Any) -> None:
    with io.BytesIO() as buffer, tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
        tar.close()
        name = f"mlpack-test/empty:{uuid.uuid4().hex}"
        docker_engine.api.import_image_from_data(buffer.getvalue(), *name.split(":"))
    try:
        with pytest.raises(BuildFailed, match="has no python3"):
            DockerBuilder().build(BuildSpec(model, "mlpack-test/bad", base_image=name))
    finally:
        docker_engine.images.remove(name, force=True)


@pytest.mark.docker
def test_a_platform_that_the_base_image_is_not_for(model: Path, base: Base) -> None:
    """The engine is asked for the right one at once; it would take the wrong one and fail late."""
    other = "linux/s390x"
    spec = BuildSpec(model, "mlpack-test/bad", base_image=base.name, platforms=[other])
    seen: list[Progress] = []
    with pytest.raises(BuildFailed, match=f"{base.name} is for linux/amd64, not for {other}"):
        DockerBuilder().build(spec, seen.append)
    assert "dependencies" not in [event.part for event in seen]
    assert (base.descendants(), base.containers()) == ([], [])


def test_no_engine(model_without_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with pytest.raises(EngineUnavailable, match="generate-dockerfile"):
        DockerBuilder().build(BuildSpec(model_without_engine, "mlpack-test/none"))


@pytest.fixture
def model_without_engine(tmp_path: Path) -> Path:
    (tmp_path / "MLmodel").write_text(MLMODEL.replace("VERSION", "3.11.2"))
    return tmp_path


USER, PASSWORD, ARGUMENT = "ind3x-user", "pa55/w0rd@x", "t0ken-in-a-build-arg"


@pytest.fixture
def private_index(docker_engine: Any) -> Iterator[tuple[str, list[str]]]:
    """An index that wants a password, and sends those who know it on to the public one."""
    expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != f"Basic {expected}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            else:
                asked.append(self.path)
                self.send_response(302)
                self.send_header("Location", f"https://pypi.org{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (bridge,) = docker_engine.networks.get("bridge").attrs["IPAM"]["Config"]
    first = next(ipaddress.ip_network(bridge["Subnet"]).hosts())
    gateway = bridge.get("Gateway", str(first))
    server = ThreadingHTTPServer((gateway, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    password = PASSWORD.replace("/", "%2F").replace("@", "%40")
    yield f"http://{USER}:{password}@{gateway}:{server.server_port}/simple", asked
    server.shutdown()
    server.server_close()


@pytest.mark.docker
def test_credentials_leave_no_trace(
    model: Path,
    base: Base,
    private_index: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, asked = private_index
    monkeypatch.setenv("PIP_TRUSTED_HOST", url.rpartition("@")[2].partition(":")[0])
    seen: list[Progress] = []
    spec = BuildSpec(
        model,
        f"mlpack-test/secret:{base.mark[-32:]}",
        base_image=base.name,
        index_url=url,
        build_args={"ARGUMENT": ARGUMENT},
    )
    image = DockerBuilder().build(spec, seen.append)
    assert "/simple/six/" in asked  # the credentials did reach the installer

    secrets = [USER, PASSWORD, PASSWORD.replace("/", "%2F").replace("@", "%40"), ARGUMENT]
    for text in [*(event.message for event in seen), json.dumps(image.to_dict())]:
        assert not [secret for secret in secrets if secret in text]
    # every image of the build, the unnamed ones in the cache too: history and configuration
    for each in base.descendants():
        told = json.dumps([base.engine.api.history(each), base.engine.api.inspect_image(each)])
        assert not [secret for secret in secrets if secret in told]
    # every file of every layer
    searched = 0
    archive = b"".join(base.engine.images.get(image.id).save())
    with tarfile.open(fileobj=io.BytesIO(archive)) as saved:
        for member in saved.getmembers():
            data = saved.extractfile(member)
            if data is None:
                continue
            content = data.read()
            searched += len(content)
            assert not [secret for secret in secrets if secret.encode() in content]
    assert searched > 1_000_000


@pytest.mark.docker
def test_credentials_leave_no_trace_in_a_failure(
    model: Path,
    base: Base,
    private_index: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, _ = private_index
    wrong = url.replace(USER, "ind3x-wrong")
    monkeypatch.setenv("PIP_TRUSTED_HOST", url.rpartition("@")[2].partition(":")[0])
    seen: list[Progress] = []
    spec = BuildSpec(model, "mlpack-test/bad", base_image=base.name, index_url=wrong)
    with pytest.raises(BuildFailed) as caught:
        DockerBuilder().build(spec, seen.append)
    for text in [caught.value.message, *(event.message for event in seen)]:
        assert not re.search(r"ind3x-wrong|pa55", text)
    assert (base.descendants(), base.containers()) == ([], [])


class Engine:
    """An engine that greets, and then does with a build what it is told to."""

    def __init__(self, on_build: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b'{"ApiVersion": "1.41"}' if self.path.endswith("/version") else b"OK"
                if self.path.endswith("/json"):  # there is a base image
                    body = b'{"Os": "linux", "Architecture": "amd64", "Config": {}}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                while (size := int(self.rfile.readline(), 16)) > 0:  # the chunked context
                    self.rfile.read(size + 2)
                self.rfile.readline()
                on_build(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"tcp://127.0.0.1:{self.server.server_port}"


def refuse(handler: BaseHTTPRequestHandler) -> None:
    body = json.dumps({"message": f"cannot do {handler.path} with https://u5er:pa55word@h"})
    handler.send_response(400)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body.encode())


def break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'10\r\n{"stream": "x"}')
    handler.connection.close()


@pytest.mark.parametrize(
    ("behaviour", "kind", "told"),
    [(refuse, BuildFailed, "refused"), (break_off, EngineUnavailable, "connection")],
)
def test_an_engine_that_fails_is_not_quoted_with_the_build_arguments(
    model_without_engine: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Callable[[BaseHTTPRequestHandler], None],
    kind: type[Exception],
    told: str,
) -> None:
    """The address of a build request holds its arguments, and clients quote addresses."""
    engine = Engine(behaviour)
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    monkeypatch.setenv("HTTPS_PROXY", "http://px:pr0xypass@proxy.invalid:3128")
    url = "https://u5er:pa55word@host.invalid/simple"
    with pytest.raises(kind, match=told) as caught:
        DockerBuilder().build(BuildSpec(model_without_engine, "mlpack-test/x", index_url=url))
    assert not re.search("pa55word|pr0xypass|u5er", str(caught.value))
    engine.server.shutdown()
    engine.server.server_close()
