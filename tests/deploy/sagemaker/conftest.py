"""One AWS for the session: SageMaker and ECR of our own over real containers and registry."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import Progress
from mlpack.deploy_targets.base import DeployRequest
from mlpack.deploy_targets.sagemaker.target import SagemakerTarget
from mlpack.deploy_targets.sagemaker.watch import Patience
from mlpack.tests.builders.remote.servers import registry

from .cloud import ACCOUNT, REGION, Cloud
from .ecr import Ecr
from .fleet import LABEL, Container, Machine, Process
from .front import INSIDE, Fault, Front, listening
from .rights import documented

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
PATIENCE = Patience(0.05, 0.3)
# starts in no time and misbehaves on request
SERVER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
print("starting", os.environ.get("VERSION", "1"), sys.argv[1:], flush=True)
if os.environ.get("CRASH"):
    sys.exit("cannot load the model")
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(503 if os.environ.get("SICK") else 200, b"{}")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"bad":
            self.answer(400, b'{"error_code": "BAD_REQUEST", "message": "column a is missing"}')
        elif body == b"raise":
            self.answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "division by zero"}')
        elif self.path.startswith("/models/"):
            self.answer(200, self.path.encode())
        else:
            self.answer(200, os.environ.get("VERSION", "1").encode())
ThreadingHTTPServer(("", int(os.environ.get("PORT", 8080))), Handler).serve_forever()
"""
DOCKERFILE = (
    'FROM python:3.11-slim\nCOPY server.py /\nUSER 1\nENTRYPOINT ["python3", "/server.py"]\n'
)


@pytest.fixture(scope="session")
def small_image(docker_engine: Any) -> str:
    """An image that answers as SageMaker wants it, without a model."""
    return _build(docker_engine, "mlpack-test-g/small:1", DOCKERFILE)


@pytest.fixture(scope="session")
def other_image(docker_engine: Any) -> str:
    """Another one that does the same."""
    return _build(docker_engine, "mlpack-test-g/small:2", DOCKERFILE + "LABEL version=2\n")


def _build(engine: Any, name: str, dockerfile: str) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, text in (("Dockerfile", dockerfile), ("server.py", SERVER)):
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    engine.images.build(fileobj=buffer, custom_context=True, tag=name, rm=True)
    return name


@dataclass
class World:
    """What a test sees of AWS."""

    front: Front
    role: str
    bucket: str
    inside: Any  # a boto3 session whose calls are not noted
    write_log: Callable[[str, str, list[str]], None]
    # the small image, in ECR already; a process stands for its containers. Only `pushing` pushes.
    pushed: str = ""

    @property
    def cloud(self) -> Cloud:
        return self.front.cloud

    @property
    def ecr(self) -> Ecr:
        return self.front.ecr

    def client(self, service: str) -> Any:
        return self.inside.client(service, endpoint_url=self.front.address)

    def names(self, kind: str, part: str = "") -> list[str]:
        return sorted(each for each in self.cloud.things[kind] if part in each)


@pytest.fixture(scope="session", autouse=True)
def models_of_services_are_read_once() -> Iterator[None]:
    """botocore's own, which are megabytes of JSON, for all sessions of boto3 together."""
    import botocore.loaders

    shared = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", lambda _=None: shared)
        yield


