"""What a day with registered models needs, by the client and by the functions, on every store."""

import uuid

import pytest

import mlpack
from mlpack.errors import AlreadyExists, BadModel, Conflict, InvalidInput, InvalidState, NotFound
from mlpack.tests.registry.places import any_store, mlflow_address  # noqa: F401 - fixtures


@pytest.fixture
def client(any_store):  # noqa: F811 - the fixture
    return mlpack.MlflowClient()


@pytest.fixture
def name(any_store):  # noqa: F811 - the fixture
    return f"churn {uuid.uuid4().hex[:8]}"  # MLflow's server is shared by all tests


@pytest.fixture
def uri():
    """The address of a logged model."""
    with mlpack.start_run():
        return mlpack.pyfunc.log_model("m", python_model=lambda model_input: model_input).model_uri


def test_a_registered_model(client, name):
    made = client.create_registered_model(name, tags={"team": "a", "n": 1}, description="# hi")
    assert (made.name, made.description, made.tags) == (name, "# hi", {"team": "a", "n": "1"})
    assert made.creation_timestamp == made.last_updated_timestamp
    with pytest.raises(AlreadyExists):
        client.create_registered_model(name)
    client.update_registered_model(name, description="better")
    client.set_registered_model_tag(name, "team", "b")
    client.delete_registered_model_tag(name, "n")
    client.delete_registered_model_tag(name, "none")
    found = client.get_registered_model(name)
    assert (found.description, found.tags, found.latest_versions) == ("better", {"team": "b"}, [])
    renamed = client.rename_registered_model(name, f"{name} new")
    assert renamed.name == f"{name} new"
    with pytest.raises(NotFound):
        client.get_registered_model(name)
    assert name not in [model.name for model in client.search_registered_models()]
    [found] = client.search_registered_models(f"name = '{name} new'", max_results=1)
    assert found.description == "better"
    client.delete_registered_model(f"{name} new")
    with pytest.raises(NotFound):
        client.delete_registered_model(f"{name} new")


def test_versions_and_their_stages(client, name, uri):
    first = mlpack.register_model(uri, name, tags={"checked": True})
    assert (first.name, first.version, first.current_stage) == (name, 1, "None")
    assert first.status == "READY" and first.tags == {"checked": "True"}
    assert f"models:/{first.model_id}" == uri
    second = client.create_model_version(name, uri, description="again", run_link="http://x/1")
    assert (second.version, second.description, second.run_link) == (2, "again", "http://x/1")
    assert first.run_id == second.run_id is not None
    assert client.get_model_version(name, "2") == client.get_model_version(name, 2)

    client.transition_model_version_stage(name, 1, "production")
    moved = client.transition_model_version_stage(
        name, version="2", stage="Production", archive_existing_versions=True
    )
    assert moved.current_stage == "Production"
    assert client.get_model_version(name, 1).current_stage == "Archived"
    assert client.get_model_version_stages(name, 1) == [
        "None", "Staging", "Production", "Archived",
    ]  # fmt: skip
    [latest] = client.get_latest_versions(name, stages=["Production"])
    assert latest.version == 2
    assert {v.version for v in client.get_latest_versions(name)} == {1, 2}

    client.update_model_version(name, 1, description="old")
    client.set_model_version_tag(name, 1, "k", 1)
    client.set_model_version_tag(name, key="k", value="live", stage="Production")
    mlpack.set_model_version_tag(name, 2, "more", "x")
    client.delete_model_version_tag(name, 1, "checked")
    client.delete_model_version_tag(name, key="more", stage="Production")
    found = client.get_model_version(name, 1)
    assert (found.description, found.tags) == ("old", {"k": "1"})
    assert client.get_model_version(name, 2).tags == {"k": "live"}
    with pytest.raises(InvalidInput, match="a version or a stage"):
        client.set_model_version_tag(name, key="k", value="v")
    with pytest.raises(NotFound, match="no version in Staging"):
        client.set_model_version_tag(name, key="k", value="v", stage="Staging")

    with pytest.raises(InvalidState):
        client.delete_model_version(name, 2)
    with pytest.raises(InvalidState):
        client.delete_registered_model(name)
    client.delete_model_version(name, "1")
    with pytest.raises(NotFound):
        client.get_model_version(name, 1)
    assert mlpack.register_model(uri, name).version == 3


