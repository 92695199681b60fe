"""Which addresses the scoring form may make this server ask, and under which it asks them.

A page cannot ask other servers (its policy forbids it), so this server passes the request on; and
whoever can reach this server could make it ask what only it can reach (SSRF). So:

- only addresses of scoring servers: http(s), a host, one of a few paths; no query, no credentials;
- only hosts that whoever runs the server has listed, or this machine, where the server is for this
  machine alone;
- what a name stands for is looked up once, every address that it stands for is held against the
  rule, and the connection goes to one of these, so a name cannot change its mind in between;
- never the addresses under which clouds tell machines their secrets, listed or not.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import InvalidInput
from ..security import Forbidden
from ..settings import ServerSettings

_LONGEST = 1000
_MOST = 4  # addresses of one name that are tried
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
# of our server and images; of Azure ML; of many models behind one endpoint
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/(invocations|score|invoke)")
_PORTS = {"http": 80, "https": 443}

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
# beside link-local, multicast and unspecified addresses
_NEVER = [
    ipaddress.ip_network(network)
    for network in (
        "100.100.100.200/32",  # metadata of Alibaba
        "168.63.129.16/32",  # of Azure
        "192.0.0.192/32",  # of Oracle
        "fd00:ec2::/32",  # of AWS
        "fd20:ce::/32",  # of Google
        "0.0.0.0/8",
        "255.255.255.255/32",
    )
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Endpoint:
    """Where to ask.

    Attributes:
        scheme: "http" or "https".
        host: a name or an address, without brackets, in small letters.
        port: of it.
        path: on it.
    """

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def parse_endpoint(text: str) -> Endpoint:
    """An address that may be one of a scoring server; without a path, ``/invocations`` is meant.

    Raises:
        InvalidInput: it is none.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise InvalidInput(f"Name the endpoint, such as http://127.0.0.1:5001/invocations. {_FORM}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidInput(f"The endpoint is no address. {_FORM}") from None
    netloc = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    odd = not text.isascii() or not text.isprintable() or "\\" in text or "?" in text or "#" in text
    if odd or parts.scheme not in _PORTS or not _HOST.fullmatch(netloc) or port == 0:
        raise InvalidInput(f"The endpoint is not one that can be asked. {_FORM}")
    path = parts.path if parts.path.strip("/") else "/invocations"
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"The endpoint's path is not one of a scoring server. {_FORM}")
    host = netloc.strip("[]").lower().rstrip(".")
    return Endpoint(parts.scheme, host, port or _PORTS[parts.scheme], path)


_FORM = "It must be http(s)://host[:port]/…/invocations (or …/score), with nothing else in it."


def may_reach_local(settings: ServerSettings) -> bool:
    """Whether this machine's own endpoints may be asked: the server is for this machine alone.

    A server that has names or an address of its own is reached by others, through a proxy.
    """
    return settings.is_local and not settings.allowed_hosts and not settings.public_url


def allowed_addresses(endpoint: Endpoint, settings: ServerSettings) -> list[str]:
    """The addresses in digits that may be connected to: all that the host stands for.

    Raises:
        Forbidden: the rule does not allow it; the message says how to allow it.
        InvalidInput: the name stands for nothing.
    """
    listed, exactly = _listed(endpoint, settings.scoring_endpoints)
    local = may_reach_local(settings)
    if not listed and not (local and _may_be_local(endpoint.host)):
        raise _refused(endpoint, local)
    found = _look_up(endpoint)
    for address in map(_inner, found):
        if _is_never(address):
            raise Forbidden(
                f"{endpoint.host} stands for an address that is never asked: machines are told "
                "their secrets or settings under it, or it is nobody's."
            )
        allowed = (local or exactly) if address.is_loopback else listed
        if not allowed:
            raise _refused(endpoint, local)
    return list(dict.fromkeys(map(str, found)))[:_MOST]


def _refused(endpoint: Endpoint, local: bool) -> Forbidden:
    of_its_own = "Beside endpoints on this machine, it" if local else "It"
    shown = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return Forbidden(
        f"This server may not ask {shown}:{endpoint.port}. {of_its_own} asks those only that it "
        f"is started with: mlpack server --scoring-endpoints {shown}:{endpoint.port} (or the "
        "variable MLPACK_SCORING_ENDPOINTS)."
    )


def _listed(endpoint: Endpoint, patterns: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether a setting names the host, and whether one does without ``*``."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    fitting = [
        pattern
        for pattern in patterns
        if any(
            fnmatch.fnmatchcase(each, re.sub(r"([\[?])", r"[\1]", pattern.lower()))
            for each in (host, f"{host}:{endpoint.port}")
        )
    ]
    return bool(fitting), any("*" not in pattern for pattern in fitting)


def _may_be_local(host: str) -> bool:
    """Whether it is worth looking up: names of elsewhere are not even asked for."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return _inner(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return False


def _look_up(endpoint: Endpoint) -> list[Ip]:
    try:
        told = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidInput(f"There is no host {endpoint.host!r}.") from None
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in told]


def _inner(address: Ip) -> Ip:
    """The IPv4 address within one of IPv6, if that is what it means."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_never(address: Ip) -> bool:
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return True
    return any(address in network for network in _NEVER)
