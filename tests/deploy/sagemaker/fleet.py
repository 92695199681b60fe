"""Images really run, as SageMaker runs them: ``docker run IMAGE serve``, asked for ``/ping``."""

from __future__ import annotations

import http.client
import io
import tarfile
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LABEL = "mlpack-test-g"


class Died(Exception):
    """A container that does not answer; says why in SageMaker's words."""


class Container:
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
        from docker.errors import DockerException

        self._folder = tempfile.TemporaryDirectory(prefix="mlpack-fleet-")
        volumes = {}
        if data is not None:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
                tar.extractall(self._folder.name, filter="data")
            Path(self._folder.name).chmod(0o755)  # for any user
            volumes[self._folder.name] = {"bind": "/opt/ml/model", "mode": "ro"}
        try:
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
        self._busy = 0
        self._idle = threading.Condition()

    def wait(self, seconds: float, variant: str) -> None:
        """Raises `Died` unless ``/ping`` answers in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/ping", b"", {}, 2)[0] == 200:
                    return
            self._container.reload()
            if self._container.status == "exited":
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

    def log(self) -> list[str]:
        """All that it wrote."""
        return self._container.logs().decode(errors="replace").splitlines()

    def stop(self) -> None:
        """Let it finish what it is at, then end it."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, timeout=60)
        with suppress(Exception):
            self._container.remove(force=True, v=True)
        with suppress(OSError):
            self._folder.cleanup()