@pytest.fixture(scope="session")
def world(
    docker_engine: Any, small_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """All of AWS that we use, on this machine."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app

    folder = tmp_path_factory.mktemp("aws")
    session = uuid.uuid4().hex
    password = uuid.uuid4().hex
    htpasswd = shutil.which("htpasswd")
    assert htpasswd, "Install Debian's apache2-utils."
    users = subprocess.run(
        [htpasswd, "-Bbn", "AWS", password], check=True, capture_output=True, text=True
    )
    (folder / "users").write_text(users.stdout)
    auth = {"htpasswd": {"realm": "ecr", "path": str(folder / "users")}}
    storage = {"delete": {"enabled": True}}
    inside = boto3.Session(aws_access_key_id=INSIDE, aws_secret_access_key="x", region_name=REGION)

    pushed: list[str] = []

    def run(image: str, environment: dict[str, str], data: bytes | None) -> Machine:
        if image in pushed:
            return Process(SERVER, environment)
        credentials = {"username": "AWS", "password": password}
        return Container(docker_engine, image, environment, data, credentials, session)

    with registry(folder / "registry", auth=auth, storage=storage) as host:
        ecr = Ecr(host.host, password, f"arn:aws:ecr:{REGION}:{ACCOUNT}")
        helper = _Helper(inside)
        cloud = Cloud(run, helper.role_is_good, ecr.find, helper.read, helper.write, helper.list,
                      helper.write_log)  # fmt: skip
        front = Front(cloud, ecr, DomainDispatcherApplication(create_backend_app))
        with listening(front):
            helper.address = front.address
            made = World(front, "", "mlpack-data", inside, helper.write_log)
            made.role = _make_role(made, "sagemaker", TRUST)
            made.client("s3").create_bucket(
                Bucket=made.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            made.pushed = _push(docker_engine, small_image, ecr)
            pushed.append(made.pushed)
            yield made
        for container in docker_engine.containers.list(
            all=True, filters={"label": f"{LABEL}={session}"}
        ):
            container.remove(force=True, v=True)
        for image in docker_engine.api.images():  # others' may go while they are listed
            for name in [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]:
                if name.startswith(host.host):
                    with suppress(Exception):
                        docker_engine.images.remove(name)


@pytest.fixture
def aws(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """The world, and an environment in which boto3 finds it and nothing else."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": world.front.address,
        "AWS_ACCESS_KEY_ID": "user",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    cloud = world.cloud
    world.front.faults.clear()
    world.front.calls.clear()
    world.front.bodies.clear()
    world.front.denied.clear()
    world.front.policy = None
    cloud.quota.clear()
    cloud.alarms.clear()
    cloud.capacity.clear()
    cloud.ping_seconds, cloud.slow = 60.0, 0.0
    yield world
    cloud.go.set()
    world.front.faults.clear()


@pytest.fixture
def only_documented_rights(aws: World) -> Iterator[None]:
    """The user has the rights that the docs list, and no others."""
    aws.front.policy = documented(aws.bucket)
    yield
    assert aws.front.denied == []
    aws.front.policy = None


@dataclass
class Named:
    """A deployment's name that nobody else uses, and the target."""

    world: World
    name: str
    image: str
    target: SagemakerTarget = field(default_factory=lambda: SagemakerTarget(patience=PATIENCE))
    seen: list[Progress] = field(default_factory=list)

    def request(self, image: Any = None, wait: bool = True, **options: Any) -> DeployRequest:
        options = {"role": self.world.role, **options}
        return DeployRequest(self.name, "models:/churn/3", image or self.image, options, wait)

    def create(self, image: Any = None, **options: Any) -> Any:
        return self.target.create(self.request(image, **options), self.seen.append)

    def update(self, image: Any = None, **options: Any) -> Any:
        return self.target.update(self.request(image, **options), self.seen.append)

    def answer(self, **also: Any) -> Any:
        return json.loads(self.target.predict(self.name, b"{}", "application/json", **also).body)

    def left(self) -> list[str]:
        """All that there is of it."""
        kinds = ("model", "endpoint-config", "endpoint")
        found = [f"{kind} {each}" for kind in kinds for each in self.world.names(kind, self.name)]
        return found + [each for each in self.world.ecr.repositories if self.name in each]

    def fault(self, action: str, kind: str, count: int = 1) -> None:
        self.world.front.faults.append(Fault(action, kind, count))


@pytest.fixture
def named(aws: World) -> Iterator[Named]:
    """A fresh name; what is left of it goes."""
    made = Named(aws, f"t-{uuid.uuid4().hex[:8]}", aws.pushed)
    yield made
    aws.front.faults.clear()
    with suppress(Exception):
        made.target.delete(made.name)


@pytest.fixture
def pushing(named: Named, small_image: str) -> Named:
    """The same with an image of the engine, which is pushed first."""
    named.image = small_image
    return named


def _push(engine: Any, image: str, ecr: Ecr) -> str:
    ecr.create_repository({"repositoryName": "shared/small"})
    name = f"{ecr.host}/shared/small"
    engine.images.get(image).tag(name, "1")
    login = {"username": "AWS", "password": ecr.password}
    said = engine.images.push(name, tag="1", auth_config=login)
    (digest,) = ecr.digests("shared/small") or [said]
    return f"{name}@{digest}"


def _make_role(world: World, name: str, trust: Any) -> str:
    made = world.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust)
    )
    return str(made["Role"]["Arn"])


class _Helper:
    """What the emulator itself asks moto."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._clients: dict[str, Any] = {}
        self.address = ""

    def role_is_good(self, arn: str) -> bool:
        try:
            role = self._client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
        except Exception:
            return False
        return "sagemaker.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])

    def read(self, url: str) -> bytes | None:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            found = self._client("s3").get_object(Bucket=bucket, Key=key)
        except Exception:
            return None
        return bytes(found["Body"].read())

    def write(self, url: str, body: bytes) -> None:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self._client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def list(self, url: str) -> list[str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        listed = self._client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
        return [f"s3://{bucket}/{each['Key']}" for each in listed.get("Contents", ())]

    def write_log(self, group: str, stream: str, lines: list[str]) -> None:
        client = self._client("logs")
        for call, also in (
            (client.create_log_group, {}),
            (client.create_log_stream, {"logStreamName": stream}),
        ):
            with suppress(Exception):
                call(logGroupName=group, **also)
        now = int(time.time() * 1000)
        events = [{"timestamp": now + i, "message": each} for i, each in enumerate(lines) if each]
        if events:
            client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.address)
        return self._clients[service]
