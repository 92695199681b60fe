"""Versions over HTTP: their fields, their life, and whose word counts for what their files are."""

import hashlib
import os

import pytest

from mlpack.artifacts.open import open_artifacts
from mlpack.flavors.integrity import digest
from mlpack.tests.artifacts import servers
from mlpack.tests.tracking_server.conftest import Api
from mlpack.tracking_server import checksums

BAD = "INVALID_PARAMETER_VALUE"
GONE = "RESOURCE_DOES_NOT_EXIST"
STATE = "INVALID_STATE"
FILES = {"MLmodel": b"flavors: {f: {}}\n", "deep/model.bin": b"\0" * 1000}
SUMS = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in FILES.items()}


@pytest.fixture
def named(api):
    """The API of a server that has a registered model ``m``."""
    api.post("registered-models/create", name="m")
    return api


def put(api, address, files=None):
    """Send files to an ``mlflow-artifacts:`` address, as clients do."""
    root = address.removeprefix("mlflow-artifacts:/")
    for name, data in (FILES if files is None else files).items():
        path = f"/api/2.0/mlflow-artifacts/artifacts/{root}/{name}"
        assert api.client.put(path, data=data).status_code == 200


def logged(api, files=None, ready=True, **tags):
    """A logged model, its files in place."""
    run_id = api.run()
    info = api.post("logged-models", experiment_id="0", name="classifier", source_run_id=run_id)
    info = info["model"]["info"]
    put(api, info["artifact_uri"], files)
    given = [{"key": key.replace("_", "."), "value": value} for key, value in tags.items()]
    if ready:
        path = f"logged-models/{info['model_id']}"
        api.patch(path, status="LOGGED_MODEL_READY", tags=given)
    return {**info, "run_id": run_id}


def create(api, source, **more):
    return api.post("model-versions/create", name="m", source=source, **more)["model_version"]


def pairs(files):
    return [{"key": key, "value": value} for key, value in files.items()]


def offered(files):
    """What our client sends along."""
    return {"files": pairs(files), "tags": pairs({"mlpack.digest": digest(files)})}


def digest_of(version):
    assert "tags" not in version  # the tags are the user's
    return version.get("digest")


def kept(api, version):
    found = api.get("model-versions/files", name="m", version=version["version"])["files"]
    return {each["key"]: each["value"] for each in found}


def place(api, version):
    given = {"name": "m", "version": version["version"]}
    return api.get("model-versions/get-download-uri", **given)["artifact_uri"]


def test_the_fields(named):
    made = create(named, "s3://bucket/x")
    assert made["version"] == "1" and type(made["creation_timestamp"]) is int
    # MLflow's, which sends what is empty of these, and nothing more
    assert made.keys() == {
        *("name", "version", "creation_timestamp", "last_updated_timestamp", "current_stage"),
        *("description", "source", "run_id", "status", "run_link"),
    }
    assert (made["run_id"], made["description"], made["run_link"]) == ("", "", "")
    run = named.run()
    more = {"run_link": "https://host/run", "tags": pairs({"k": "v"}), "description": "*d*"}
    told = create(named, "s3://bucket/x", run_id=run, user_id="ada", **more)
    assert told["user_id"] == "ada" and told["run_link"] == "https://host/run"
    assert told["tags"] == pairs({"k": "v"})
    assert named.get("model-versions/get", name="m", version="2")["model_version"] == told


