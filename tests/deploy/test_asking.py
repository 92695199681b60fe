"""Asking a deployment over HTTP."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlpack.deploy_targets.asking import ask_server
from mlpack.errors import InvalidInput, Unauthenticated

pytestmark = pytest.mark.server


def test_a_token_reaches_a_server_that_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            known = self.headers.get("Authorization") == "Bearer hunter2222222222"
            body = b'{"predictions": [1]}' if known else b'{"message": "A token is needed."}'
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/invocations"
        with pytest.raises(Unauthenticated, match=r"is needed\..*MLPACK_DEPLOYMENT_TOKEN"):
            ask_server(url, b"{}", "application/json")
        monkeypatch.setenv("MLPACK_DEPLOYMENT_TOKEN", "hunter2222222222\n")
        assert ask_server(url, b"{}", "application/json").body == b'{"predictions": [1]}'
        monkeypatch.setenv("MLPACK_DEPLOYMENT_TOKEN", "a\r\nHost: x")
        with pytest.raises(InvalidInput, match="no token can have"):
            ask_server(url, b"{}", "application/json")
        server.shutdown()
