"""A server's application over a fresh folder, and clients of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mlpack.tracking_server.app import create_app
from mlpack.tracking_server.backend import open_backend
from mlpack.tracking_server.settings import ServerSettings


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Flask]:
    """``make_app(**settings)``: an application whose store is ``tmp_path / "mlruns"``."""

    def make(**settings: Any) -> Flask:
        given = ServerSettings(backend_store_uri=str(tmp_path / "mlruns")).with_options(**settings)
        backend = open_backend(given)
        app = create_app(backend.store, backend.places, given, backend.registry)
        app.config["store"] = backend.store
        app.config["registry"] = backend.registry
        return app

    return make


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    """Of an application with default settings."""
    return make_app().test_client()


class Api:
    """Calls of the API as short as they can be: ``api.post("runs/create", experiment_id="0")``."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        return self._checked(self.client.get(f"/api/2.0/mlflow/{path}", query_string=query))

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        def call(path: str, /, **body: Any) -> dict[str, Any]:
            send = getattr(self.client, method)
            return self._checked(send(f"/api/2.0/mlflow/{path}", json=body))

        return call

    def refused(self, method: str, path: str, status: int, code: str, /, **body: Any) -> str:
        """The message of a call that must fail so."""
        given = {"query_string": body} if method == "get" else {"json": body}
        response = getattr(self.client, method)(f"/api/2.0/mlflow/{path}", **given)
        assert (response.status_code, response.json["error_code"]) == (status, code), response.json
        assert response.json.keys() == {"error_code", "message"}
        return response.json["message"]

    def run(self, experiment_id: str = "0", **more: Any) -> str:
        """The id of a new run."""
        return self.post("runs/create", experiment_id=experiment_id, **more)["run"]["info"][
            "run_id"
        ]

    @staticmethod
    def _checked(response: Any) -> dict[str, Any]:
        assert response.status_code == 200, response.json
        return response.json


@pytest.fixture
def api(client: FlaskClient) -> Api:
    """The API of an application with default settings."""
    return Api(client)