def test_the_life_of_a_version(named):
    create(named, "s3://bucket/x")
    create(named, "s3://bucket/y")
    which = {"name": "m", "version": "1"}
    found = named.patch("model-versions/update", **which, description="d")["model_version"]
    assert found["description"] == "d"
    named.post("model-versions/set-tag", **which, key="k", value="v")
    named.post("model-versions/set-tag", **which, key="gone", value="v")
    named.delete("model-versions/delete-tag", **which, key="gone")
    named.delete("model-versions/delete-tag", **which, key="never was")
    assert place(named, found) == "s3://bucket/x"
    move = {"stage": "production", "archive_existing_versions": True}
    named.post("model-versions/transition-stage", **which, **move)
    second = {"name": "m", "version": "2"}
    found = named.post("model-versions/transition-stage", **second, **move)["model_version"]
    assert found["current_stage"] == "Production"
    found = named.get("model-versions/get", **which)["model_version"]
    assert found["current_stage"] == "Archived" and found["tags"] == pairs({"k": "v"})
    named.refused("delete", "model-versions/delete", 400, STATE, **second)
    named.refused("delete", "registered-models/delete", 400, STATE, name="m")
    named.delete("model-versions/delete", **which)
    named.refused("get", "model-versions/get", 404, GONE, **which)
    named.refused("get", "model-versions/get-download-uri", 404, GONE, **which)
    for number in ("x", "0", "-1", "1.5", "9" * 30):
        named.refused("get", "model-versions/get", 400, BAD, name="m", version=number)
    assert create(named, "s3://bucket/z")["version"] == "3"


def test_pages_of_versions(named):
    for number in range(3):
        create(named, f"s3://bucket/{number}")
    asked = {"filter": "name = 'm'", "order_by": ["version_number ASC"], "max_results": 2}
    first = named.get("model-versions/search", **asked)
    rest = named.get("model-versions/search", **asked, page_token=first["next_page_token"])
    found = [one["version"] for one in first["model_versions"] + rest["model_versions"]]
    assert found == ["1", "2", "3"]
    named.refused("get", "model-versions/search", 400, BAD, max_results=200_001)


def test_versions_of_runs(named):
    run, other = named.run(), named.run()
    made = [create(named, "s3://bucket/x", run_id=run) for _ in range(2)]
    create(named, "s3://bucket/x", run_id=other)
    found = named.post("model-versions/of-runs", run_ids=[run, "0" * 32])["model_versions"]
    assert sorted(one["version"] for one in found) == [one["version"] for one in made]


def test_a_model_by_every_name_that_it_has(named):
    model = logged(named)
    where = model["artifact_uri"]
    addresses = [
        f"models:/{model['model_id']}",
        f"runs:/{model['run_id']}/classifier",
        where,
        f"{where}/",
        "models:/m/1",
        "models:/m/latest",
    ]
    for address in addresses:
        made = create(named, address)
        assert place(named, made) == where
        assert (made["run_id"], made["model_id"]) == (model["run_id"], model["model_id"])
        assert kept(named, made) == SUMS and digest_of(made) == digest(SUMS)
    assert made["source"] == "models:/m/5" and made["location"] == f"models:/{model['model_id']}"


def test_a_copy_outlives_its_original(named):
    model = logged(named)
    create(named, f"models:/{model['model_id']}")
    named.post("registered-models/create", name="copies")
    given = {"name": "copies", "source": "models:/m/1"}
    made = named.post("model-versions/create", **given)["model_version"]
    named.delete("registered-models/delete", name="m")
    found = named.get("model-versions/get-download-uri", name="copies", version="1")
    assert found == {"artifact_uri": model["artifact_uri"]}
    assert digest_of(made) == digest(SUMS)


def test_files_of_a_run(named):
    run = named.run()
    put(named, f"mlflow-artifacts:/0/{run}/artifacts/my model")
    for address in (f"runs:/{run}/my model", f"mlflow-artifacts:/0/{run}/artifacts/my%20model"):
        made = create(named, address, run_id=run)
        assert kept(named, made) == SUMS
    assert made["run_id"] == run and "model_id" not in made


def test_nothing_there_vouches_for_nothing(named):
    run = named.run()
    made = create(named, f"runs:/{run}/nothing", run_id=run, **offered(SUMS))
    assert kept(named, made) == {} and digest_of(made) is None


