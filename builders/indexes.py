"""Where a build takes packages from: what the user gave, else what this machine uses.

The addresses may hold credentials, so everything here that is meant to be seen goes through
`without_credentials`.
"""

from __future__ import annotations

import configparser
import netrc
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..errors import InvalidInput

UV_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
_NAMED = re.compile(r"^[A-Za-z0-9][\w.-]*=")  # name=https://…
# a slash in a password that should have been %2F is seen by what is before it, which is no port
_PAIR = re.compile(r"//([^/@\s]+|[^/@\s:]+:[^/@\s]*[^/@\s\d][^@\s]*)@")
_LOOPBACK = re.compile(r"^(localhost|127\.[\d.]+|::1|\[::1\])$")


@dataclass(frozen=True)
class Indexes:
    """Package indexes for one build.

    Attributes:
        settings: environment variables for uv; secret.
        secrets: the parts of them that must never be seen.
        notices: configured places that a container cannot reach and that are left out.
    """

    settings: Mapping[str, str]
    secrets: tuple[str, ...]
    notices: tuple[str, ...]


def find_indexes(
    index_url: str | None,
    extra_index_urls: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
    *,
    here: bool = False,
) -> Indexes:
    """Decide which package indexes a build uses.

    Args:
        index_url: the user's choice; None takes what uv and pip are configured with here.
        extra_index_urls: further ones, asked first.
        environment: where configuration is looked up.
        here: packages are fetched on this machine, so that places on it count, and names of
            indexes (``name=https://…``) stay, by which uv finds their credentials.

    Raises:
        InvalidInput: an address that was given is no http(s) address.
    """
    notices: list[str] = []
    for url in [*([index_url] if index_url else []), *extra_index_urls]:
        _check_address(url)
    configured = _configured(environment)

    def usable(urls: list[str]) -> list[str]:
        if not here:
            return _reachable(urls, environment, notices)
        # pip merges folders with its indexes, uv would take what it finds there instead
        own = {url for name in UV_VARIABLES for url in environment.get(name, "").split()}
        return [url for url in urls if url in own or not url.startswith(("file:", "/", "."))]

    def credited(url: str) -> str:
        url = _with_netrc(url, environment)
        return url if here else _with_keyring(url, environment)

    first = [index_url] if index_url else usable(configured["index"])
    extra = list(extra_index_urls)
    if not index_url and not extra:
        extra = usable(configured["extra"])
    settings = {}
    if first:
        settings["UV_DEFAULT_INDEX"] = credited(first[0])
    if extra:
        settings["UV_INDEX"] = " ".join(map(credited, extra))
    if configured["trusted"]:
        settings["UV_INSECURE_HOST"] = " ".join(configured["trusted"])
    secrets = [part for value in settings.values() for part in secret_parts(value)]
    return Indexes(settings, tuple(dict.fromkeys(secrets)), tuple(notices))


def _check_address(url: str) -> None:
    shown = without_credentials(url)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        raise InvalidInput(
            f"The package index {shown!r} has no valid host or port. In a password / is written "
            "%2F, @ %40 and : %3A."
        ) from None
    if not usable:
        raise InvalidInput(f"The package index {shown!r} is not an http(s) address.")


def without_credentials(text: str) -> str:
    """A text with the user names and passwords of its addresses blotted out."""
    return _PAIR.sub("//***@", text)


def secret_parts(text: str) -> Iterator[str]:
    """User names and passwords in a text's addresses, as written and together."""
    for pair in _PAIR.findall(text):
        parts = [pair, *pair.split(":", 1)]
        yield from (part for part in [*parts, *map(unquote, parts)] if len(part) > 2)


def proxies(environment: Mapping[str, str] = os.environ) -> tuple[dict[str, str], list[str]]:
    """This machine's HTTP proxies as Docker's predefined build arguments, and notices.

    Docker keeps them out of an image's history and configuration.
    """
    found: dict[str, str] = {}
    notices: list[str] = []
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        value = environment.get(name) or environment.get(name.lower())
        if not value:
            continue
        if name != "NO_PROXY" and _LOOPBACK.match(urlsplit(value).hostname or ""):
            notices.append(
                f"{name} points to this machine itself, which the build cannot reach; left out."
            )
            continue
        found[name] = found[name.lower()] = value
    return found, notices


