"""Files through the server, and every known way to reach files that are not the client's."""

import io
import os
from urllib.parse import quote

import pytest

BAD = "INVALID_PARAMETER_VALUE"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run(api):
    """The id of a run with a file ``sub/a.txt``."""
    run_id = api.run()
    sent = api.client.put(f"{FILES}/0/{run_id}/artifacts/sub/a.txt", data=b"hello world")
    assert (sent.status_code, sent.json) == (200, {})
    return run_id


def test_up_down_list_delete(client):
    for path, content in {"0/a.txt": b"a", "0/sub/b ü.bin": b"\0b", "0/sub/c": b""}.items():
        assert client.put(f"{FILES}/{path}", data=content).status_code == 200
        assert client.get(f"{FILES}/{path}").data == content
    listed = client.get(FILES, query_string={"path": "0"}).json["files"]
    assert listed == [
        {"path": "a.txt", "is_dir": False, "file_size": 1},
        {"path": "sub", "is_dir": True},
    ]
    listed = client.get(FILES, query_string={"path": "0/sub"}).json["files"]
    assert [f["path"] for f in listed] == ["b ü.bin", "c"]
    assert client.get(FILES, query_string={"path": "none"}).json["files"] == []
    client.put(f"{FILES}/0/a.txt", data=b"overwritten")
    assert client.get("/ajax-api/2.0/mlflow-artifacts/artifacts/0/a.txt").data == b"overwritten"
    assert client.delete(f"{FILES}/0/sub").status_code == 200
    assert [f["path"] for f in client.get(f"{FILES}?path=0").json["files"]] == ["a.txt"]
    assert client.delete(f"{FILES}/0/sub").status_code == 200
    gone = client.get(f"{FILES}/0/sub/c")
    assert (gone.status_code, gone.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_how_a_file_comes(client):
    client.put(f'{FILES}/0/modèle "x".json', data=b"0123456789")
    response = client.get(f'{FILES}/0/modèle "x".json')
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith(
        "attachment; filename=\"mod_le _x_.json\"; filename*=UTF-8''mod%C3%A8"
    )
    assert response.headers["Content-Type"] == "application/json"
    assert response.content_length == 10
    part = client.get(f'{FILES}/0/modèle "x".json', headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.data) == (206, b"234")
    beyond = client.get(f'{FILES}/0/modèle "x".json', headers={"Range": "bytes=20-"})
    assert (beyond.status_code, beyond.json["error_code"]) == (416, BAD)
    head = client.head(f'{FILES}/0/modèle "x".json')
    assert (head.status_code, head.data) == (200, b"")


def test_files_of_runs_and_models(api, run):
    listed = api.get("artifacts/list", run_id=run)
    assert listed["root_uri"] == f"mlflow-artifacts:/0/{run}/artifacts"
    assert listed["files"] == [{"path": "sub", "is_dir": True}]
    listed = api.get("artifacts/list", run_uuid=run, path="sub")
    assert listed["files"] == [{"path": "sub/a.txt", "is_dir": False, "file_size": 11}]
    got = api.client.get("/get-artifact", query_string={"run_id": run, "path": "sub/a.txt"})
    assert got.data == b"hello world"
    folder = api.client.get("/get-artifact", query_string={"run_id": run, "path": "sub"})
    assert folder.status_code == 404

    info = api.post("logged-models", experiment_id="0", name="m")["model"]["info"]
    place = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    api.client.put(f"{FILES}/{place}/MLmodel", data=b"flavors: {}")
    model = info["model_id"]
    listed = api.get(f"logged-models/{model}/artifacts/directories")
    assert listed["files"] == [{"path": "MLmodel", "is_dir": False, "file_size": 11}]
    address = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files"
    got = api.client.get(address, query_string={"artifact_file_path": "MLmodel"})
    assert got.data == b"flavors: {}"


def test_files_logged_without_the_server_are_shown_by_it(make_app, tmp_path):
    from mlpack.tracking.sql.store import SqlStore

    store = SqlStore(tmp_path / "mlruns")
    run = store.create_run("0", "r", "u", 1, [])
    folder = tmp_path / "mlruns" / "0" / run.info.run_id / "artifacts"
    assert str(folder) == run.info.artifact_uri
    folder.mkdir(parents=True)
    (folder / "x").write_text("local")
    client = make_app().test_client()
    query = {"run_id": run.info.run_id, "path": "x"}
    assert client.get("/get-artifact", query_string=query).data == b"local"


ESCAPES = [
    "../secret",
    "../../secret",
    "sub/../../../../secret",
    "%2e%2e/secret",
    "%252e%252e/secret",
    "%25252e%25252e%25252fsecret",
    "..%2fsecret",
    "..\\secret",
    "sub\\..\\..\\secret",
    "%5c..%5csecret",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc/passwd",
    "C:/Windows/win.ini",
    "c:\\windows\\win.ini",
    "file:///etc/passwd",
    "sub/a.txt#/../../secret",
    "sub/a.txt?/../../secret",
    "#/../../secret",
    "~/secret",
    "sub/a.txt\0.png",
    "sub/%00",
    "link/secret",
    "link",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_way_out_of_the_folder(api, run, tmp_path, path):
    """CVE-2023-1177, 2023-6831, 2024-1483, 2024-3848, 2025-11201, 2026-2614 and relatives."""
    artifacts = tmp_path / "mlruns" / "0" / run / "artifacts"
    for place in (tmp_path, tmp_path / "mlruns", tmp_path / "mlruns" / "0", artifacts.parent):
        (place / "secret").write_text("SECRET")
    os.symlink(tmp_path, artifacts / "link")
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file() and "mlpack.db" not in p.name)
    client = api.client
    query = {"run_id": run, "path": path}
    answers = [
        client.get("/get-artifact", query_string=query),
        client.get("/api/2.0/mlflow/artifacts/list", query_string=query),
        client.get(FILES, query_string={"path": f"0/{run}/artifacts/{path}"}),
        client.get(FILES, query_string={"path": path}),
    ]
    raw = quote(path, safe="/%:")  # as a client's own library leaves it
    for method in (client.get, client.put, client.delete):
        options = {"data": b"evil"} if method == client.put else {}
        answers.append(method(f"{FILES}/0/{run}/artifacts/{raw}", **options))
        answers.append(method(f"{FILES}/{raw}", **options))
    for answer in answers:
        assert b"SECRET" not in answer.data and b"root:" not in answer.data
        assert answer.status_code < 500, answer.data
        if answer.status_code == 200:  # an empty list, or a file of that very name inside
            assert answer.json in ({"files": []}, {}) or answer.json["files"] == []
    assert (tmp_path / "secret").read_text() == "SECRET"
    after = {p for p in tmp_path.rglob("*") if p.is_file() and "mlpack.db" not in p.name}
    assert set(before) <= after
    for fresh in after - set(before):
        assert fresh.resolve().is_relative_to(tmp_path / "mlruns")
        assert fresh.read_bytes() == b"evil"


@pytest.mark.parametrize(
    "location",
    [
        "/etc",
        "etc",
        "./here",
        "file:///etc",
        "file:/etc",
        "FILE:///etc",
        "file://localhost/etc",
        "C:\\Windows",
        "mlflow-artifacts:/../..",
        "mlflow-artifacts:/%2e%2e/x",
        "mlflow-artifacts:/a#/../..",
        "mlflow-artifacts:/a?b",
        "s3://bucket/../x",
        "s3://bucket/a#../../x",
        "http://elsewhere/x",
        "http://host/api/2.0/mlflow-artifacts/artifacts/../../x",
        "runs:/a/b",
        "models:/m/1",
        "ftp://host/x",
        "dbfs:/x",
        "\0",
    ],
)
def test_locations_that_a_client_may_not_record(api, location):
    """CVE-2024-1558, 2024-0520 and relatives: a location is a path on the server's own disk."""
    api.refused("post", "experiments/create", 400, BAD, name="x", artifact_location=location)
    listed = api.post("experiments/search")["experiments"]
    assert [e["name"] for e in listed] == ["Default"]


@pytest.mark.parametrize(
    "location", ["s3://bucket/path", "gs://b/p", "mlflow-artifacts:/team/x", "mlflow-artifacts:/"]
)
def test_locations_that_a_client_may_record(api, location):
    number = api.post("experiments/create", name="x", artifact_location=location)["experiment_id"]
    found = api.get("experiments/get", experiment_id=number)["experiment"]
    assert found["artifact_location"] == location.rstrip("/")


def test_a_location_of_another_time_is_looked_at_again(make_app, tmp_path):
    """A database of a server that let clients record any path."""
    from mlpack.tracking.sql.store import SqlStore

    (tmp_path / "private").mkdir()
    store = SqlStore(tmp_path / "mlruns")
    number = store.create_experiment("x", str(tmp_path / "private"))
    run_id = store.create_run(number, "r", "u", 1, []).info.run_id
    place = tmp_path / "private" / run_id / "artifacts"
    place.mkdir(parents=True)
    (place / "secret").write_text("SECRET")
    query = {"run_id": run_id, "path": "secret"}
    refused = make_app().test_client().get("/get-artifact", query_string=query)
    assert (refused.status_code, refused.json["error_code"]) == (400, BAD)
    page = make_app().test_client().get(f"/runs/{run_id}/artifacts")
    assert page.status_code == 400 and b"outside of what this server may read" in page.data
    # but whoever looks at runs of their own with `mlpack ui` sees them
    own = make_app(any_local_folder=True).test_client().get("/get-artifact", query_string=query)
    assert own.data == b"SECRET"


class _BreaksOff(io.BytesIO):
    def readinto(self, buffer):
        raise ConnectionResetError("gone")

    read = readinto


@pytest.mark.parametrize("body", [io.BytesIO(b"only a part"), _BreaksOff()])
def test_half_an_upload_leaves_nothing(api, run, tmp_path, body):
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "1000"}
    address = f"{FILES}/0/{run}/artifacts/sub/a.txt"
    answer = api.client.put(address, environ_overrides=environ)
    assert (answer.status_code, answer.json["error_code"]) == (400, BAD)
    assert api.client.get(address).data == b"hello world"
    folder = tmp_path / "mlruns" / "0" / run / "artifacts" / "sub"
    assert [p.name for p in folder.iterdir()] == ["a.txt"]
    answer = api.client.put(f"{FILES}/0/new/b", environ_overrides=environ)
    assert answer.status_code == 400 and not (tmp_path / "mlruns" / "0" / "new").exists()