def test_the_servers_eyes_count_not_the_clients_word(named):
    run = named.run()
    put(named, f"mlflow-artifacts:/0/{run}/artifacts/m")
    wrong = SUMS | {"deep/model.bin": "sha256:" + "0" * 64}
    given = {"name": "m", "source": f"runs:/{run}/m", **offered(wrong)}
    message = named.refused("post", "model-versions/create", 400, STATE, **given)
    assert "deep/model.bin" in message and "MLmodel" not in message
    given |= {"tags": pairs({"mlpack.digest": digest(SUMS)})}  # of other files than it says
    named.refused("post", "model-versions/create", 400, BAD, **given)
    assert digest_of(create(named, f"runs:/{run}/m", **offered(SUMS))) == digest(SUMS)


def test_the_record_of_a_logged_model_counts(named):
    changed = FILES | {"deep/model.bin": b"other"}
    model = logged(named, changed, mlpack_digest=digest(SUMS))
    given = {"name": "m", "source": f"models:/{model['model_id']}", **offered(SUMS)}
    message = named.refused("post", "model-versions/create", 400, STATE, **given)
    assert model["model_id"] in message and "deep/model.bin differs" in message
    assert "/" not in message.replace("deep/model.bin", "")  # no path of the server's disk


def test_where_only_the_record_can_vouch(named, monkeypatch):
    """In a place that the server does not read a client's word counts if the record agrees."""
    monkeypatch.setattr(checksums, "MOST_BYTES", 10)  # as if it were very large
    plain = logged(named)
    known = logged(named, mlpack_digest=digest(SUMS))
    wrong = SUMS | {"more": "sha256:" + "0" * 64}
    for model, files, believed in (
        (plain, SUMS, False),
        (known, SUMS, True),
        (known, wrong, False),
    ):
        made = create(named, f"models:/{model['model_id']}", **offered(files))
        assert digest_of(made) == (digest(SUMS) if believed else None)
        assert kept(named, made) == (SUMS if believed else {})
    part = create(named, f"models:/{known['model_id']}/deep", **offered(SUMS))
    assert digest_of(part) is None and "model_id" not in part and part["run_id"] == known["run_id"]
    bucket = create(named, "s3://bucket/copy", model_id=known["model_id"], **offered(SUMS))
    assert digest_of(bucket) is None


@pytest.mark.cloud
def test_files_in_an_object_store(make_app, tmp_path, monkeypatch):
    """The server reads its own bucket for a client, and no other that its keys are good for."""
    with servers.s3(tmp_path / "s3") as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        servers.make_bucket(store, "s3", "ours")
        servers.make_bucket(store, "s3", "others")
        api = Api(make_app(artifacts_destination="s3://ours/runs").test_client())
        api.post("registered-models/create", name="m")
        model = logged(api, mlpack_digest=digest(SUMS))
        place = open_artifacts("s3://others/m")
        for name, data in FILES.items():
            place.write(name, [data])
        wrong = SUMS | {"MLmodel": "sha256:" + "0" * 64}
        for source in (
            f"models:/{model['model_id']}",
            f"s3://ours/runs/0/models/{model['model_id']}",
        ):
            made = create(api, source)
            read = {name.removeprefix("artifacts/"): sha for name, sha in kept(api, made).items()}
            assert read == SUMS
            given = {"name": "m", "source": source, **offered(wrong)}
            api.refused("post", "model-versions/create", 400, STATE, **given)
        assert kept(api, create(api, "s3://others/m", **offered(SUMS))) == {}


def test_the_descriptor_is_enough_where_the_record_agrees(named, monkeypatch):
    sums = {name: sha for name, sha in SUMS.items() if name != "MLmodel"}
    text = FILES["MLmodel"] + f"mlpack: {{files: {sums}}}\n".encode()
    own = sums | {"MLmodel": f"sha256:{hashlib.sha256(text).hexdigest()}"}
    model = logged(named, FILES | {"MLmodel": text}, mlpack_digest=digest(own))
    monkeypatch.setattr(checksums, "QUICK_BYTES", (0, 0))  # as if it were large
    monkeypatch.setattr(checksums, "_checksum", lambda *_: pytest.fail("the files were read"))
    assert kept(named, create(named, f"models:/{model['model_id']}")) == own