def _configured(environment: Mapping[str, str]) -> dict[str, list[str]]:
    """What uv's and pip's variables say, else pip's configuration files."""
    files = _pip_configuration(environment)

    def look(*names: str, option: str) -> list[str]:
        for name in names:
            if environment.get(name):
                return environment[name].split()
        return files.get(option, "").split()

    return {
        "index": look("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", option="index-url"),
        "extra": look(
            "UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL", option="extra-index-url"
        ),
        "trusted": look("UV_INSECURE_HOST", "PIP_TRUSTED_HOST", option="trusted-host"),
    }


def _pip_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """The options of pip's own files, the more specific over the more general."""
    home = Path(environment.get("HOME", "/nonexistent"))
    places = [Path("/etc/pip.conf"), home / ".pip/pip.conf"]
    places.append(Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf")
    places.append(Path(sys.prefix) / "pip.conf")
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return {}
    if named:
        places.append(Path(named))
    options: dict[str, str] = {}
    for place in places:
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself will complain about it; a build is not the place
        for section in ("global", "install"):
            if parser.has_section(section):
                options.update(parser.items(section))
    return options


def _reachable(
    urls: Sequence[str], environment: Mapping[str, str], notices: list[str]
) -> list[str]:
    """Those that a container can ask too: not a folder here, not this machine's loopback."""
    kept = []
    for url in urls:
        name, _, plain = url.partition("=") if _NAMED.match(url) else ("", "", url)
        parts = urlsplit(plain)
        if parts.scheme in ("http", "https") and not _LOOPBACK.match(parts.hostname or ""):
            kept.append(_with_named(plain, name, environment))
        else:
            notices.append(
                f"The configured package index {without_credentials(plain)} is on this machine "
                "alone; the build does without it."
            )
    return kept


def _with_named(url: str, name: str, environment: Mapping[str, str]) -> str:
    """The address with the credentials that uv's variables hold for an index of that name.

    https://docs.astral.sh/uv/concepts/authentication/http/ tells how they are called.
    """
    variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
    user = environment.get(f"UV_INDEX_{variable}_USERNAME", "")
    password = environment.get(f"UV_INDEX_{variable}_PASSWORD", "")
    parts = urlsplit(url)
    if not name or not (user or password) or parts.username:
        return url
    pair = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{pair}@{parts.netloc}"))


def _with_keyring(url: str, environment: Mapping[str, str]) -> str:
    """The address with the password of its user that a keyring holds, where uv would ask one.

    A container has no keyring. https://docs.astral.sh/uv/reference/settings/#keyring-provider
    """
    parts = urlsplit(url)
    if environment.get("UV_KEYRING_PROVIDER") != "subprocess":
        return url
    if not parts.username or parts.password is not None:
        return url
    host = parts.netloc.rpartition("@")[2]
    for place in (urlunsplit(parts._replace(netloc=host)), host):
        command = ["keyring", "get", place, unquote(parts.username)]
        try:
            done = subprocess.run(
                command, env=dict(environment), capture_output=True, text=True, check=False
            )
        except OSError:
            return url  # there is none; the index says what it thinks of that
        if done.returncode == 0 and done.stdout.strip():
            pair = f"{parts.username}:{quote(done.stdout.strip(), safe='')}"
            return urlunsplit(parts._replace(netloc=f"{pair}@{host}"))
    return url


def _with_netrc(url: str, environment: Mapping[str, str]) -> str:
    """The address with the credentials that ~/.netrc holds for its host, if it has none."""
    parts = urlsplit(url)
    file = environment.get("NETRC") or Path(environment.get("HOME", "/nonexistent")) / ".netrc"
    if parts.username or not Path(file).is_file():
        return url
    try:
        found = netrc.netrc(file).hosts.get(parts.hostname or "")
    except (netrc.NetrcParseError, OSError):
        return url
    if not found:
        return url
    login, _, password = found
    pair = f"{quote(login, safe='')}:{quote(password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{pair}@{parts.netloc}"))
