"""HTTPS by a certificate's files, which are read again when they change.

gunicorn asks for a context at every connection; here it gets one that is kept until the files are
replaced, as renewals do it. TLS 1.2 is the oldest that is spoken.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from pathlib import Path
from typing import Any

from ..errors import InvalidInput

log = logging.getLogger("mlpack.serve")

_CHECK_SECONDS = 1.0


class Certificate:
    """A certificate with its key, and the context that speaks for it.

    Args:
        certfile: PEM, the server's own certificate first, then its issuers'.
        keyfile: PEM; None if the key is in the certificate's file.

    Raises:
        InvalidInput: a file is missing, cannot be read, or holds something else; the key is
            another certificate's or needs a pass phrase.
    """

    def __init__(self, certfile: str, keyfile: str | None) -> None:
        self.certfile, self.keyfile = certfile, keyfile or certfile
        self._lock = threading.Lock()
        self._seen = self._state()
        self._context = _context(self.certfile, self.keyfile)
        self._next_look = time.monotonic() + _CHECK_SECONDS
        if Path(self.keyfile).stat().st_mode & 0o004:
            log.warning("Everybody on this machine may read the key %s.", self.keyfile)

    def gunicorn_settings(self) -> dict[str, Any]:
        """What gunicorn has to be told."""
        return {
            "certfile": self.certfile,
            "keyfile": self.keyfile,
            "ssl_context": lambda config, default: self.context(),
            # by the thread that serves the connection, under its time limit: see `worker`
            "do_handshake_on_connect": False,
        }

    def context(self) -> ssl.SSLContext:
        """The context for the next connection."""
        if time.monotonic() >= self._next_look:
            self._look_again()
        return self._context

    def _look_again(self) -> None:
        with self._lock:
            if time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + _CHECK_SECONDS
            seen = self._state()
            if seen == self._seen:
                return
            self._seen = seen
            try:
                self._context = _context(self.certfile, self.keyfile)
                log.warning("The certificate was read again.")
            except InvalidInput as error:  # half replaced, say: the next look may find it whole
                log.error("%s The certificate read before stays.", error.message)

    def _state(self) -> tuple[tuple[int, ...], ...]:
        return tuple(_file_state(name) for name in (self.certfile, self.keyfile))


def certificate_from(certfile: str | None, keyfile: str | None) -> Certificate | None:
    """The certificate that the settings name; None for plain HTTP.

    Raises:
        InvalidInput: as `Certificate`; or there is a key without a certificate.
    """
    if certfile is None:
        if keyfile is not None:
            raise InvalidInput("There is a --keyfile but no --certfile; give both.")
        return None
    return Certificate(certfile, keyfile)


def _context(certfile: str, keyfile: str) -> ssl.SSLContext:
    for kind, name in (("certificate", certfile), ("key", keyfile)):
        try:
            Path(name).read_bytes()
        except OSError as error:
            raise InvalidInput(f"The {kind} {name} cannot be read: {error.strerror}.") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certfile, keyfile, _refuse_to_ask)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InvalidInput(f"The key {keyfile} is not that of {certfile}.") from None
        raise InvalidInput(
            f"{certfile} and {keyfile} are no certificate and key in PEM form."
        ) from None
    except _NeedsPassPhrase:
        raise InvalidInput(
            f"The key {keyfile} needs a pass phrase; use one without (openssl pkey -in … -out …)."
        ) from None
    return context


class _NeedsPassPhrase(Exception):
    """OpenSSL would ask for one at the terminal."""


def _refuse_to_ask() -> str:
    raise _NeedsPassPhrase


def _file_state(name: str) -> tuple[int, ...]:
    try:
        state = Path(name).stat()
    except OSError:
        return ()
    return (state.st_mtime_ns, state.st_ino, state.st_size)