def test_a_weight_that_was_changed_is_not_registered(named):
    """The descriptor of the model and the record of it know nothing of it yet."""
    sums = {name: sha for name, sha in SUMS.items() if name != "MLmodel"}
    text = FILES["MLmodel"] + f"mlpack: {{files: {sums}}}\n".encode()
    own = sums | {"MLmodel": f"sha256:{hashlib.sha256(text).hexdigest()}"}
    model = logged(named, FILES | {"MLmodel": text}, mlpack_digest=digest(own))
    put(named, model["artifact_uri"], {"deep/model.bin": b"1" * 1000, "more.py": b"pass"})
    given = {"name": "m", "source": f"models:/{model['model_id']}"}
    for more in ({}, offered(own)):
        message = named.refused("post", "model-versions/create", 400, STATE, **given, **more)
        assert "deep/model.bin differs, more.py was added" in message
    assert named.get("model-versions/search")["model_versions"] == []


@pytest.mark.parametrize("damage", ["gone", "link"])
def test_a_model_without_its_descriptor_is_not_registered(named, tmp_path, damage):
    """Nor as one that nobody can vouch for, as there is a record of what it was."""
    model = logged(named, mlpack_digest=digest(SUMS))
    file = tmp_path / f"mlruns/0/models/{model['model_id']}/artifacts/MLmodel"
    file.unlink()
    if damage == "link":
        file.symlink_to("/etc/passwd")
    given = {"name": "m", "source": f"models:/{model['model_id']}"}
    for more in ({}, offered(SUMS)):
        message = named.refused("post", "model-versions/create", 400, STATE, **given, **more)
        assert "not those that were logged" in message and "passwd" not in message


def test_a_pipe_among_the_files_holds_nobody(named, tmp_path):
    """A thread of the server that opens it would wait for ever."""
    model = logged(named)
    folder = tmp_path / "mlruns" / "0" / "models" / model["model_id"] / "artifacts"
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")
    assert kept(named, create(named, f"models:/{model['model_id']}")) == SUMS
    (folder / "MLmodel").unlink()
    os.mkfifo(folder / "MLmodel")
    made = create(named, f"models:/{model['model_id']}")
    assert kept(named, made).keys() == SUMS.keys() - {"MLmodel"}


def test_a_model_whose_files_never_came(named):
    model = logged(named, ready=False)
    given = {"name": "m", "source": f"models:/{model['model_id']}"}
    named.refused("post", "model-versions/create", 400, STATE, **given)


def test_what_belongs_to_nobody(named):
    given = {"name": "m", "source": "s3://bucket/x"}
    for more in ({"run_id": "0" * 32}, {"model_id": "m-" + "0" * 32}):
        named.refused("post", "model-versions/create", 400, BAD, **given, **more)
    for source in (f"runs:/{'0' * 32}/m", f"models:/m-{'0' * 32}"):
        named.refused("post", "model-versions/create", 400, BAD, name="m", source=source)
    named.refused("post", "model-versions/create", 404, GONE, name="other", source="s3://bucket/x")
    for source in ("models:/m/7", "models:/m@nobody", "models:/m/Staging", "models:/other/1"):
        named.refused("post", "model-versions/create", 404, GONE, name="m", source=source)
    assert named.get("model-versions/search")["model_versions"] == []


