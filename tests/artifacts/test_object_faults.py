"""Object stores that are missing, refuse, go away; credentials from every source."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from mlpack.artifacts.open import open_artifacts
from mlpack.errors import (
    InvalidInput,
    InvalidState,
    MissingDependency,
    NotFound,
    StorageFailed,
    StorageUnavailable,
)

pytestmark = pytest.mark.cloud


def every_call(place, tmp_path):
    source = tmp_path / "every"
    source.mkdir(exist_ok=True)
    (source / "f.txt").write_text("x")
    return [
        lambda: place.put_file(source / "f.txt"),
        lambda: place.put_folder(source, "d"),
        lambda: place.list(),
        lambda: place.read("f.txt"),
        lambda: place.size("f.txt"),
        lambda: place.write("f.txt", [b"x"]),
        lambda: place.fetch("f.txt"),
        lambda: place.delete("f.txt"),
    ]


@pytest.mark.parametrize("kind", ["s3", "az", "gs"])
def test_a_bucket_that_does_not_exist(kind, use_server, tmp_path):
    use_server(kind)
    place = open_artifacts(f"{kind}://nobucket/x")
    calls = every_call(place, tmp_path)
    # fake-gcs-server lists what does not exist as empty
    for call in [calls[0], calls[5]] if kind == "gs" else [calls[0], calls[2], calls[5]]:
        with pytest.raises(NotFound, match="'nobucket' does not exist"):
            call()


def test_wrong_keys_are_not_repeated(use_server, monkeypatch, tmp_path):
    use_server("s3")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something-very-secret")
    for call in every_call(open_artifacts("s3://bucket/x"), tmp_path):
        with pytest.raises(StorageFailed, match="denies access to s3://bucket/x") as caught:
            call()
        assert "secret" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")
        assert not isinstance(caught.value, StorageUnavailable)


def test_a_user_who_may_only_read(use_server, monkeypatch, tmp_path):
    use_server("s3")
    open_artifacts("s3://bucket/readable").write("f.txt", [b"x"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDREADER00000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-reader")
    place = open_artifacts("s3://bucket/readable")
    assert b"".join(place.read("f.txt")) == b"x"
    with pytest.raises(StorageFailed, match=r"denies access.*\(AccessDenied\)"):
        place.write("g.txt", [b"x"])
    with pytest.raises(StorageFailed, match="denies access"):
        place.delete("f.txt")


def test_a_wrong_azure_key(use_server, monkeypatch):
    server = use_server("az")
    text = server.environment["AZURE_STORAGE_CONNECTION_STRING"].replace(
        "AccountKey=E", "AccountKey=F"
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    with pytest.raises(StorageFailed, match="Azure Blob Storage denies access"):
        open_artifacts("az://bucket/x").write("f", [b""])


@pytest.mark.parametrize("kind", ["s3", "az", "gs"])
def test_nobody_answers(kind, monkeypatch, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        text = f"AccountName=x;AccountKey=eA==;BlobEndpoint={url}/x"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        with pytest.raises(StorageUnavailable, match="does not answer") as caught:
            open_artifacts(f"{kind}://bucket/x").write("f", [b"x"])
    assert caught.value.http_status == 503
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"


def test_a_server_that_dies_in_the_middle(object_servers_module, tmp_path, monkeypatch):
    servers = object_servers_module
    with servers.s3(tmp_path / "s3") as server:
        servers.make_bucket(server, "s3", "bucket")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        place = open_artifacts("s3://bucket/x")
        place.write("large", (bytes(1 << 20) for _ in range(40)))
        pieces = place.read("large")
        next(pieces)

        def dying():
            for i in range(60):
                if i == 40:
                    server.process.kill()
                    server.process.wait()
                yield bytes(1 << 20)

        with pytest.raises(StorageUnavailable):
            place.write("other", dying())
        with pytest.raises(StorageUnavailable):
            place.fetch("large", tmp_path / "out")
        assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [3_000_000, 20_000_000])
def test_a_disk_that_is_full_leaves_nothing(object_place, tmp_path, size):
    object_place.write("d/small", [b"x"])
    object_place.write("d/large", [bytes(size)])
    out = tmp_path / "out"
    code = f"""
