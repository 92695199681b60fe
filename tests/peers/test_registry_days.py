"""Registered models: their clients on our server as on theirs, and ours on servers of each of them.

The client of the first generation calls addresses that newer servers have given up, so it is
compared with itself on a server of its own time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

import mlpack
from mlpack.errors import AlreadyExists, Conflict, InvalidState, NotFound
from mlpack.http_client import HttpClient
from mlpack.tests.peer import peer_server
from mlpack.tests.peers.test_days import differences

pytestmark = [pytest.mark.peer, pytest.mark.server]

Live = Callable[[str, int, str], dict[str, Any]]

FEATURES, LABELS = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]

# Where servers of the first generation differ from newer ones, with whom we agree.
OUTGROWN = {
    "names/refused/a?b": "a name had slashes and colons",
    "versions/refused/1[456]": "a source could be anywhere",
    "versions/deleted/0": "and so these are there",
    "searching/*refused*": "a filter that did not parse was overlooked",
}


@pytest.fixture(scope="session")
def theirs_1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of MLflow's first generation."""
    with peer_server(tmp_path_factory.mktemp("theirs_1"), 1) as address:
        yield address


@pytest.fixture(scope="session")
def theirs_2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of MLflow's second generation."""
    with peer_server(tmp_path_factory.mktemp("theirs_2"), 2) as address:
        yield address


@pytest.mark.parametrize(("generation", "other"), [(1, "theirs_1"), (2, "theirs"), (3, "theirs")])
def test_a_day_is_alike(
    generation: int, other: str, ours: str, live: Live, request: pytest.FixtureRequest
) -> None:
    theirs = request.getfixturevalue(other)
    with ThreadPoolExecutor() as pool:
        here = pool.submit(live, "day_of_registry", generation, ours)
        there = pool.submit(live, "day_of_registry", generation, theirs)
    found = differences(here.result(), there.result())
    outgrown = OUTGROWN if generation == 1 else {}
    paths = {line: line.partition(": ours ")[0] for line in found}
    assert [line for line in paths if not any(fnmatch(paths[line], p) for p in outgrown)] == []


def test_what_only_the_first_generation_calls(ours: str, live: Live) -> None:
    seen = live("day_of_registry", 1, ours)["the_old_list"]
    assert seen == {"all in pages": True, "by either address": True}


def _shape(value: Any) -> Any:
    """The fields of an answer, and of what type they are; lists in the order of versions."""
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        dicts = [one for one in value if isinstance(one, dict)]
        ordered = sorted(dicts, key=lambda one: str(one.get("version"))) or value
        return [_shape(one) for one in ordered]
    return type(value).__name__


def _answers(address: str) -> Iterator[tuple[str, Any]]:
    """What a server answers to each call, and to what."""
    name, http = uuid.uuid4().hex, HttpClient(address)

    def call(method: str, path: str, **given: Any) -> tuple[str, Any]:
        how = {"query": given} if method == "GET" else {"body": given}
        return f"{method} {path}", http.json(method, f"/api/2.0/mlflow/{path}", **how)

    tags = [{"key": "k", "value": "v"}]
    first, found, alias = (
        {"name": name, "version": "1"},
        {"filter": f"name = '{name}'"},
        {"name": name, "alias": "a"},
    )
    yield call("POST", "registered-models/create", name=name)
    yield call("POST", "registered-models/create", name=f"{name}-", tags=tags, description="d")
    yield call("POST", "model-versions/create", name=name, source="s3://bucket/x")
    more = {"tags": tags, "description": "d", "run_link": "https://host/x"}
    yield call("POST", "model-versions/create", name=name, source="s3://bucket/x", **more)
    yield call("POST", "registered-models/alias", **alias, version="1")
    yield call("GET", "registered-models/alias", **alias)
    yield call("GET", "registered-models/get", name=name)
    yield call("PATCH", "registered-models/update", name=name, description="d")
    yield call("POST", "registered-models/set-tag", name=name, key="k", value="v")
    yield call("GET", "registered-models/search", **found)
    yield call("GET", "registered-models/search", filter=f"name LIKE '{name}%'", max_results=1)
    for method in ("GET", "POST"):
        yield call(method, "registered-models/get-latest-versions", name=name)
    yield call("GET", "model-versions/get", **first)
    yield call("PATCH", "model-versions/update", **first, description="d")
    yield call("POST", "model-versions/set-tag", **first, key="k", value="v")
    yield call("GET", "model-versions/search", **found, order_by=["version_number ASC"])
    yield call("GET", "model-versions/get-download-uri", **first)
    yield call("POST", "model-versions/transition-stage", **first, stage="Archived")
    yield call("DELETE", "model-versions/delete-tag", **first, key="k")
    yield call("DELETE", "registered-models/delete-tag", name=name, key="k")
    yield call("DELETE", "registered-models/alias", **alias)
    yield call("POST", "registered-models/rename", name=name, new_name=f"{name} new")
    yield call("DELETE", "model-versions/delete", name=f"{name} new", version="1")
    yield call("DELETE", "registered-models/delete", name=f"{name} new")