def test_a_source_as_it_was_written_before_models_had_a_place_of_their_own(client, name, uri):
    client.create_registered_model(name)
    run_id = client.get_logged_model(uri.rpartition("/")[2]).source_run_id
    root = client.get_run(run_id).info.artifact_uri
    made = client.create_model_version(name, f"{root}/m", run_id=run_id)
    assert (made.run_id, made.source) == (run_id, uri)
    assert mlpack.load_model(f"models:/{name}/1").predict([1]) == [1]
    with pytest.raises(BadModel, match="no file MLmodel"):
        client.create_model_version(name, f"{root}/none", run_id=run_id)


def test_aliases(client, name, uri):
    mlpack.register_model(uri, name)
    mlpack.register_model(uri, name)
    client.set_registered_model_alias(name, "champion", 1)
    client.set_registered_model_alias(name, "champion", "2", expected=1)
    assert client.get_model_version_by_alias(name, "champion").version == 2
    assert client.get_model_version(name, 2).aliases == ["champion"]
    assert client.get_registered_model(name).aliases == {"champion": 2}
    with pytest.raises(Conflict):
        client.set_registered_model_alias(name, "champion", 1, expected=1)
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model_alias(name, "champion")
    with pytest.raises(NotFound):
        client.get_model_version_by_alias(name, "champion")
    with pytest.raises(NotFound):
        client.set_registered_model_alias(name, "champion", 7)


def test_a_stage_that_somebody_else_filled(client, name, uri):
    for _ in range(3):
        mlpack.register_model(uri, name)
    client.transition_model_version_stage(name, 1, "Production", expected=0)
    client.transition_model_version_stage(name, 2, "Production", expected="1")
    with pytest.raises(Conflict, match="2"):
        client.transition_model_version_stage(name, 3, "Production", expected=1)
    assert client.get_model_version(name, 3).current_stage == "None"


def test_searches(client, name, uri):
    for number in range(3):
        mlpack.register_model(uri, name, tags={"odd": str(number % 2)})
    page = client.search_model_versions(f"name = '{name}'", max_results=2)
    rest = client.search_model_versions(f"name = '{name}'", max_results=2, page_token=page.token)
    assert {v.version for v in [*page, *rest]} == {1, 2, 3}
    assert (len(page), len(rest), rest.token) == (2, 1, None)
    odd = mlpack.search_model_versions(filter_string=f"name = '{name}' AND tags.odd = '1'")
    assert [v.version for v in odd] == [2]
    first = mlpack.search_model_versions(
        max_results=1, filter_string=f"name = '{name}'", order_by=["version_number ASC"]
    )
    assert [v.version for v in first] == [1]
    run = mlpack.search_model_versions(filter_string=f"run_id = '{odd[0].run_id}'")
    assert len(run) == 3
    found = mlpack.search_registered_models(filter_string=f"name LIKE '{name[:12]}%'")
    assert [model.name for model in found] == [name]
    for search in (mlpack.search_model_versions, mlpack.search_registered_models):
        with pytest.raises(InvalidInput):
            search(filter_string="nonsense = 1")


def test_a_copy(client, name, uri):
    mlpack.register_model(uri, name, tags={"a": "b"}, description="good")
    client.set_registered_model_alias(name, "best", 1)
    other = f"{name} live"
    copy = client.copy_model_version(f"models:/{name}@best", other)
    assert (copy.name, copy.version, copy.source) == (other, 1, f"models:/{name}/1")
    assert (copy.tags, copy.description) == ({"a": "b"}, "good")
    assert copy.run_id == client.get_model_version(name, 1).run_id
    assert client.copy_model_version(src_model_uri=f"models:/{name}/1", dst_name=other).version == 2
    assert mlpack.load_model(f"models:/{other}/1").predict([1]) == [1]
    client.delete_registered_model(name)
    assert mlpack.load_model(f"models:/{other}/1").predict([1]) == [1]
    with pytest.raises(InvalidInput, match="no version of a registered model"):
        client.copy_model_version(uri, other)


