"""Images really run, as SageMaker runs them: ``docker run IMAGE serve``, asked for ``/ping``."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlpack.tests.ports import free_port

LABEL = "mlpack-test-g"


class Died(Exception):
    """A container that does not answer; says why in SageMaker's words."""


class Machine:
    """What answers on a port of this machine, and may end by itself."""

    _port: int

    def __init__(self) -> None:
        self._busy = 0
        self._idle = threading.Condition()
        self._loaded: list[str] = []  # names of models, the one used last at the end
        self._loading = threading.Lock()
        self.unloaded = 0

    def wait(self, seconds: float, variant: str) -> None:
        """Raises `Died` unless ``/ping`` answers in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/ping", b"", {}, 2)[0] == 200:
                    return
            if self.ended():
                break
            time.sleep(0.03)
        raise Died(
            f"The primary container for production variant {variant} did not pass the ping health "
            "check. Please check CloudWatch logs for this endpoint."
        )

    def request(
        self, method: str, path: str, body: bytes, headers: dict[str, str], seconds: float = 60
    ) -> tuple[int, bytes, str]:
        """Status, body and content type of an answer."""
        with self._idle:
            self._busy += 1
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(), response.headers.get("Content-Type", "")
        finally:
            connection.close()
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def invoke_model(
        self, target: str, data: bytes | None, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, str]:
        """As a multi-model endpoint does it: fetch and load when first asked for, then ask.

        https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
        """
        name = hashlib.sha256(target.encode()).hexdigest()[:32]  # opaque to the container
        if data is None:
            return 404, f"{target} is not in S3".encode(), "text/plain"
        with self._loading:
            if name not in self._loaded:
                refused = self._load(name, data)
                if refused is not None:
                    return refused
            self._loaded = [each for each in self._loaded if each != name] + [name]
        headers = {**headers, "X-Amzn-SageMaker-Target-Model": target}
        return self.request("POST", f"/models/{name}/invoke", body, headers)

    def _load(self, name: str, data: bytes) -> tuple[int, bytes, str] | None:
        """None when it is loaded; unloads what was not used for longest while memory is short."""
        unpacked = io.BytesIO()
        with (
            tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as source,
            tarfile.open(fileobj=unpacked, mode="w") as there,
        ):
            for folder in ("opt/ml/models", f"opt/ml/models/{name}", f"opt/ml/models/{name}/model"):
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                there.addfile(info)
            for info in source.getmembers():
                content = source.extractfile(info)
                info.name = f"opt/ml/models/{name}/model/{info.name}"
                there.addfile(info, content)
        self.put(unpacked.getvalue())
        body = json.dumps({"model_name": name, "url": f"/opt/ml/models/{name}/model"}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        while True:
            answer = self.request("POST", "/models", body, headers)
            if answer[0] in (200, 409):
                return None
            if answer[0] != 507 or not self._loaded:
                return answer
            self.request("DELETE", f"/models/{self._loaded.pop(0)}", b"", {})
            self.unloaded += 1

    def stop(self) -> None:
        """Let it finish what it is at, then end it."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, timeout=60)
        self.end()

    def ended(self) -> bool:
        """Did it end by itself?"""
        raise NotImplementedError

    def log(self) -> list[str]:
        """All that it wrote."""
        raise NotImplementedError

    def end(self) -> None:
        """End it now."""
        raise NotImplementedError

    def put(self, archive: bytes) -> None:
        """Files for it, as a tar; none by default."""


class Container(Machine):
    """One running image.

    Args:
        engine: a client of the Docker engine.
        image: by digest.
        environment: variables.
        data: a model.tar.gz, for ``/opt/ml/model``.
        credentials: to pull with.
        session: label of the test session.
    """

    def __init__(
        self,
        engine: Any,
        image: str,
        environment: dict[str, str],
        data: bytes | None,
        credentials: dict[str, str],
        session: str,
    ) -> None:
        from docker.errors import DockerException, ImageNotFound

        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="mlpack-fleet-")
        volumes = {}
        if data is not None:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
                tar.extractall(self._folder.name, filter="data")
            Path(self._folder.name).chmod(0o755)  # for any user
            volumes[self._folder.name] = {"bind": "/opt/ml/model", "mode": "ro"}
        try:
            try:
                engine.images.get(image)  # its name has its digest
            except ImageNotFound:
                engine.images.pull(image, auth_config=credentials)
            self._container = engine.containers.create(
                image,
                ["serve"],
                environment=environment,
                ports={"8080/tcp": ("127.0.0.1", None)},
                labels={LABEL: session},
                volumes=volumes,
            )
            self._container.start()
        except DockerException as error:
            raise Died(
                "The image cannot be pulled. Please make sure all images included in the model "
                "exist, and that the execution role used to create the model has permissions to "
                f"access them. ({error})"
            ) from error
        self._container.reload()
        ports = self._container.ports["8080/tcp"] if self._container.ports else None
        self._port = int(ports[0]["HostPort"]) if ports else 0

    def ended(self) -> bool:
        """Did it end by itself?"""
        self._container.reload()
        return bool(self._container.status == "exited")

    def log(self) -> list[str]:
        """All that it wrote."""
        return self._container.logs().decode(errors="replace").splitlines()

    def put(self, archive: bytes) -> None:
        """See the base."""
        self._container.put_archive("/", archive)

    def end(self) -> None:
        """Remove it."""
        with suppress(Exception):
            self._container.remove(force=True, v=True)
        with suppress(OSError):
            self._folder.cleanup()


class Process(Machine):
    """The small image's server without the image, which takes a tenth of the time.

    Args:
        script: the server.
        environment: variables.
    """

    def __init__(self, script: str, environment: dict[str, str]) -> None:
        super().__init__()
        self._port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", script, "serve"],
            env={**environment, "PORT": str(self._port)},
            stdout=self._log,
            stderr=self._log,
        )

    def ended(self) -> bool:
        """Did it end by itself?"""
        return self._process.poll() is not None

    def log(self) -> list[str]:
        """All that it wrote."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace").splitlines()

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._log.close()
