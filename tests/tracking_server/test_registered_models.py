"""Registered models over HTTP: the answers have the fields that MLflow's have, and ours beside."""

import pytest

BAD = "INVALID_PARAMETER_VALUE"
GONE = "RESOURCE_DOES_NOT_EXIST"


def make(api, name="m", **more):
    return api.post("registered-models/create", name=name, **more)["registered_model"]


def version(api, name="m", **more):
    made = api.post("model-versions/create", name=name, source="s3://bucket/model", **more)
    return made["model_version"]


def test_what_is_empty_is_left_out(api):
    assert make(api, "plain").keys() == {"name", "creation_timestamp", "last_updated_timestamp"}
    told = make(api, "told", tags=[{"key": "k", "value": "v"}], description="**d**")
    assert told["description"] == "**d**" and told["tags"] == [{"key": "k", "value": "v"}]
    assert type(told["creation_timestamp"]) is int


def test_the_life_of_a_name(api):
    make(api)
    api.refused("post", "registered-models/create", 400, "RESOURCE_ALREADY_EXISTS", name="m")
    found = api.patch("registered-models/update", name="m", description="d")["registered_model"]
    assert found["description"] == "d"
    api.post("registered-models/set-tag", name="m", key="a/b", value="1")
    api.post("registered-models/set-tag", name="m", key="gone")
    api.delete("registered-models/delete-tag", name="m", key="gone")
    api.delete("registered-models/delete-tag", name="m", key="never was")
    renamed = api.post("registered-models/rename", name="m", new_name="n")["registered_model"]
    assert renamed["name"] == "n" and renamed["tags"] == [{"key": "a/b", "value": "1"}]
    api.refused("get", "registered-models/get", 404, GONE, name="m")
    assert api.delete("registered-models/delete", name="n") == {}
    api.refused("delete", "registered-models/delete", 404, GONE, name="n")


@pytest.mark.parametrize("name", ["ünï 中", "100%", "%2e%2e", "a'b\"c`d", "a&b=c+d#e?f", "é"])
def test_names_of_all_kinds(api, name):
    make(api, name)
    version(api, name)
    assert api.get("registered-models/get", name=name)["registered_model"]["name"] == name
    assert api.get("model-versions/get", name=name, version="1")["model_version"]["name"] == name


@pytest.mark.parametrize("name", ["a/b", "a:b", "", " ", "a\n", "..", "m-" + "0" * 32, "x" * 257])
def test_names_that_are_none(api, name):
    api.refused("post", "registered-models/create", 400, BAD, name=name)
    make(api)
    api.refused("post", "registered-models/rename", 400, BAD, name="m", new_name=name)


def test_aliases(api):
    make(api)
    version(api)
    version(api)
    alias = {"name": "m", "alias": "Champion"}
    assert api.post("registered-models/alias", **alias, version="1") == {}
    found = api.get("registered-models/alias", **alias)["model_version"]
    assert found["version"] == "1" and found["aliases"] == ["Champion"]
    model = api.get("registered-models/get", name="m")["registered_model"]
    assert model["aliases"] == [{"alias": "Champion", "version": "1"}]
    api.delete("registered-models/alias", **alias)
    api.delete("registered-models/alias", **alias)
    # as MLflow says it
    api.refused("get", "registered-models/alias", 400, BAD, **alias)
    api.refused("post", "registered-models/alias", 404, GONE, **alias, version="9")
    for wrong in ("latest", "v3", "a/b", "a b"):
        given = {"name": "m", "alias": wrong, "version": "1"}
        api.refused("post", "registered-models/alias", 400, BAD, **given)


def test_of_two_that_promote_one_is_told(api):
    make(api)
    for _ in range(3):
        version(api)
    alias = {"name": "m", "alias": "champion"}
    api.post("registered-models/alias", **alias, version="1", expected=0)
    api.post("registered-models/alias", **alias, version="2", expected=1)
    conflict = (409, "RESOURCE_CONFLICT")
    late = {**alias, "version": "3", "expected": 1}
    assert "2" in api.refused("post", "registered-models/alias", *conflict, **late)
    stage = {"name": "m", "stage": "Production"}
    api.post("model-versions/transition-stage", **stage, version="1", expected=0)
    late = {**stage, "version": "2", "expected": 0}
    assert "1" in api.refused("post", "model-versions/transition-stage", *conflict, **late)


