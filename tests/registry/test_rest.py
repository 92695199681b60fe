"""The registry behind a server: what travels, what is repeated, what others leave out."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlpack.errors import Conflict, InvalidState, NotFound
from mlpack.registry.entities import By, HistoryEntry, ModelVersion, RegisteredModel
from mlpack.registry.rest import wire
from mlpack.registry.rest.store import RestRegistry

EMPTY = ModelVersion("m", 1, 1, 2)
FULL = ModelVersion(
    **{"name": "m", "version": 7, "creation_timestamp": 1, "last_updated_timestamp": 2},
    **{"description": "# d", "user_id": "ada", "current_stage": "Staging"},
    **{"source": "models:/n/1", "location": "s3://bucket/x", "run_id": "r", "run_link": "http://x"},
    **{"status": "FAILED_REGISTRATION", "status_message": "no", "model_id": "m-1"},
    **{"digest": "sha256:0", "tags": {"k": "v"}, "aliases": ["a"]},
)
MODELS = [
    RegisteredModel("m", 1, 2),
    RegisteredModel("m", 1, 2, "# d", [FULL, EMPTY], {"k": "v"}, {"a": 7}),
]
ENTRIES = [
    HistoryEntry("m", None, "created", None, None, None, "", 1),
    HistoryEntry("m", 7, "alias", "a", "6", "7", "ada", 1, "why"),
]


def through_json(value):
    return json.loads(json.dumps(value))


def test_there_and_back():
    for version in (EMPTY, FULL):
        assert wire.version_from_json(through_json(wire.version_to_json(version))) == version
    for model in MODELS:
        data = through_json(wire.registered_model_to_json(model))
        assert wire.registered_model_from_json(data) == model
    for entry in ENTRIES:
        assert wire.entry_from_json(through_json(wire.entry_to_json(entry))) == entry


def test_a_digest_as_servers_of_others_keep_it():
    data = {"name": "m", "version": "1", "tags": [{"key": "mlpack.digest", "value": "sha256:1"}]}
    found = wire.version_from_json(data)
    assert (found.digest, found.tags) == ("sha256:1", {})
    assert wire.version_from_json({**data, "digest": "sha256:2"}).digest == "sha256:2"


@pytest.mark.parametrize("location", ["/srv/x", "file:///srv/x", "x", "odd:x", ""])
def test_a_folder_of_the_server_is_nobodys_business(location):
    version = ModelVersion("m", 1, 1, 2, location=location)
    assert "location" not in wire.version_to_json(version)


class Other(BaseHTTPRequestHandler):
    """A server that knows only what MLflow's know, and breaks off what it is told to."""

    versions: dict
    aliases: dict
    calls: list
    breaking: set

    def do_GET(self):
        self._answer()

    do_POST = do_PATCH = do_DELETE = do_GET

    def _answer(self):
        path = self.path.partition("?")[0].removeprefix("/api/2.0/mlflow/")
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or "{}")
        call = f"{self.command} {path}"
        self.calls.append((call, body))
        if call in self.breaking:
            self.breaking.remove(call)
            self.close_connection = True
            return
        answer = {
            "registered-models/get": {
                "registered_model": {
                    "name": "m",
                    "aliases": [{"alias": a, "version": str(v)} for a, v in self.aliases.items()],
                    "latest_versions": list(self.versions.values()),
                }
            },
            "registered-models/get-latest-versions": {
                "model_versions": list(self.versions.values())
            },
            "model-versions/get": {"model_version": self.versions["1"]},
            "model-versions/search": {"model_versions": list(self.versions.values())},
            "model-versions/create": {"model_version": self.versions["1"]},
            "model-versions/transition-stage": {"model_version": self.versions["1"]},
            "registered-models/alias": {},
            "registered-models/set-tag": {},
        }.get(path)
        data = b"<!doctype html>" if answer is None else json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def other(monkeypatch):
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    version = {"name": "m", "version": "1", "current_stage": "Production", "run_id": "r"}
    parts = {"versions": {"1": version}, "aliases": {"a": 1}, "calls": [], "breaking": set()}
    handler = type("Handler", (Other,), parts)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield RestRegistry(f"http://127.0.0.1:{server.server_port}"), handler
        server.shutdown()


def count(handler, call):
    return [name for name, _ in handler.calls].count(call)


def test_what_others_do_not_compare_is_looked_at_before(other):
    registry, handler = other
    with pytest.raises(Conflict, match="version 1, not version 5"):
        registry.set_alias("m", "a", 2, By(), expected=5)
    with pytest.raises(Conflict, match="no version"):
        registry.set_alias("m", "b", 2, By(), expected=5)
    with pytest.raises(Conflict, match="version 1, not none"):
        registry.transition_stage("m", 2, "Production", False, By(), expected=0)
    assert not count(handler, "POST registered-models/alias")
    registry.set_alias("m", "a", 2, By("ada", "why"), expected=1)
    assert handler.calls[-1][1].items() >= {"expected": 1, "user_id": "ada", "note": "why"}.items()


def test_others_delete_what_is_in_use_and_we_do_not_ask_them_to(other):
    registry, handler = other
    with pytest.raises(InvalidState, match="Production"):
        registry.delete_model_version("m", 1, By())
    with pytest.raises(InvalidState, match="Production"):
        registry.delete_registered_model("m", By())
    assert not [call for call, _ in handler.calls if call.startswith("DELETE")]


def test_what_others_do_not_know(other):
    registry, _ = other
    assert registry.get_files("m", 1) == {}
    with pytest.raises(NotFound, match="keeps no history"):
        registry.get_history("m")
    assert [one.version for one in registry.versions_of_runs(["r", "it's"])] == [1]


def test_only_what_may_be_repeated_is(other):
    registry, handler = other
    for call in ("GET registered-models/get", "POST registered-models/set-tag"):
        handler.breaking.add(call)
    registry.get_registered_model("m")
    registry.set_registered_model_tag("m", "k", "v", By("ann", "why"))
    assert count(handler, "POST registered-models/set-tag") == 2
    handler.breaking.add("POST model-versions/create")
    with pytest.raises(Exception, match="broke"):
        registry.create_model_version("m", "s3://b/x", tags={}, description="", by=By())
    assert count(handler, "POST model-versions/create") == 1


def test_what_an_address_says_is_said_to_servers_that_want_it_twice(other):
    registry, handler = other
    told = {"tags": {}, "description": "", "by": By()}
    registry.create_model_version("m", "runs:/abc/x", model_id="m-" + "0" * 32, **told)
    sent = handler.calls[-1][1]
    assert sent["run_id"] == "abc" and "model_id" not in sent
    model_id = "m-" + "0" * 32
    registry.create_model_version("m", f"models:/{model_id}", files={"MLmodel": "sha256:0"}, **told)
    sent = handler.calls[-1][1]
    assert sent["model_id"] == model_id
    assert [tag["key"] for tag in sent["tags"]] == ["mlpack.digest"]
