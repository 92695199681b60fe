"""One build by an engine: the context goes there, its output is followed, failures are cleaned up.

API: https://docs.docker.com/engine/api/v1.41/#tag/Image/operation/ImageBuild
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import BuildFailed, EngineUnavailable
from .build_log import BuildLog


def run_build(
    client: Any,
    context: Iterable[bytes],
    log: BuildLog,
    *,
    name: str | None = None,
    platform: str | None = None,
    arguments: Mapping[str, str] | None = None,
    no_cache: bool = False,
) -> None:
    """Have the engine build an image; after a failure or Ctrl-C nothing stays behind.

    Args:
        client: of the engine.
        context: a tar with the Dockerfile.
        log: is fed the output.
        name: of the image; without one it has its id alone.
        platform: see ``docker build``.
        arguments: of the build; None leaves out those of Docker's configuration, too.
        no_cache: run every step.

    Raises:
        BuildFailed: a step failed, or the engine refuses.
        EngineUnavailable: the engine broke off.
        StorageFailed: the engine's disk is full.
    """
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError  # docker lets it through when a stream breaks

    broken = (RequestException, HTTPError, DockerException, OSError)
    responses: list[Any] = []
    client.api.hooks["response"].append(lambda response, **_: responses.append(response))
    try:
        output = client.api.build(
            fileobj=context,
            custom_context=True,
            tag=name,
            buildargs=dict(arguments or {}),
            use_config_proxy=arguments is not None,
            platform=platform,
            nocache=no_cache,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=None,  # an installation may be silent for minutes
        )
        for message in output:
            log.feed(message)
        log.finish()
    except BaseException as error:
        for response in responses:
            response.close()  # the engine stops when nobody listens
        remove_remains(client, log)
        if isinstance(error, APIError):
            # its text holds the request's address, and that the build arguments
            raise BuildFailed(
                f"The engine refused the build: {log.scrub(str(error.explanation))}"
            ) from None
        if isinstance(error, broken):
            raise EngineUnavailable(
                "The connection to the Docker engine broke during the build. Is it still running?"
            ) from None
        raise
    finally:
        client.api.hooks["response"].clear()


def remove_remains(client: Any, log: BuildLog) -> None:
    """Take away the half-made image; the engine itself removes the container it was working in."""
    from docker.errors import APIError, ImageNotFound

    log_made = log.made[-1:]
    deadline = time.monotonic() + 10
    while log_made and time.monotonic() < deadline:
        try:
            # with its parents, up to the first that something else uses
            client.api.remove_image(log_made[0])
            return
        except ImageNotFound:
            return
        except APIError:  # still in use by the container that is being stopped
            time.sleep(0.2)
        except Exception:
            return  # the engine is gone; the first error says so
