"""Who may ask: bearer tokens from a file or the environment.

    file          one token a line, # begins a comment; read again when it changes
    environment   MLPACK_AUTH_TOKENS, separated by spaces or commas

All of them count, so that a new one can be handed out before the old one goes. Only their hashes
are kept. Everything needs a token but the probes; an address that does not exist, too.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import stat
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ..errors import InvalidInput, Unauthenticated
from .exchange import Answer, Exchange

log = logging.getLogger("mlpack.serve")

VARIABLE = "MLPACK_AUTH_TOKENS"
# asked by orchestrators, which have no token; they say only whether the server is well
PAGE = "/"
PROBES = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready"})

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750
_SHORTEST = 16
_MOST = 1000
_CHECK_SECONDS = 1.0
_HELP = "make one with: openssl rand -hex 32"


class Auth:
    """A guard that lets pass who has a token.

    Args:
        file: with the tokens, or None.
        variable: tokens from the environment, or ''.
        open_paths: what needs none.

    Raises:
        InvalidInput: the file cannot be read, may be written by others, or holds something that
            is no token; or there is no token at all.
    """

    def __init__(
        self, file: Path | None, variable: str = "", open_paths: frozenset[str] = PROBES
    ) -> None:
        self._file = file
        self._fixed = _hashes(re.split(r"[\s,]+", variable.strip()), VARIABLE) if variable else ()
        self._open = open_paths
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._next_look = 0.0
        self._hashes = self._fixed
        if file is not None:
            self._seen, self._hashes = _state(file), (*self._fixed, *_read(file))
            _warn_if_readable(file)
            self._next_look = time.monotonic() + _CHECK_SECONDS
        if not self._hashes:
            raise InvalidInput("There is no token to let anybody in with.")

    def __call__(self, exchange: Exchange) -> Answer | None:
        """Let an exchange pass (an `exchange.Guard`).

        Raises:
            Unauthenticated: no token, or none of ours.
        """
        environ = exchange.environ
        if environ.get("PATH_INFO") in self._open:
            return None
        if environ.get("PATH_INFO") == PAGE and "HTTP_AUTHORIZATION" not in environ:
            exchange.facts["authorized"] = False  # it asks for a token instead of telling
            return None
        if self._file is not None and time.monotonic() >= self._next_look:
            self._look_again(self._file)
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send a token: Authorization: Bearer <token>.")
        given = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        fits = False
        for known in self._hashes:  # all of them, so that the time tells nothing
            fits |= hmac.compare_digest(known, given)
        if not fits:
            raise Unauthenticated("The token is not known here.")
        return None

    def _look_again(self, file: Path) -> None:
        """Take over a file that has changed; one that is bad or gone changes nothing."""
        with self._lock:
            if time.monotonic() < self._next_look:
                return  # another thread was faster
            self._next_look = time.monotonic() + _CHECK_SECONDS
            seen = _state(file)
            if seen == self._seen:
                return
            self._seen = seen
            try:
                self._hashes = (*self._fixed, *_read(file))
                log.warning("The tokens were read again: %s.", len(self._hashes))
            except InvalidInput as error:
                log.error("%s The tokens read before stay in force.", error.message)


def auth_from(
    file: str | None, environ: Mapping[str, str], open_paths: frozenset[str] = PROBES
) -> Auth | None:
    """The guard that the settings ask for; None where everybody may ask.

    Args:
        file: name of the file with tokens.
        environ: of the process.
        open_paths: what needs no token.

    Raises:
        InvalidInput: as `Auth`. A variable that is set but empty is an error, lest a server
            stand open because a secret was not filled in.
    """
    variable = environ.get(VARIABLE)
    if variable is not None and not variable.strip(" \t\r\n,"):
        raise InvalidInput(f"{VARIABLE} is set but holds no token; unset it, or {_HELP}.")
    if file is None and variable is None:
        return None
    return Auth(Path(file) if file is not None else None, variable or "", open_paths)


def _read(file: Path) -> tuple[bytes, ...]:
    try:
        mode = file.stat().st_mode
        text = file.read_text("utf-8")
    except OSError as error:
        raise InvalidInput(f"The file of tokens {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"The file of tokens {file} is no text in UTF-8.") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InvalidInput(f"Others may write the file of tokens {file}: chmod 600 it.")
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    found = _hashes(lines, f"the file of tokens {file}")
    if not found:
        raise InvalidInput(f"The file of tokens {file} holds none; {_HELP}.")
    return found


def _warn_if_readable(file: Path) -> None:
    if file.stat().st_mode & stat.S_IROTH:
        log.warning("Everybody on this machine may read the file of tokens %s.", file)


def _hashes(tokens: list[str], where: str) -> tuple[bytes, ...]:
    """Hashes of tokens; messages say which is wrong by its place, never by its text."""
    found = []
    for number, token in enumerate(tokens, 1):
        if not token:
            continue
        if len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
            raise InvalidInput(
                f"Token {number} of {where} is shorter than {_SHORTEST} characters, or holds "
                f"others than letters, digits and ._~+/-=; {_HELP}."
            )
        found.append(hashlib.sha256(token.encode()).digest())
    if len(found) > _MOST:
        raise InvalidInput(f"There are more than {_MOST} tokens in {where}.")
    return tuple(found)


def _state(file: Path) -> tuple[int, ...]:
    try:
        state = file.stat()
    except OSError:
        return ()
    return (state.st_mtime_ns, state.st_ino, state.st_size, state.st_mode)
