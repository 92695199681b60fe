"""Where a version's files may not be: every way that was found to read another's files by a source.

Each is refused when it is registered and, as a database may hold what others let in, not given
out when it is there.
"""

import os

import pytest

from mlpack.registry.entities import By
from mlpack.tests.tracking_server.conftest import Api
from mlpack.tracking.sql.store import SqlStore

BAD = "INVALID_PARAMETER_VALUE"

# RUN stands for the id of a run of the server, MODEL for that of a logged model.
ATTACKS = {
    "CVE-2023-1177: a folder or file of the server": [
        "/etc/passwd",
        "/",
        "etc/passwd",
        ".",
        "~/.ssh",
        "./mlruns",
    ],
    "CVE-2023-1177: as an address": [
        "file:///etc/passwd",
        "file:/etc/passwd",
        "file:etc/passwd",
        "FILE:///etc/passwd",
        "fIlE:/etc/passwd",
        "file://localhost/etc/passwd",
        "file://127.0.0.1/etc",
        "file://host/share",
        "file:////etc",
        "//etc/passwd",
        "file:///proc/self/environ",
    ],
    "CVE-2023-3765: Windows": [
        "C:\\Windows\\win.ini",
        "C:/Windows/win.ini",
        "c:foo",
        "\\\\host\\share",
        "//host/share",
        "file:///C:/Windows/win.ini",
        "runs:/RUN/..\\..\\x",
        "runs:/RUN/C:/x",
        "mlflow-artifacts:/C:/Windows",
        "mlflow-artifacts:/x/..\\..\\..\\etc",
        "\\etc\\passwd",
    ],
    "CVE-2023-6831, CVE-2024-1483: a way out of an allowed place": [
        "mlflow-artifacts:/0/RUN/artifacts/../../..",
        "mlflow-artifacts:/../etc",
        "mlflow-artifacts:/..",
        "mlflow-artifacts:..",
        "mlflow-artifacts:x",
        "mlflow-artifacts:",
        "mlflow-artifacts:/",
        "runs:/RUN/../../../etc",
        "runs:/RUN/a/../../b",
        "runs:/RUN/..",
        "runs:/../etc",
        "models:/MODEL/../../..",
        "models:/../../etc",
        "s3://bucket/a/../../other",
        "s3://bucket/..",
        "gs://bucket/../x",
    ],
    "CVE-2023-6909, CVE-2024-3848: after a fragment or a query": [
        "mlflow-artifacts:/0/RUN/artifacts#/../../../etc/passwd",
        "mlflow-artifacts:/0/RUN/artifacts?/../../../etc",
        "runs:/RUN/m#/../../../etc",
        "models:/MODEL#/etc",
        "http:///#/../../../etc",
        "s3://bucket/x#/../../etc",
        "s3://bucket/x?a=b",
        "file:///etc#x",
        "/etc/passwd#x",
        "mlflow-artifacts:/x%23/../etc",
        "mlflow-artifacts:/x%3F/../etc",
        "mlflow-artifacts:/x;/../../etc",
        "mlflow-artifacts:/x;../../etc",
    ],
    "CVE-2024-1558: encoded": [
        "mlflow-artifacts:/%2e%2e/%2e%2e/etc",
        "mlflow-artifacts:/0/RUN/artifacts/%2e%2e%2f%2e%2e%2fetc",
        "mlflow-artifacts:/..%2f..%2fetc",
        "mlflow-artifacts:/%2fetc/passwd",
        "runs:/RUN/%2e%2e/x",
        "models:/MODEL/%2e%2e/x",
        "s3://bucket/%2e%2e/x",
        "%2fetc%2fpasswd",
        "file:%2f%2f/etc/passwd",
        "file:///%65tc/passwd",
        "runs:/RUN/%5c..%5c",
        "mlflow-artifacts:/0/RUN/artifacts%00",
    ],
    "CVE-2024-1594, CVE-2024-3848: doubly encoded": [
        "mlflow-artifacts:/%252e%252e/etc",
        "mlflow-artifacts:/..%252f..%252fetc",
        "mlflow-artifacts:/%25252e%25252e/etc",
        "runs:/RUN/%252e%252e/x",
        "s3://bucket/%252e%252e/x",
        "mlflow-artifacts:/x%2523/../etc",
        "mlflow-artifacts:/%25255c..%25255c",
    ],
    "CVE-2024-0520, CVE-2026-64849: another host": [
        "http://host/x",
        "https://host/api/2.0/mlflow-artifacts/artifacts/x",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:5000/x",
        "ftp://host/x",
        "sftp://host/x",
        "mlflow-artifacts://host/x",
        "mlflow-artifacts://host:80/0/RUN/artifacts",
        "mlflow-artifacts://user:secret@host/x",
        "s3://user:secret@bucket/x",
        "runs://host/RUN/m",
        "models://host/m/1",
        "models://databricks/m/1",
    ],
    "CVE-2025-11201: what other tools read": [
        "hdfs:/etc",
        "viewfs:///x",
        "dbfs:/x",
        "uc:/x",
        "javascript:alert(1)",
        "data:,x",
        "sqlite:///x.db",
        "git+ssh://host/x",
        "env:HOME",
        "x:y",
        ":",
        "://",
        "s3:",
        "s3://",
        "s3:/bucket/x",
        "s3:///x",
        "runs:/",
        "runs:/RUN",
        "runs:/RUN/",
        "models:/",
        "models:/m",
        "models:/m/1/more",
        "models:m/1",
    ],
    "what is kept for uploads": [
        "mlflow-artifacts:/.mlpack-uploads",
        "mlflow-artifacts:/.MLPACK-uploads/x",
        "mlflow-artifacts:/x/.mlpack-%75ploads",
        "s3://bucket/.mlpack-uploads/0",
    ],
    "characters": [
        "s3://bucket/a\0b",
        "s3://bucket/a\ud800",
        "/etc/passwd\0.txt",
        "s3://bucket/a\nb",
        "s3://bucket/a\x1b[31m",
        "s3://bucket/\u202ex",
        "s3://bucket/a%00b",
        "s3://bucket/a%0ab",
        "s3://bucket/" + "a" * 5000,
        " ",
        "",
        "\t/etc",
    ],
}


