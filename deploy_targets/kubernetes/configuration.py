"""Where the cluster is, and why it cannot be reached."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import InvalidInput


def configure(
    configuration: Any, kubeconfig: Path | None, context: str | None
) -> tuple[str, str | None]:
    """Fill in where the cluster is; returns the name and the namespace of the context."""
    from kubernetes import config as loading
    from kubernetes.config import ConfigException

    config: Any = loading
    # the library looks at KUBECONFIG once, when it is imported
    named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    file = str(kubeconfig.expanduser()) if kubeconfig else named
    try:
        contexts, current = config.list_kube_config_contexts(file)
    except (ConfigException, OSError, ValueError, TypeError) as error:
        if kubeconfig is None and context is None:
            try:
                config.load_incluster_config(configuration)
                return "in-cluster", _own_namespace()
            except ConfigException:
                pass
        raise InvalidInput(
            f"No cluster is configured ({_first_line(error)}). Set KUBECONFIG, or name a file "
            "with -C kubeconfig=…; `kubectl config get-contexts` lists what there is."
        ) from None
    names = [str(each["name"]) for each in contexts]
    if context is not None and context not in names:
        raise InvalidInput(
            f"The kubeconfig has no context {context!r}. It has: {', '.join(names)}."
        )
    chosen = next((each for each in contexts if each["name"] == context), current)
    with _listening() as said:
        try:
            config.load_kube_config(file, chosen["name"], configuration)
        except (ConfigException, OSError, ValueError, TypeError) as error:
            said.append(_first_line(error))
    if said:
        raise InvalidInput(f"The context {chosen['name']!r} cannot be used: {said[0]}.")
    return str(chosen["name"]), (chosen.get("context") or {}).get("namespace")


def _own_namespace() -> str | None:
    file = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return file.read_text().strip() if file.is_file() else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300].rstrip(".")


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What the library tells the root logger alone: that a command for credentials failed."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append((record.getMessage().splitlines() or [""])[0][:300].rstrip("."))

    ear, root = Ear(logging.ERROR), logging.getLogger()
    root.addHandler(ear)
    try:
        yield said
    finally:
        root.removeHandler(ear)


def why(error: BaseException) -> str:
    """The innermost reason of a failed connection, in words."""
    through = ""
    while True:
        if type(error).__name__ == "ProxyError":
            through = "the proxy of the environment: "
        inner = getattr(error, "reason", None) or getattr(error, "original_error", None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    text = _first_line(error).rpartition(": ")[2]
    return through + re.sub(r"\[Errno -?\d+\] ", "", text).strip(" .,'\"")
