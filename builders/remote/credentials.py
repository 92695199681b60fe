"""Who we are at a registry: from the caller, Docker's configuration, or that of Podman and skopeo.

Formats: Docker's ``config.json`` (``auths``, ``credsStore``, ``credHelpers``) and containers'
``auth.json``, https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidInput, RegistryFailed
from .reference import Reference


@dataclass(frozen=True, repr=False)
class Login:
    """What to show a registry or its token server.

    Attributes:
        username: with `password`; empty with an identity token.
        password: or a token that stands for it.
        identity_token: of an OAuth login, in place of both.
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return tuple(each for each in (self.password, self.identity_token) if each)


def find_login(reference: Reference) -> Login | None:
    """What the user's files say about a registry; None when nothing.

    Raises:
        InvalidInput: a file cannot be read as what it is.
        RegistryFailed: a credential helper does not work.
    """
    return _from_docker(reference) or _from_containers(reference)


def _from_docker(reference: Reference) -> Login | None:
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    found = _read(folder / "config.json")  # importing docker takes 0.1 s, so look first
    return _resolve(found, folder / "config.json", reference.registry) if found else None


def _from_containers(reference: Reference) -> Login | None:
    for path in _containers_files():
        found = _read(path)
        if not found:
            continue
        accounts = found.get("auths")
        if isinstance(accounts, Mapping):
            # the nearest entry counts: host/team/app, host/team, host
            name = reference.name
            while name not in accounts and "/" in name:
                name = name.rpartition("/")[0]
            own = {reference.registry: accounts[name]} if name in accounts else {}
            found = {**found, "auths": own}
        if login := _resolve(found, path, reference.registry):
            return login
    return None


def _containers_files() -> Iterator[Path]:
    if named := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
        return
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers/auth.json"
    settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    yield Path(settings) / "containers/auth.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "it is not JSON"
        raise InvalidInput(f"Cannot read the logins of registries in {path}: {why}.") from None
    return found if isinstance(found, dict) else {}


def _resolve(found: dict[str, Any], path: Path, registry: str) -> Login | None:
    if not any(found.get(key) for key in ("auths", "credsStore", "credHelpers")):
        return None
    from docker.auth import AuthConfig
    from docker.errors import DockerException

    helper = (found.get("credHelpers") or {}).get(registry) or found.get("credsStore")
    try:
        entry = AuthConfig.load_config(None, dict(found)).resolve_authconfig(registry)
    except DockerException:
        # its text may hold what the helper printed
        raise RegistryFailed(
            f"The credential helper docker-credential-{helper}, which {path} names for {registry}, "
            f"does not work. Try: echo {registry} | docker-credential-{helper} get"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(
            f"{path} holds a login for a registry that cannot be read. Try: docker login {registry}"
        ) from None
    entry = {key.lower(): value for key, value in (entry or {}).items() if value}
    if token := entry.get("identitytoken"):
        return Login(identity_token=str(token))
    if entry.get("username") and entry.get("password"):
        return Login(str(entry["username"]), str(entry["password"]))
    return None
