"""Our tracking server in a thread, for the tests of its clients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from mlpack.tracking_server.app import create_app
from mlpack.tracking_server.backend import open_backend
from mlpack.tracking_server.settings import ServerSettings


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, as gunicorn does

    def log_request(self, *args: object) -> None:
        pass


@contextmanager
def tracking_server(folder: Path) -> Iterator[str]:
    """The address of a server whose runs and files are in a folder."""
    settings = ServerSettings(backend_store_uri=str(folder))
    backend = open_backend(settings)
    app = create_app(backend.store, backend.places, settings, backend.registry)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
