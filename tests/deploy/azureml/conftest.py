"""A cloud of Azure's shape with real containers, a real registry and a real blob store."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import ssl
import subprocess
import tarfile
import tempfile
import urllib.request
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlpack.deploy_targets.azureml.target import AzureMLTarget
from mlpack.deploy_targets.base import DeployRequest
from mlpack.tests.artifacts import servers
from mlpack.tests.deploy.azureml import machines
from mlpack.tests.deploy.azureml.cloud import (
    CLIENT,
    GROUP,
    SECRET,
    SUBSCRIPTION,
    TENANT,
    WORKSPACE,
    Cloud,
    wait_for,
)
from mlpack.tests.ports import free_port

SERVER = Path(__file__).with_name("quick_server.py")
DOCKERFILE = (
    "FROM python:3.11-slim\nCOPY server.py /\nARG VERSION=1\nENV VERSION=$VERSION\nUSER 1\n"
    'ENTRYPOINT ["python3", "/server.py"]\n'
)


@pytest.fixture(scope="session")
def quick_images(docker_engine: Any) -> Iterator[dict[str, str]]:
    """Two versions of a server that starts in no time and misbehaves on request."""
    found = {}
    for version in ("1", "2"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, text in (("Dockerfile", DOCKERFILE), ("server.py", SERVER.read_text())):
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
        buffer.seek(0)
        found[version] = f"{machines.MARK}/quick:{version}"
        docker_engine.images.build(
            fileobj=buffer,
            custom_context=True,
            tag=found[version],
            rm=True,
            buildargs={"VERSION": version},
        )
    yield found


@dataclass(frozen=True)
class Storage:
    """A blob store over TLS, where models are uploaded."""

    account: str
    key: str
    suffix: str
    container: str


class Certificates:
    """An authority of our own, and what it vouches for."""

    def __init__(self, folder: Path) -> None:
        import certifi
        import trustme

        authority = trustme.CA()
        issued = authority.issue_cert(
            "localhost", "127.0.0.1", f"{servers.AZURE_ACCOUNT}.blob.core.localhost"
        )
        self.bundle, self.cert, self.key = (folder / n for n in ("ca.pem", "cert.pem", "key.pem"))
        usual = Path(os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where())
        self.bundle.write_bytes(usual.read_bytes() + b"\n" + authority.cert_pem.bytes())
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(self.context)


@pytest.fixture(scope="session")
def azure_ai_ml() -> None:
    """The SDK, imported without the warnings of its own libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import azure.ai.ml.entities  # noqa: F401


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def registry_port() -> Iterator[int]:
    """Debian's docker-registry, without a login of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yml"
        config.write_text(
            f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
            f"http:\n  addr: 127.0.0.1:{port}\nlog:\n  level: error\n"
        )
        command = ["docker-registry", "serve", str(config)]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            try:
                wait_for(lambda: _answers(f"http://127.0.0.1:{port}/v2/"))
                yield port
            finally:
                process.kill()


@pytest.fixture(scope="session")
def storage(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """Azurite over TLS."""
    folder = tmp_path_factory.mktemp("azurite")
    with servers.azure(folder, certificates.cert, certificates.key) as server:
        from azure.storage.blob import BlobServiceClient

        suffix = f"core.localhost:{server.url.rpartition(':')[2].partition('/')[0]}"
        made = Storage(servers.AZURE_ACCOUNT, servers.AZURE_KEY, suffix, "azureml-blobstore")
        with pytest.MonkeyPatch.context() as patch:
            resolve_localhost(patch)
            client: Any = BlobServiceClient(
                f"https://{made.account}.blob.{suffix}",
                made.key,
                connection_verify=str(certificates.bundle),
            )
            client.create_container(made.container)
        yield made


def resolve_localhost(patch: pytest.MonkeyPatch) -> None:
    """Names below .localhost are this machine's, whatever its resolver knows."""
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        ours = isinstance(host, str) and host.endswith(".localhost")
        return real("127.0.0.1" if ours else host, *args, **options)

    patch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where layers are kept, so that each is compressed once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def cloud_server(
    certificates: Certificates,
    registry_port: int,
    docker_engine: Any,
    azure_ai_ml: None,
) -> Iterator[Cloud]:
    """One port for all tests, so that an image in its registry keeps its name."""
    made = Cloud(certificates.context, runner(docker_engine), registry_port)
    made.engine = docker_engine
    yield made
    made.close()


