"""Reads what a Docker engine says while it builds, and turns it into `Progress`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import BuildFailed, MlpackError, StorageFailed
from .base import Part, Progress, Report

_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)$")
_IMAGE = re.compile(r"^ ---> ([0-9a-f]{12,64})$")
_BUILT = re.compile(r"^Successfully built ([0-9a-f]{12,64})$")
_NOISE = re.compile(r"^( ---> |Removing intermediate container |Successfully (built|tagged) |\s*$)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the engine paints what a step writes to stderr
_STARTS: dict[str, Part] = {
    "FROM": "base",
    "COPY system/": "system",
    "COPY install/": "dependencies",
    "COPY runtime/": "runtime",
    "COPY model/": "model",
    "COPY sbom": "model",
}
_WORK: dict[Part, str] = {
    "system": "install the system packages",
    "dependencies": "install the model's requirements",
}


class BuildLog:
    """The state of one build as its output tells it.

    Args:
        report: told what happens.
        secrets: never passed on.
        base_image: for messages.
    """

    def __init__(self, report: Report, secrets: Iterable[str], base_image: str) -> None:
        # the longest first: a password may be part of another secret
        self._secrets = sorted(set(secrets), key=len, reverse=True)
        self._report = report
        self._base_image = base_image
        self._rest = ""
        self._part: Part = "base"
        self._last = ""  # line of the current step
        self.error: str | None = None
        self.image_id: str | None = None
        self.notices: list[str] = []
        self.steps: list[Part] = []  # the part that each step belongs to
        self.built: set[Part] = set()  # parts that were not all in the cache
        self.made: list[str] = []  # images that this build made, the latest last

    def feed(self, message: Mapping[str, Any]) -> None:
        """Take one message of the engine.

        Raises:
            BuildFailed: it says that the build failed.
            StorageFailed: the engine's disk is full.
        """
        if "error" in message:
            self._take_rest()
            raise self._failure(str(message["error"]))
        if "stream" in message:
            self._rest += str(message["stream"])
            *lines, self._rest = self._rest.split("\n")
            for line in lines:
                self._line(line.rstrip("\r"))
        elif "aux" in message:
            self.image_id = message["aux"].get("ID", self.image_id)
        elif "status" in message:
            detail = message.get("progressDetail") or {}
            text = f"{message['status']} {message.get('id', '')}".strip()
            done, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
            self._report(Progress("bytes", self.scrub(text), "base", done, total))

    def finish(self) -> None:
        """The output ended well: take the last line and close the last part."""
        self._take_rest()
        self._close_part()

    def scrub(self, text: str) -> str:
        """A text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return re.sub(r"//[^/@\s]+@", "//***@", text)

    def _take_rest(self) -> None:
        if self._rest:
            self._line(self._rest)
            self._rest = ""

    def _line(self, raw: str) -> None:
        line = self.scrub(_COLOUR.sub("", raw))
        if step := _STEP.match(line):
            self._step(step[3])
        elif line == " ---> Using cache":
            self._cached = True
        elif image := _IMAGE.match(line):
            if not self._cached and self._part != "base":
                self.made.append(image[1])
                self.built.add(self._part)
        elif built := _BUILT.match(line):
            self.image_id = self.image_id or built[1]
        elif line.startswith("mlpack-error: "):
            self.error = line.removeprefix("mlpack-error: ")
        elif line.startswith("mlpack-notice: "):
            self.notices.append(line.removeprefix("mlpack-notice: "))
            self._report(Progress("notice", self.notices[-1], self._part))
        elif not _NOISE.match(line):
            self._last = line.strip()
            self._report(Progress("log", line, self._part))

    def _step(self, instruction: str) -> None:
        self._cached, self._last = False, ""
        for start, part in _STARTS.items():
            if instruction.startswith(start):
                self._close_part()
                self._part = part
                self._report(Progress("part", part, part))
        self.steps.append(self._part)

    def _close_part(self) -> None:
        if self._part != "base" and self._part not in self.built:
            self._report(Progress("cached", self._part, self._part))

    def _failure(self, text: str) -> MlpackError:
        text = self.scrub(" ".join(text.split()))
        last = self._last
        if "no space left on device" in text + last + (self.error or ""):
            return StorageFailed(
                "The Docker engine's disk is full. `docker system df` shows what takes the room, "
                "`docker builder prune` and `docker image prune` free it."
            )
        if self.error:
            what = _WORK.get(self._part, "go on")
            return BuildFailed(f"The build could not {what}: {self.error}")
        if "exec format error" in text + last:
            return BuildFailed(
                f"The engine cannot run {self._base_image} (another processor's image). Leave "
                "out --platform, or set up emulation (docker run --privileged tonistiigi/binfmt)."
            )
        if "executable file not found" in text and "python3" in text:
            return BuildFailed(
                f"The base image {self._base_image} has no python3. Take one that has, for "
                "instance --base-image python:3.11-slim."
            )
        if self._part == "base":
            return BuildFailed(
                f"The base image {self._base_image} is not on this engine and could not be "
                f"fetched ({text}). Name another one with --base-image."
            )
        return BuildFailed(f"The build failed: {text}" + (f" ({last})" if last else ""))

    _cached = False