def test_what_belongs_to_another(named):
    one, other = logged(named), logged(named)
    sources = [
        (f"models:/{one['model_id']}", "model_id"),
        (f"models:/{one['model_id']}", "run_id"),
        (f"runs:/{one['run_id']}/classifier", "run_id"),
        (f"runs:/{one['run_id']}/classifier", "model_id"),
        (one["artifact_uri"], "run_id"),
        (one["artifact_uri"], "model_id"),
        (f"mlflow-artifacts:/0/{one['run_id']}/artifacts/m", "run_id"),
    ]
    for source, said in sources:
        given = {"name": "m", "source": source, said: other[said]}
        named.refused("post", "model-versions/create", 400, BAD, **given)
        create(named, source, **{said: one[said]} if "/artifacts/m" not in source else {})
    named.refused(
        "post",
        "model-versions/create",
        400,
        BAD,
        name="m",
        source="models:/m/1",
        run_id=other["run_id"],
    )


def test_a_model_that_is_gone(named):
    model = logged(named)
    made = create(named, f"models:/{model['model_id']}")
    named.delete(f"logged-models/{model['model_id']}")
    given = {"name": "m", "version": made["version"]}
    message = named.refused("get", "model-versions/get-download-uri", 404, GONE, **given)
    assert "model is gone" in message
    # but not with it what lies elsewhere
    model = logged(named)
    made = create(named, "s3://bucket/x", model_id=model["model_id"])
    named.delete(f"logged-models/{model['model_id']}")
    assert place(named, made) == "s3://bucket/x"


def test_a_name_is_made_with_its_first_version_or_not_at_all(api):
    given = {"name": "new", "make_name": True}
    api.refused("post", "model-versions/create", 400, BAD, **given, source="/etc")
    api.refused(
        "post", "model-versions/create", 400, BAD, name="a/b", source="s3://b/x", make_name=True
    )
    api.refused("get", "registered-models/get", 404, GONE, name="new")
    api.post("model-versions/create", **given, source="s3://bucket/x")
    api.post("model-versions/create", **given, source="s3://bucket/x")
    assert api.get("model-versions/get", name="new", version="2")


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:x",
        "data:text/html,x",
        "//host",
        "host/run",
        "http://",
        "\nhttp://x",
        'http://x"onmouseover="alert(1)',
        "http://x/'><script>alert(1)</script>",
        "http://x y",
        "http://user:password@host/",
        "http://good.example\\@evil.example/",
    ],
)
def test_links_that_a_browser_would_run(named, link):
    """XSS (as GHSA-3v79-q7ph-j75h)."""
    given = {"name": "m", "source": "s3://bucket/x", "run_link": link}
    named.refused("post", "model-versions/create", 400, BAD, **given)


def test_a_client_sees_what_was_registered_beside_the_server(make_app, tmp_path):
    """A folder's models and versions, made without a server, are served by one."""
    from mlpack.registry.entities import By
    from mlpack.tracking.entities import ModelStatus
    from mlpack.tracking.sql.store import SqlStore

    local = SqlStore(tmp_path / "mlruns")
    run = local.create_run("0", "r", "u", 1, []).info
    model = local.create_logged_model("0", "m", run.run_id)
    local.finalize_logged_model(model.model_id, ModelStatus.READY)
    app = make_app()
    registry, api = app.config["registry"], Api(app.test_client())
    registry.create_registered_model("m", {}, "", By())
    told = {"tags": {}, "description": "", "by": By(), "run_id": run.run_id}
    where = model.artifact_location
    registry.create_model_version("m", f"models:/{model.model_id}", location=where, **told)
    for source in (f"runs:/{run.run_id}/x", where, "/etc", f"file://{tmp_path}"):
        registry.create_model_version("m", source, **told)
    assert place(api, {"version": "1"}).startswith("mlflow-artifacts:/0/models/m-")
    assert place(api, {"version": "2"}) == f"mlflow-artifacts:/0/{run.run_id}/artifacts/x"
    for number in ("3", "4", "5"):
        given = {"name": "m", "version": number}
        message = api.refused("get", "model-versions/get-download-uri", 400, BAD, **given)
        assert str(tmp_path) not in message
    first = api.get("model-versions/get", name="m", version="1")["model_version"]
    assert str(tmp_path) not in str(first)
