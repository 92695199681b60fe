"""Which recorded places the server reads for its clients: only its own and those it is told of."""

import re

import pytest

from mlpack.artifacts.object_places import locate
from mlpack.errors import InvalidInput
from mlpack.tracking_server.places import Places
from mlpack.tracking_server.settings import ServerSettings

BAD = "INVALID_PARAMETER_VALUE"
REFUSAL = "outside of what this server may read.*--allowed-artifact-roots"

INSIDE = {
    "s3://bb/x": [
        "s3://bb/x",
        "s3://bb/x/",
        "s3://bb/x/y/z",
        "S3://bb/x/y",
        "s3://bb//x//y",
        "s3://bb/x/.",
    ],
    "S3://bb": ["s3://bb", "s3://bb/", "s3://bb/anything"],
    "s3://bb/": ["s3://bb/x"],
    "gs://bb/x/": ["gs://bb/x/y"],
    "wasbs://cc@acct.blob.core.windows.net/x": ["wasbs://cc@acct.blob.core.windows.net/x/y"],
    "az://cc/x": ["az://cc/x/y"],
}
OUTSIDE = {
    "s3://bb/x": [
        *[
            "s3://bb/xy",
            "s3://bb",
            "s3://bb/",
            "s3://bb/X/y",
            "s3://other/x",
            "s3://bb.x/x",
            "s3://BB/x",
        ],
        *["gs://bb/x", "az://bb/x", "s3://bb/%78/y", "s3://bb/y/x", "s3://bbx/x", "/b/x"],
        *["s3://bb/x/../y", "s3://bb/x/%2e%2e/y", "s3://bb/x/%252e%252e/y", "s3://bb/x#/../../y"],
        *[
            "s3://bb/x?y",
            "s3://bb@other/x",
            "s3://key:secret@bb/x",
            "s3://bb:1/x",
            "s3:/bb/x",
            "s3:b/x",
        ],
        *[
            "s3://bb\\x",
            "s3://bb/x\\..\\..\\y",
            "s3:///bb/x",
            "http://bb/x",
            "https://u@bb/x",
            "s3://",
        ],
        *["s3://bb/x/.mlpack-uploads", "s3://bb/x/.MLPACK-uploads/0", "s3://bb/x/\0", "ftp://bb/x"],
    ],
    "wasbs://cc@acct.blob.core.windows.net/x": [
        "wasbs://cc@other.blob.core.windows.net/x",
        "wasbs://d@acct.blob.core.windows.net/x",
        "wasbs://cc@acct.blob.core.windows.net.evil.com/x",
        "az://cc/x",
    ],
    "/srv/files": ["s3://srv/files", "/srv/filesystem", "/srv/files/../other", "/srv", "/"],
}


def pairs(table):
    return [(root, location) for root, locations in table.items() for location in locations]


@pytest.mark.parametrize(("root", "location"), pairs(INSIDE))
def test_below_an_allowed_place(root, location, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acct")
    _, path, prefix = Places(None, (root,)).find(location, "a/b")
    assert (path, prefix) == ("a/b", "")


@pytest.mark.parametrize(("root", "location"), pairs(OUTSIDE))
def test_outside_of_every_allowed_place(root, location):
    with pytest.raises(InvalidInput) as error:
        Places(None, (root, "s3://another")).find(location, "a/b")
    assert "secret" not in str(error.value)


def test_a_place_is_said_to_be_elsewhere_in_one_way():
    for location in ("s3://bb/xy", "/etc"):
        with pytest.raises(InvalidInput, match=REFUSAL):
            Places(None, ("s3://bb/x", "/srv")).find(location)


def test_one_place_in_another():
    assert locate("s3://bb/x/y").is_below(locate("s3://bb/x"))
    assert not locate("s3://bb/x").is_below(locate("s3://bb/x/y"))
    assert not locate("s3://bb/xy").is_below(locate("s3://bb/x"))


def test_a_root_that_is_no_place():
    for root in ("ftp://x", "", "s3://u:secret@bb/x"):
        with pytest.raises(InvalidInput) as error:
            Places(None, (root,))
        assert "secret" not in str(error.value)


def record(client, location):
    """The id of a run whose files are recorded to be there."""
    body = {"name": location, "artifact_location": location}
    made = client.post("/api/2.0/mlflow/experiments/create", json=body)
    assert made.status_code == 200, made.json
    run = client.post("/api/2.0/mlflow/runs/create", json=made.json).json["run"]["info"]
    assert run["artifact_uri"].startswith(location)
    return run["run_id"]


def test_a_client_does_not_read_with_the_servers_credentials(make_app):
    """It may record such a location, since it may have credentials of its own."""
    client = make_app(allowed_artifact_roots=("s3://ours/allowed",)).test_client()
    for location in ("s3://somebody-elses", "s3://ours/allowed-not", "gs://ours/allowed"):
        run = record(client, location)
        for address in ("/get-artifact", "/api/2.0/mlflow/artifacts/list"):
            answer = client.get(address, query_string={"run_id": run, "path": "x"})
            assert (answer.status_code, answer.json["error_code"]) == (400, BAD)
            assert re.search(REFUSAL, answer.json["message"])
        assert client.get(f"/runs/{run}").status_code == 200
        page = client.get(f"/runs/{run}/artifacts")
        assert page.status_code == 400 and b"--allowed-artifact-roots" in page.data
        body = {"experiment_id": "0", "name": "m"}
        model = client.post("/api/2.0/mlflow/logged-models", json=body).json["model"]["info"]
        assert model["artifact_uri"].startswith("mlflow-artifacts:")


def test_a_folder_that_is_allowed(make_app, tmp_path):
    from mlpack.tracking.sql.store import SqlStore

    store = SqlStore(tmp_path / "mlruns")
    number = store.create_experiment("x", str(tmp_path / "old"))
    run = store.create_run(number, "r", "u", 1, []).info.run_id
    folder = tmp_path / "old" / run / "artifacts"
    folder.mkdir(parents=True)
    (folder / "f").write_text("content")
    query = {"run_id": run, "path": "f"}
    assert make_app().test_client().get("/get-artifact", query_string=query).status_code == 400
    allowing = make_app(allowed_artifact_roots=(str(tmp_path / "old"),)).test_client()
    assert allowing.get("/get-artifact", query_string=query).data == b"content"


def test_how_it_is_told(monkeypatch):
    found = ServerSettings.from_environment({"MLPACK_ALLOWED_ARTIFACT_ROOTS": "s3://a/b, /c"})
    assert found.allowed_artifact_roots == ("s3://a/b", "/c")
    given = ServerSettings.from_environment({"MLPACK_PRESIGNED_DOWNLOADS": "1"})
    assert given.presigned_downloads and given.public_url is None


@pytest.mark.parametrize(
    "url", ["ml.example.com", "ftp://x", "http://", "http://u:p@x", "http://x?a"]
)
def test_public_urls_that_are_none(url):
    with pytest.raises(InvalidInput, match="public URL"):
        ServerSettings(public_url=url)


def test_signed_addresses_need_an_object_store(make_app):
    with pytest.raises(InvalidInput, match="--presigned-downloads needs an object store"):
        make_app(presigned_downloads=True)
