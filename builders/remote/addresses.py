"""Where a registry may send us, and which registries may be spoken to without TLS."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from ...errors import InvalidInput, RegistryFailed

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is spoken to: credentials of one go to no other."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Raises ValueError when the address has no host, a strange scheme or a user in it."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def insecure_registries() -> frozenset[str]:
    """Those of ``MLPACK_INSECURE_REGISTRIES``: ``host:port``, separated by commas."""
    listed = os.environ.get("MLPACK_INSECURE_REGISTRIES", "")
    return frozenset(each.strip().lower() for each in listed.split(",") if each.strip())


def may_be_plain(registry: str) -> bool:
    """Whether http is allowed: only to this machine, or where the user says so."""
    host = urlsplit(f"//{registry}").hostname or ""
    return is_loopback(host) or registry in insecure_registries()


def next_address(origin: Origin, asked: str, location: str | None) -> str:
    """Where a ``Location`` leads.

    Args:
        origin: of the registry.
        asked: the address that answered with it.
        location: as it was sent; may be relative.

    Raises:
        RegistryFailed: a registry has no business to send us there.
    """
    target = urljoin(asked, location or "")
    try:
        found = Origin.of(target)
    except ValueError:
        found = None
    if not location or found is None:
        raise RegistryFailed(f"{origin} sends us to an address that cannot be used.")
    if found.scheme == "http" and origin.scheme == "https":
        if found.host != origin.host:
            raise RegistryFailed(
                f"{origin} sends us to {found}, which is not encrypted; that is not followed."
            )
        # a proxy ends TLS before a registry that does not know of it
        target = str(origin) + _tail(urlsplit(target))
    elif not _may_reach(origin, found):
        raise RegistryFailed(
            f"{origin} sends us to {found}, an address of this machine; that is not followed."
        )
    return target


def check_realm(origin: Origin, realm: str) -> Origin:
    """Whether a registry's token server may be asked, with a password perhaps.

    Raises:
        RegistryFailed: it may not.
    """
    try:
        found = Origin.of(realm)
    except ValueError:
        raise RegistryFailed(f"{origin} names a token server that cannot be used.") from None
    near = found.host == origin.host or (is_loopback(found.host) and is_loopback(origin.host))
    if found.scheme == "http" and not (origin.scheme == "http" and near):
        raise RegistryFailed(
            f"{origin} wants the password to go to {found}, which is not encrypted; nothing was "
            "sent."
        )
    if not _may_reach(origin, found):
        raise RegistryFailed(f"{origin} names {found}, on this machine, as its token server.")
    return found


def origin_of_registry(scheme: str, host: str) -> Origin:
    """Of a registry's ``host[:port]``."""
    try:
        return Origin.of(f"{scheme}://{host}")
    except ValueError:
        raise InvalidInput(f"{host!r} is not a host with an optional port.") from None


def _may_reach(origin: Origin, target: Origin) -> bool:
    """Not from a registry elsewhere to services that only this machine reaches."""
    if is_loopback(origin.host) or target.host == origin.host:
        return True
    if is_loopback(target.host):
        return False
    try:
        return not ipaddress.ip_address(target.host).is_link_local
    except ValueError:
        return True


def _tail(parts: SplitResult) -> str:
    return parts.path + (f"?{parts.query}" if parts.query else "")
