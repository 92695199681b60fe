"""The base image of a build through an engine: there, for the right platform, and pinned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import BuildFailed, EngineUnavailable
from .base import Progress, Report
from .labels import Base, base_name
from .oci.base_image import check_platform
from .oci.spec import Platform
from .remote.reference import digest_among
from .settings import hiding_volumes, not_inherited


@dataclass(frozen=True)
class EngineBase:
    """A base image on an engine.

    Attributes:
        name: for people.
        pinned: by which the Dockerfile names it: with its digest, if it came from a registry.
        digest: of its manifest, if it came from a registry.
        config: its ``Config``.
    """

    name: str
    pinned: str
    digest: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> Base:
        """What the labels of the image say of it."""
        return Base(base_name(self.name), self.digest, *not_inherited(self.config))


def find_base(
    client: Any, name: str, platform: str | None, *, pull: bool, report: Report
) -> EngineBase:
    """See to it that a base image is on the engine.

    Args:
        client: of the engine.
        name: as the user wrote it.
        platform: to build for; None takes what is there.
        pull: ask the registry for a newer one first.
        report: told how far fetching it is.

    Raises:
        BuildFailed: it is not there and cannot be fetched, is for another platform, or would run
            commands of its own in the build.
    """
    plain = re.sub(r"^(engine|registry):", "", name)
    wanted = Platform.parse(platform) if platform else None
    found = _inspect(client, plain)
    fits = found is not None and (wanted is None or _platform(found).serves(wanted))
    if found is None or pull or not fits:
        found = _pulled(client, plain, platform, found, report)
    if wanted is not None:
        check_platform(name, _platform(found), wanted)
    if (found.get("Config") or {}).get("OnBuild"):
        raise BuildFailed(
            f"The base image {name} has instructions for whoever builds on it (ONBUILD), which "
            "would run in this build. --builder oci leaves them out; or name another base image."
        )
    config = found.get("Config") or {}
    if hiding := hiding_volumes(config):
        raise BuildFailed(
            f"The base image {name} has a volume at {hiding[0]}, in which an engine would lose "
            "what the build puts there. --builder oci leaves it out; or name another base image."
        )
    digest = digest_among(found.get("RepoDigests") or (), plain)
    repository = plain.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return EngineBase(name, f"{repository}@{digest}" if digest else plain, digest, config)


def _inspect(client: Any, name: str) -> Mapping[str, Any] | None:
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    try:
        found: Mapping[str, Any] = client.api.inspect_image(name)
    except ImageNotFound:
        return None
    except (DockerException, RequestException):
        raise EngineUnavailable(
            "The Docker engine does not answer as one should. Is it still running?"
        ) from None
    return found


def _platform(found: Mapping[str, Any]) -> Platform:
    return Platform.from_dict(
        {
            "os": found.get("Os"),
            "architecture": found.get("Architecture"),
            "variant": found.get("Variant"),
        }
    )


def _pulled(
    client: Any,
    name: str,
    platform: str | None,
    before: Mapping[str, Any] | None,
    report: Report,
) -> Mapping[str, Any]:
    from docker.errors import APIError
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    repository, tag = name, None if "@" in name else "latest"
    if "@" not in name and ":" in name.rpartition("/")[2]:
        repository, _, tag = name.rpartition(":")
    why = ""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", name):
        try:
            for line in client.api.pull(
                repository, tag=tag, platform=platform, stream=True, decode=True
            ):
                why = str(line.get("error") or why)
                _tell(line, report)
        except APIError as error:
            why = str(error.explanation)
        except (RequestException, HTTPError) as error:
            why = f"the engine broke off: {type(error).__name__}"
    else:
        why = "there is no image of this id"
    found = _inspect(client, name)
    if not why and found is not None:
        return found
    if before is not None and platform is not None:
        check_platform(name, _platform(before), Platform.parse(platform))
    raise BuildFailed(
        f"The base image {name} is not on this engine and could not be fetched "
        f"({' '.join(why.split()) or 'the engine did not say why'}). Name another one with "
        "--base-image."
    )


def _tell(line: Mapping[str, Any], report: Report) -> None:
    detail = line.get("progressDetail") or {}
    text = f"{line.get('status', '')} {line.get('id', '')}".strip()
    done, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
    report(Progress("bytes", text, "base", done, total))