def test_signed_addresses_are_declined(client):
    """Clients fetch files through the server, then."""
    answer = client.get("/api/2.0/mlflow-artifacts/presigned/0/x")
    assert (answer.status_code, answer.json["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert answer.json["message"].startswith("Presigned download is not supported")
    assert client.get("/api/3.0/mlflow/server-info").json["multipart_downloads_enabled"] is False


def test_without_transfer_of_files(make_app, tmp_path):
    client = make_app(serve_artifacts=False).test_client()
    answer = client.get(f"{FILES}/0/x")
    assert (answer.status_code, answer.json["error_code"]) == (400, "INVALID_STATE")
    assert "--no-serve-artifacts" in answer.json["message"]
    run = client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).json["run"]
    assert run["info"]["artifact_uri"].startswith(str(tmp_path / "mlruns"))


@pytest.mark.parametrize("place", ["mlruns", "."])
def test_the_database_is_out_of_reach(make_app, tmp_path, place):
    """It lies where the files are, and may lie deeper."""
    client = make_app(artifacts_destination=str(tmp_path / place)).test_client()
    assert (
        client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).status_code == 200
    )
    (tmp_path / "mlruns" / "mlpack.db.version-1.20260101T000000").write_bytes(b"old")
    before = sorted(tmp_path.rglob("mlpack.db*"))
    assert len(before) >= 2
    inside = "" if place == "mlruns" else "mlruns/"
    names = ["", "-wal", "-shm", "-journal", ".version-1.20260101T000000"]
    paths = [f"{inside}mlpack.db{name}" for name in names]
    paths += [f"{inside}MLPACK.DB", f"{inside}mlpack.db/x", f"{inside}.mlpack.db.version-1.partial"]
    if inside:
        assert client.delete(f"{FILES}/mlruns").status_code == 400
    for path in paths:
        assert client.get(f"{FILES}/{path}").status_code in (400, 404), path
        assert client.delete(f"{FILES}/{path}").status_code in (200, 400), path
        assert client.put(f"{FILES}/{path}", data=b"mine").status_code in (400, 500), path
        body = {"path": path, "num_parts": 1}
        answer = client.post(
            f"/api/2.0/mlflow-artifacts/mpu/create/{path.rpartition('/')[0]}", json=body
        )
        if answer.status_code == 200:
            begun = answer.json
            part = client.put(begun["credentials"][0]["url"], data=b"mine")
            parts = [{"part_number": 1, "etag": part.headers["ETag"]}]
            end = {"path": path, "upload_id": begun["upload_id"], "parts": parts}
            address = f"/api/2.0/mlflow-artifacts/mpu/complete/{path.rpartition('/')[0]}"
            assert client.post(address, json=end).status_code == 400 or path.endswith("/x")
    assert sorted(tmp_path.rglob("mlpack.db*")) == before
    listed = client.get(FILES, query_string={"path": inside.rstrip("/")}).json["files"]
    assert not [file for file in listed if "mlpack.db" in file["path"]]
    assert (
        client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).status_code == 200
    )
    assert client.put(f"{FILES}/{inside}0/mlpack.db", data=b"an artifact").status_code == 200