@pytest.fixture
def cloud(
    cloud_server: Cloud,
    certificates: Certificates,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Cloud]:
    """An empty workspace in a cloud, and the variables that lead to it."""
    lead_to(cloud_server, certificates, monkeypatch, tmp_path, cache)
    cloud_server.reset()
    yield cloud_server
    cloud_server.workspace.close()


def runner(engine: Any) -> Any:
    """What starts the container of a deployment, or Azure's own server."""

    def run(cloud: Cloud, made: Any, started: Any) -> machines.Machine:
        properties = made.body["properties"]
        if "environmentId" not in properties:
            folder = download(cloud, cloud.workspace.need(properties["model"]).body["properties"])
            return machines.run_no_code(cloud.peer_python, folder, started)
        environment = cloud.workspace.need(properties["environmentId"]).body["properties"]
        login = cloud.acr_login()
        there = cloud.on_machines.get(environment["image"])
        return machines.run_image(engine, environment, properties, login, started, there)

    return run


def download(cloud: Cloud, model: Any) -> Path:
    """A registered model's files, from the blob store that they were uploaded to."""
    from azure.storage.blob import ContainerClient

    store = cloud.storage
    prefix = model["modelUri"].partition("/paths/")[2]
    folder = Path(tempfile.mkdtemp())
    account = f"https://{store.account}.blob.{store.suffix}"
    with ContainerClient(account, store.container, credential=store.key) as client:
        for blob in client.list_blobs(name_starts_with=prefix):
            file = folder / blob.name[len(prefix) :].lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(client.download_blob(blob.name).readall())
    return folder


@pytest.fixture
def no_code(
    cloud: Cloud, storage: Storage, peer_python: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """A cloud that takes models, and has MLflow to serve them."""
    resolve_localhost(monkeypatch)
    cloud.storage, cloud.peer_python = storage, peer_python
    yield cloud
    cloud.storage = None


def lead_to(
    cloud: Cloud,
    certificates: Certificates,
    patch: pytest.MonkeyPatch,
    folder: Path,
    cache: Path,
) -> None:
    """The variables with which Azure's own tools find a cloud, a workspace and who we are."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "AZUREML_", "ARM_")):
            patch.delenv(name)
    for name, value in {
        "ARM_CLOUD_METADATA_URL": f"{cloud.url}/metadata/endpoints?api-version=2022-09-01",
        "REQUESTS_CA_BUNDLE": str(certificates.bundle),
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_CLIENT_SECRET": SECRET,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AZURE_RESOURCE_GROUP": GROUP,
        "AZUREML_WORKSPACE_NAME": WORKSPACE,
        "AZURE_CONFIG_DIR": str(folder / "azure-cli"),
        "XDG_CACHE_HOME": str(cache),
    }.items():
        patch.setenv(name, value)
    patch.chdir(folder)
    from azure.ai.ml import _azure_environments

    # the SDK refuses to learn a cloud twice in a process; ours has another port each time
    patch.setattr(
        _azure_environments,
        "_environments",
        {k: v for k, v in _azure_environments._environments.items() if k.startswith("Azure")},
    )
    patch.setenv("AZUREML_CURRENT_CLOUD", "CloudOfTests")  # the SDK sets it, and leaves it


class Deploy:
    """A deployment's name that nobody else uses, and requests for it."""

    def __init__(self, cloud: Cloud, images: dict[str, str]) -> None:
        self.cloud, self.images = cloud, images
        # as if they were in the registry: only the tests of pushing wait for that
        self.pinned = {
            version: f"{cloud.login_server}/tests/quick@{cloud.engine.images.get(name).id}"
            for version, name in images.items()
        }
        cloud.on_machines = {self.pinned[version]: name for version, name in images.items()}
        self.name = f"t-{uuid.uuid4().hex[:10]}"
        self.target = AzureMLTarget()
        self.seen: list[str] = []

    def request(self, image: Any = "1", wait: bool = True, **options: Any) -> DeployRequest:
        image = self.pinned.get(image, image) if isinstance(image, str) else image
        return DeployRequest(self.name, "runs:/abc/model", image, options, wait)

    def report(self, progress: Any) -> None:
        self.seen.append(progress.message)

    def create(self, *args: Any, **options: Any) -> Any:
        return self.target.create(self.request(*args, **options), self.report)

    def update(self, *args: Any, **options: Any) -> Any:
        return self.target.update(self.request(*args, **options), self.report)

    def answer(self, body: bytes = b"{}") -> str:
        return self.target.predict(self.name, body, "application/json").body.decode()


@pytest.fixture
def deploy(cloud: Cloud, quick_images: dict[str, str]) -> Deploy:
    return Deploy(cloud, quick_images)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False