def test_every_answer_has_the_same_fields(ours: str, theirs: str) -> None:
    for (call, here), (_, there) in zip(_answers(ours), _answers(theirs), strict=True):
        for version in here.get("model_versions", ()):  # which theirs leaves out here
            if "search" in call:
                version.pop("aliases", None)
        assert list(differences(_shape(here), _shape(there))) == [], call


@pytest.fixture(params=["ours", "theirs", "theirs_2", "theirs_1"])
def server(request: pytest.FixtureRequest, mlruns: Path) -> Iterator[str]:
    """Each server in turn, in use by our client; its kind."""
    mlpack.set_tracking_uri(request.getfixturevalue(request.param))
    yield str(request.param)
    while mlpack.active_run():
        mlpack.end_run()


def test_our_day(server: str, tmp_path: Path) -> None:
    name, client = f"ünï {uuid.uuid4().hex[:8]}", mlpack.MlpackClient()
    model = LogisticRegression().fit(FEATURES, LABELS)
    mlpack.sklearn.save_model(model, tmp_path / "model")
    with mlpack.start_run() as run:  # servers before 3.0 know no logged models
        mlpack.log_artifacts(str(tmp_path / "model"), "classifier")
    run_id = run.info.run_id

    first = mlpack.register_model(f"runs:/{run_id}/classifier", name, tags={"a": 1}, note="first")
    second = client.create_model_version(name, f"runs:/{run_id}/classifier", description="# 2")
    assert (first.version, second.version, first.run_id) == (1, 2, run_id)
    # servers of others read no files
    assert first.digest == second.digest and bool(first.digest) == (server == "ours")
    assert client.get_model_version(name, 1).tags == {"a": "1"}
    with pytest.raises(AlreadyExists):
        client.create_registered_model(name)

    move = client.transition_model_version_stage
    move(name, 1, "Production", expected=0)
    with pytest.raises(Conflict, match="1"):
        move(name, 2, "Production", expected=0)
    move(name, 2, "Production", archive_existing_versions=True, expected=1)
    assert client.get_model_version(name, 1).current_stage == "Archived"
    assert [one.version for one in client.get_latest_versions(name, ["Production"])] == [2]
    with pytest.raises(InvalidState):
        client.delete_model_version(name, 2)
    with pytest.raises(InvalidState):
        client.delete_registered_model(name)

    client.update_registered_model(name, "**described**")
    client.set_registered_model_tag(name, "k", "v")
    client.set_model_version_tag(name, 1, "t", "u")
    client.update_model_version(name, 1, "better")
    [found] = client.search_registered_models(f"name = '{name}'")
    assert (found.description, found.tags) == ("**described**", {"k": "v"})
    numbers = {one.version for one in client.search_model_versions(f"name = '{name}'")}
    assert numbers == {1, 2}
    made = client.registry.versions_of_runs([run_id])
    assert {(one.name, one.version) for one in made} == {(name, 1), (name, 2)}

    addresses = [f"models:/{name}/1", f"models:/{name}/Production", f"models:/{name}/latest"]
    if server != "theirs_1":  # where there are no aliases yet
        client.set_registered_model_alias(name, "champion", 1, expected=0)
        with pytest.raises(Conflict, match="1"):
            client.set_registered_model_alias(name, "champion", 2, expected=0)
        assert client.get_model_version_by_alias(name, "champion").version == 1
        with pytest.raises(NotFound):
            client.get_model_version_by_alias(name, "nobody")
        copy = client.copy_model_version(f"models:/{name}@champion", f"{name} copy")
        assert copy.digest == first.digest
        addresses += [f"models:/{name}@champion", f"models:/{name} copy/1"]
    for address in addresses:
        assert mlpack.load_model(address).predict(FEATURES).tolist() == LABELS, address

    if server == "ours":
        assert client.get_version_files(name, 1)
        assert client.get_registry_history(name)[-1].note == "first"
    else:
        assert client.get_version_files(name, 1) == {}
        with pytest.raises(NotFound, match="keeps no history"):
            client.get_registry_history(name)

    move(name, 2, "Archived")
    if server != "theirs_2":  # whose folders cannot rename what has versions with tags
        client.rename_registered_model(name, f"{name} new")
        with pytest.raises(NotFound):
            client.get_registered_model(name)
        name = f"{name} new"
    assert mlpack.load_model(f"models:/{name}/2").predict(FEATURES).tolist() == LABELS
    client.delete_model_version(name, 1)
    client.delete_registered_model(name)
    with pytest.raises(NotFound):
        mlpack.load_model(f"models:/{name}/2")


def test_a_name_is_not_left_behind(server: str) -> None:
    """A version that cannot be made leaves no name that was made for it."""
    name, client = uuid.uuid4().hex, mlpack.MlpackClient()
    with pytest.raises(mlpack.errors.MlpackError):
        client.registry.create_model_version(
            name,
            f"mlflow-artifacts:/../../{name}" if server != "theirs_1" else "",
            tags={},
            description="",
            by=mlpack.registry.entities.By(),
            make_name=True,
        )
    with pytest.raises(NotFound):
        client.get_registered_model(name)