@pytest.fixture
def known(api):
    """A server with a name, a run and a logged model."""
    api.post("registered-models/create", name="m")
    run = api.run()
    body = {"experiment_id": "0", "name": "c", "source_run_id": run}
    model = api.post("logged-models", **body)["model"]["info"]["model_id"]
    api.patch(f"logged-models/{model}", status="LOGGED_MODEL_READY")
    return api, {"RUN": run, "MODEL": model}


def filled(text, ids):
    for word, value in ids.items():
        text = text.replace(word, value)
    return text


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_source_that_is_refused(known, attack):
    api, ids = known
    owners = [{}, {"run_id": ids["RUN"]}, {"model_id": ids["MODEL"]}]
    # a prompt of MLflow's, whose source was not looked at (CVE-2026-2614)
    owners.append({"tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    for source in ATTACKS[attack]:
        for owner in owners:
            given = {"name": "m", "source": filled(source, ids), **owner}
            answer = api.client.post("/api/2.0/mlflow/model-versions/create", json=given)
            assert answer.status_code in (400, 404), (source, owner, answer.json)
            assert answer.json["error_code"] in (BAD, "RESOURCE_DOES_NOT_EXIST"), answer.json
            assert "secret" not in answer.json["message"] or "secret" in source
    assert api.get("model-versions/search")["model_versions"] == []


@pytest.mark.parametrize("attack", [name for name in ATTACKS if name != "characters"])
def test_what_a_database_holds_is_not_given_out(make_app, attack):
    """Versions of another server's database, or written beside this one."""
    app = make_app()
    api, registry, store = Api(app.test_client()), app.config["registry"], app.config["store"]
    run = store.create_run("0", "r", "u", 1, []).info.run_id
    model = store.create_logged_model("0", "c", run)
    store.finalize_logged_model(model.model_id, "READY")
    ids = {"RUN": run, "MODEL": model.model_id}
    registry.create_registered_model("m", {}, "", By())
    told = {"tags": {}, "description": "", "by": By()}
    for source in ATTACKS[attack]:
        if not source.strip() or source == "models:/m/1/more":
            continue
        for more in ({}, {"run_id": run}, {"run_id": run, "model_id": model.model_id}):
            where = filled(source, ids)
            made = [
                registry.create_model_version("m", where, **told, **more),
                registry.create_model_version("m", "s3:/odd", location=where, **told, **more),
            ]
            for version in made:
                given = {"name": "m", "version": version.version}
                answer = api.client.get(
                    "/api/2.0/mlflow/model-versions/get-download-uri", query_string=given
                )
                assert answer.status_code in (400, 404), (source, answer.json)


def test_what_is_allowed(known):
    api, ids = known
    for source in (
        "s3://bucket",
        "s3://bucket/a b/ünï/100%/x",
        "gs://bucket/x/",
        "az://container/x",
        "abfss://container@account.dfs.core.windows.net/x",
        "runs:/RUN/any/path",
        "runs:/RUN/ünï 100%",
        "models:/MODEL",
        "models:/MODEL/sub",
        "mlflow-artifacts:/0/RUN/artifacts/a..b",
        "mlflow-artifacts:/elsewhere",
    ):
        api.post("model-versions/create", name="m", source=filled(source, ids))


def _beside(tmp_path):
    """A run whose files are in a folder of its own, as they are without a server."""
    local = SqlStore(tmp_path / "mlruns")
    number = local.create_experiment("x", str(tmp_path / "own"))
    run = local.create_run(number, "r", "u", 1, []).info
    other = local.create_run(number, "r", "u", 1, []).info
    folder = tmp_path / "own" / run.run_id / "artifacts"
    (folder / "m").mkdir(parents=True)
    (folder / "m" / "MLmodel").write_text("flavors: {f: {}}")
    return folder, run, other


def test_a_folder_of_the_run_and_no_other(make_app, tmp_path):
    """A folder is taken from who says whose it is, and only below that run's own."""
    folder, run, other = _beside(tmp_path)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "f").write_text("s")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to("../../../..")
    api = Api(make_app(allowed_artifact_roots=(str(tmp_path / "own"),)).test_client())
    api.post("registered-models/create", name="m")
    for source in (f"{folder}/m", f"file://{folder}/m", f"file:{folder}/m"):
        given = {"name": "m", "source": source, "run_id": run.run_id}
        made = api.post("model-versions/create", **given)["model_version"]
        found = api.get("model-versions/files", name="m", version=made["version"])["files"]
        assert [each["key"] for each in found] == ["MLmodel"]
        which = {"name": "m", "version": made["version"]}
        assert api.get("model-versions/get-download-uri", **which) == {"artifact_uri": source}
        api.refused("post", "model-versions/create", 400, BAD, name="m", source=source)
        given["run_id"] = other.run_id
        api.refused("post", "model-versions/create", 400, BAD, **given)
    escapes = ["link", "link/f", "deep/up", "deep/up/secret", "../../secret", "m/../../.."]
    for where in [f"{folder}/{escape}" for escape in escapes] + [
        f"{folder}x",
        f"{folder.parent}",
        str(tmp_path / "own"),
        f"{folder}/m/%2e%2e/%2e%2e",
        os.path.relpath(folder),
    ]:
        given = {"name": "m", "source": where, "run_id": run.run_id}
        api.refused("post", "model-versions/create", 400, BAD, **given)


def test_files_behind_a_link_are_not_the_versions(make_app, tmp_path):
    """A link among a run's files, put there by other ways, leads to nothing (CVE-2023-1176)."""
    folder, run, _ = _beside(tmp_path)
    (tmp_path / "secret").write_text("s")
    (folder / "m" / "link").symlink_to(tmp_path / "secret")
    api = Api(make_app(allowed_artifact_roots=(str(tmp_path / "own"),)).test_client())
    api.post("registered-models/create", name="m")
    given = {"name": "m", "source": f"runs:/{run.run_id}/m"}
    api.post("model-versions/create", **given)
    found = api.get("model-versions/files", name="m", version="1")["files"]
    assert [each["key"] for each in found] == ["MLmodel"]


def test_a_folder_that_becomes_a_link(make_app, tmp_path):
    """What was allowed when it was registered is looked at again when it is given out."""
    folder, run, _ = _beside(tmp_path)
    api = Api(make_app(allowed_artifact_roots=(str(tmp_path / "own"),)).test_client())
    api.post("registered-models/create", name="m")
    given = {"name": "m", "source": f"{folder}/m", "run_id": run.run_id}
    api.post("model-versions/create", **given)
    (folder / "m" / "MLmodel").unlink()
    (folder / "m").rmdir()
    (folder / "m").symlink_to("/etc")
    which = {"name": "m", "version": "1"}
    api.refused("get", "model-versions/get-download-uri", 400, BAD, **which)


def test_copies_in_a_circle(make_app):
    """Each of two versions is said to be a copy of the other."""
    app = make_app()
    api, registry = Api(app.test_client()), app.config["registry"]
    told = {"tags": {}, "description": "", "by": By()}
    for name, other in (("a", "b"), ("b", "a")):
        registry.create_registered_model(name, {}, "", By())
        registry.create_model_version(name, f"models:/{other}/1", **told)
    which = {"name": "a", "version": "1"}
    answer = api.client.get("/api/2.0/mlflow/model-versions/get-download-uri", query_string=which)
    assert answer.status_code in (400, 404)
    given = {"name": "a", "source": "models:/b/1"}
    assert api.client.post("/api/2.0/mlflow/model-versions/create", json=given).status_code < 500