def test_latest_versions_by_either_method(api):
    make(api)
    for _ in range(3):
        version(api)
    api.post("model-versions/transition-stage", name="m", version="1", stage="staging")
    for call in (api.get, api.post):
        found = call("registered-models/get-latest-versions", name="m")["model_versions"]
        assert {one["version"]: one["current_stage"] for one in found} == {
            "1": "Staging",
            "3": "None",
        }
        asked = {"name": "m", "stages": ["Staging"]}
        [one] = call("registered-models/get-latest-versions", **asked)["model_versions"]
        assert one["version"] == "1"
    given = {"name": "m", "stages": ["Nowhere"]}
    api.refused("get", "registered-models/get-latest-versions", 400, BAD, **given)


def test_pages_of_models(api):
    for name in ("c", "a", "b"):
        make(api, name, tags=[{"key": "odd", "value": str(name != "a")}])
    for path in ("registered-models/search", "registered-models/list"):  # the second for 1.x
        first = api.get(path, max_results=2)
        rest = api.get(path, max_results=2, page_token=first["next_page_token"])
        found = [one["name"] for one in first["registered_models"] + rest["registered_models"]]
        assert found == ["a", "b", "c"] and "next_page_token" not in rest
        for number in (0, -1, 1001):
            api.refused("get", path, 400, BAD, max_results=number)
    asked = {"filter": "name LIKE '%'", "order_by": ["name DESC"]}
    found = api.get("registered-models/search", **asked)["registered_models"]
    assert [one["name"] for one in found] == ["c", "b", "a"]
    api.refused("get", "registered-models/search", 400, BAD, filter="nonsense")


def test_who_and_why(api):
    who = {"user_id": "ada", "note": "better on the old data"}
    make(api, **who)
    version(api, **who)
    api.post("registered-models/alias", name="m", alias="a", version="1", **who)
    api.post("model-versions/transition-stage", name="m", version="1", stage="Staging")
    entries = api.get("registered-models/history", name="m")["entries"]
    assert [entry["kind"] for entry in entries] == ["stage", "alias", "created", "created"]
    assert (entries[1]["user_id"], entries[1]["note"]) == ("ada", "better on the old data")
    assert (entries[1]["key"], entries[1]["after"], entries[1]["version"]) == ("a", "1", "1")
    assert entries[0]["user_id"] == ""
    first = api.get("registered-models/history", name="m", max_results=3)
    rest = api.get(
        "registered-models/history", name="m", max_results=3, page_token=first["next_page_token"]
    )
    assert first["entries"] + rest["entries"] == entries
    only = api.get("registered-models/history", name="m", version="1")["entries"]
    assert len(only) == 3
    api.refused("get", "registered-models/history", 404, GONE, name="other")
    api.refused("post", "registered-models/create", 400, BAD, name="x", user_id="a" * 251)
    api.refused("post", "registered-models/create", 400, BAD, name="x", note="a" * 10_001)


def test_nobody_sets_what_vouches_for_files(api):
    make(api)
    version(api)
    tag = {"key": "mlpack.digest", "value": "sha256:" + "0" * 64}
    api.refused("post", "registered-models/create", 400, BAD, name="x", tags=[tag])
    api.refused("post", "registered-models/set-tag", 400, BAD, name="m", **tag)
    api.refused("post", "model-versions/set-tag", 400, BAD, name="m", version="1", **tag)
    given = {"name": "m", "version": "1", "key": "mlpack.digest"}
    api.refused("delete", "model-versions/delete-tag", 400, BAD, **given)
    given = {"name": "m", "source": "s3://bucket/model", "tags": [tag]}
    api.refused("post", "model-versions/create", 400, BAD, **given)
    # nor by another name for the same characters
    for key in ("mlpack.digest ", " mlpack.digest", "MLPACK.digest"):
        api.post("model-versions/set-tag", name="m", version="1", key=key, value=tag["value"])
    found = api.get("model-versions/get", name="m", version="1")["model_version"]
    assert "mlpack.digest" not in {each["key"] for each in found["tags"]}


def test_a_tag_in_the_database_vouches_for_nothing(make_app):
    """Whoever may write to the database by other ways is not asked what the files are."""
    from mlpack.registry.entities import By
    from mlpack.tests.tracking_server.conftest import Api

    app = make_app()
    api, registry = Api(app.test_client()), app.config["registry"]
    make(api)
    tag = {"mlpack.digest": "sha256:" + "0" * 64}
    registry.create_model_version("m", "s3://bucket/model", tags=tag, description="", by=By())
    assert "tags" not in api.get("model-versions/get", name="m", version="1")["model_version"]