def test_history(client, name, uri, any_store):  # noqa: F811 - the fixture
    client.create_registered_model(name, note="we need it")
    mlpack.register_model(uri, name, note="nightly")
    client.transition_model_version_stage(name, 1, "Production", note="all tests passed")
    client.set_registered_model_alias(name, "champion", 1, note="beats the old one")
    client.update_model_version(name, 1, "good", note="typo")
    if any_store == "mlflow":
        with pytest.raises(NotFound, match="keeps no history"):
            client.get_registry_history(name)
        return
    client.rename_registered_model(name, f"{name} 2", note="a better name")
    entries = client.get_registry_history(f"{name} 2")
    assert [entry.note for entry in entries] == [
        "a better name", "typo", "beats the old one", "all tests passed", "nightly", "we need it",
    ]  # fmt: skip
    assert [entry.kind for entry in entries] == [
        "renamed", "description", "alias", "stage", "created", "created",
    ]  # fmt: skip
    stage = entries[3]
    assert (stage.version, stage.before, stage.after) == (1, "None", "Production")
    assert stage.user_id and stage.timestamp
    assert len(client.get_registry_history(f"{name} 2", version="1")) == 4
    page = client.get_registry_history(f"{name} 2", max_results=2)
    assert [entry.note for entry in page] == ["a better name", "typo"]
    more = client.get_registry_history(f"{name} 2", max_results=2, page_token=page.token)
    assert [entry.note for entry in more] == ["beats the old one", "all tests passed"]


@pytest.mark.parametrize("bad", ["a/b", "a:b", "", "  ", None, "..", "a\nb", f"m-{'0' * 32}"])
def test_names_are_checked_before_anything_is_asked(mlruns, bad):
    client = mlpack.MlpackClient(registry_uri="http://127.0.0.1:9")  # where nobody answers
    for call in (
        client.create_registered_model,
        client.get_registered_model,
        client.delete_registered_model,
        client.get_latest_versions,
        lambda name: client.update_registered_model(name, "x"),
        lambda name: client.rename_registered_model("good", name),
        lambda name: client.rename_registered_model(name, "good"),
        lambda name: client.set_registered_model_tag(name, "k", "v"),
        lambda name: client.delete_registered_model_tag(name, "k"),
        lambda name: client.get_model_version(name, 1),
        lambda name: client.get_version_files(name, 1),
        lambda name: client.update_model_version(name, 1, "x"),
        lambda name: client.transition_model_version_stage(name, 1, "Production"),
        lambda name: client.delete_model_version(name, 1),
        lambda name: client.set_model_version_tag(name, 1, "k", "v"),
        lambda name: client.delete_model_version_tag(name, 1, "k"),
        lambda name: client.set_registered_model_alias(name, "a", 1),
        lambda name: client.delete_registered_model_alias(name, "a"),
        lambda name: client.get_model_version_by_alias(name, "a"),
        lambda name: client.get_registry_history(name),
        lambda name: client.create_model_version(name, "runs:/a/b"),
        lambda name: mlpack.register_model("runs:/a/b", name),
    ):
        with pytest.raises(InvalidInput, match="registered model"):
            call(bad)


def test_other_values_are_checked(mlruns):
    client = mlpack.MlpackClient(registry_uri="http://127.0.0.1:9")
    for call in (
        lambda: client.get_model_version("m", "one"),
        lambda: client.get_model_version("m", 0),
        lambda: client.get_model_version("m", True),
        lambda: client.transition_model_version_stage("m", 1, "Live"),
        lambda: client.get_latest_versions("m", ["Live"]),
        lambda: client.set_registered_model_alias("m", "latest", 1),
        lambda: client.set_registered_model_alias("m", "v3", 1),
        lambda: client.set_registered_model_tag("m", "../k", "v"),
        lambda: client.set_model_version_tag("m", 1, None, "v"),
        lambda: client.update_registered_model("m"),
        lambda: client.update_model_version("m", 1),
        lambda: client.create_registered_model("m", description=3),
        lambda: client.create_registered_model("m", note="x" * 20_000),
    ):
        with pytest.raises(InvalidInput):
            call()


def test_a_registry_of_its_own(tmp_path, mlruns, monkeypatch):
    mlpack.set_registry_uri(tmp_path / "registry")
    assert mlpack.get_registry_uri() == str(tmp_path / "registry")
    with mlpack.start_run():
        info = mlpack.pyfunc.log_model(
            "m", python_model=lambda model_input: model_input, registered_model_name="one"
        )
    assert info.registered_model_version == 1
    assert [model.name for model in mlpack.search_registered_models()] == ["one"]
    assert mlpack.MlpackClient(registry_uri="mlruns").search_registered_models() == []
    assert mlpack.load_model("models:/one/1").predict([3]) == [3]
    mlpack.set_registry_uri("")
    assert mlpack.search_registered_models() == []
    assert mlpack.get_registry_uri() == mlpack.get_tracking_uri()
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", str(tmp_path / "registry"))
    assert len(mlpack.search_registered_models()) == 1
    assert mlpack.config.get_registry_uri() == mlpack.tracking.get_registry_uri()