import resource
from pathlib import Path
from mlpack.artifacts.open import open_artifacts
from mlpack.errors import StorageFailed
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    open_artifacts({object_place.name!r}).fetch("d", Path({str(out)!r}))
except StorageFailed as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Cannot write the artifact 'd/large'" in done.stdout, done.stderr
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_an_upload_that_fails_takes_the_others_with_it(object_place, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    for i in range(40):
        (source / f"{i:02}").write_text("new")
    object_place.write("00", [b"old"])
    send = object_place._send

    def failing(path, name, advance):
        if name == "35":
            raise StorageFailed("it fails")
        send(path, name, advance)

    monkeypatch.setattr(object_place, "_send", failing)
    with pytest.raises(StorageFailed, match="it fails"):
        object_place.put_folder(source)
    assert [entry.path for entry in object_place.walk()] == ["00"]


def test_markers_of_folders_are_no_files(object_place, object_servers_module, use_server):
    server = use_server("s3")
    root = object_place.name.removeprefix("s3://").replace(" ", "%20").replace("\u00e4", "%C3%A4")
    for folder in ("", "d/"):
        object_servers_module._signed_put(server.url, server.environment, f"/{root}/{folder}", b"")
    object_place.write("d/f", [b"x"])
    assert [entry.path for entry in object_place.walk()] == ["d/f"]
    assert [entry.path for entry in object_place.list()] == ["d"]
    assert [entry.path for entry in object_place.list("d")] == ["d/f"]
    assert object_place.fetch("").joinpath("d", "f").read_bytes() == b"x"


def test_credentials_in_a_profile(use_server, monkeypatch, tmp_path):
    server = use_server("s3")
    key, secret = (
        server.environment[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    )
    lines = ["[work]", f"aws_access_key_id = {key}", f"aws_secret_access_key = {secret}"]
    (tmp_path / "credentials").write_text("\n".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(InvalidInput, match="no credentials in the default profile"):
        open_artifacts("s3://bucket/profile").write("f", [b"x"])
    monkeypatch.setenv("AWS_PROFILE", "work")
    place = open_artifacts("s3://bucket/profile")
    place.write("f", [b"x"])
    assert place.size("f") == 1
    monkeypatch.setenv("AWS_PROFILE", "none-such")
    with pytest.raises(InvalidInput, match="no credentials in the profile 'none-such'"):
        place.__class__("s3://bucket/profile").size("f")


def test_the_region_and_endpoint_of_other_tools(use_server, monkeypatch):
    server = use_server("s3")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.setenv(name, server.url)
        open_artifacts(f"s3://bucket/{name}").write("f", [b"x"])
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(InvalidInput, match="not an http"):
        open_artifacts("s3://bucket/x").list()


def test_one_account_in_the_address_and_another_in_the_environment(use_server):
    use_server("az")
    place = open_artifacts("abfss://bucket@other.dfs.core.windows.net/x")
    with pytest.raises(InvalidInput, match="in the account 'other', but AZURE_STORAGE_CONN"):
        place.list()


def test_an_address_in_azure_without_an_account():
    with pytest.raises(InvalidInput, match="names no storage account"):
        open_artifacts("az://bucket/x").list()


@pytest.mark.parametrize("extra", ["{", "[]", json.dumps({"ACL": "private"})])
def test_arguments_for_uploads_that_are_not_known(extra, use_server, monkeypatch):
    use_server("s3")
    monkeypatch.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", extra)
    with pytest.raises(InvalidInput, match="ServerSideEncryption and SSEKMSKeyId"):
        open_artifacts("s3://bucket/x").write("f", [b""])


def test_a_forked_process_is_told(object_place):
    object_place.write("f", [b"x"])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            object_place.size("f")
        except InvalidState as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        assert "forked" in told.read()


def test_many_threads_share_a_place(object_place):
    errors = []

    def work(i):
        try:
            object_place.write(f"{i}", [bytes([i])])
            assert b"".join(object_place.read(f"{i}")) == bytes([i])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(list(object_place.walk())) == 24


def test_the_library_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingDependency, match=r"pip install 'mlpack-toolkit\[cloud\]'"):
        open_artifacts("s3://bucket/x").list()


MALFORMED = ["s3://", "s3:///x", "s3://a/..", "s3://bucket/a/../b", "s3://key:secret@bucket/x"]
MALFORMED += ["s3://bucket/%2e%2e/x", "s3://bucket/a?b", "s3://bucket/a#b", "gs://bücket/x"]
MALFORMED += [
    "wasbs://bucket/x",
    "wasbs://c@account.dfs.core.windows.net/x",
    "abfss://c@evil.com/x",
]
MALFORMED += ["wasbs://c@account.blob.core.windows.net:80/x", "az://a"]


@pytest.mark.parametrize("uri", MALFORMED)
def test_addresses_that_are_malformed(uri):
    with pytest.raises(InvalidInput) as caught:
        open_artifacts(uri)
    assert "secret" not in str(caught.value)
