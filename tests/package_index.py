"""A package index of one's own: tiny wheels, HTTP on loopback, a password if one is set."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    tag: str = "py3-none-any",
) -> tuple[str, bytes]:
    """File name and bytes of a wheel; without files it is a module of the distribution's name."""
    info = f"{name}-{version}.dist-info"
    contents = dict(files or {f"{name}.py": f"version = {version!r}\n".encode()})
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    contents[f"{info}/METADATA"] = ("\n".join(lines) + "\n").encode()
    contents[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    )
    rows = [f"{path},sha256={_hash(data)},{len(data)}\n" for path, data in contents.items()]
    contents[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path, data in contents.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            file.writestr(entry, data)
    return f"{name}-{version}-{tag}.whl", archive.getvalue()


class PackageIndex:
    """What is in it, and what was asked.

    Attributes:
        files: of each project its files by name.
        password: ``user:password``, if one is wanted.
        asked: paths of the requests that were let in.
        down: answer everything with 503.
    """

    def __init__(self, password: str | None = None) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.password = password
        self.asked: list[str] = []
        self.down = False
        self.address = ""

    @property
    def url(self) -> str:
        """Without a password."""
        return f"http://{self.address}/simple"

    @property
    def secret_url(self) -> str:
        """With it."""
        return f"http://{self.password}@{self.address}/simple"

    def add(
        self,
        name: str,
        version: str,
        requires: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        tag: str = "py3-none-any",
    ) -> bytes:
        """Publish a wheel; returns its bytes."""
        file, content = wheel(name, version, requires, files, tag)
        self.files.setdefault(name, {})[file] = content
        return content

    def add_source(self, name: str, version: str) -> None:
        """Publish something that would have to be compiled."""
        self.files.setdefault(name, {})[f"{name}-{version}.tar.gz"] = b"not looked at"

    def answer(self, path: str, authorization: str | None) -> tuple[int, str, bytes]:
        """Status, content type and body (https://peps.python.org/pep-0503/)."""
        if self.down:
            return 503, "text/plain", b""
        if self.password is not None:
            expected = base64.b64encode(self.password.encode()).decode()
            if authorization != f"Basic {expected}":
                return 401, "text/plain", b""
        self.asked.append(path)
        parts = path.strip("/").split("/")
        files = self.files.get(parts[1], {}) if len(parts) > 1 else {}
        if parts[0] == "simple" and files:
            links = [
                f'<a href="/files/{parts[1]}/{name}#sha256={hashlib.sha256(data).hexdigest()}">'
                f"{name}</a>"
                for name, data in files.items()
            ]
            return 200, "text/html", "".join(links).encode()
        if parts[0] == "files" and parts[-1] in files:
            return 200, "application/octet-stream", files[parts[-1]]
        return 404, "text/plain", b""

    @contextmanager
    def serving(self, host: str = "127.0.0.1") -> Iterator[PackageIndex]:
        """While it lasts, the index answers on a free port."""
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = index.answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer((host, 0), Handler)
        self.address = f"{host}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
