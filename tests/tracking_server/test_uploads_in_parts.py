"""Large files in parts: the protocol, what goes wrong in it, and who must not use it."""

import io
import os
import re
from urllib.parse import quote, urlsplit

import pytest

from mlpack.artifacts.uploads import DAY, Uploads

BAD = "INVALID_PARAMETER_VALUE"
BASE = "/api/2.0/mlflow-artifacts"


class Sender:
    """One upload by a client."""

    def __init__(self, client, folder="0/run/artifacts", name="big.bin", parts=3):
        self.client, self.folder, self.name = client, folder, name
        begun = self.step("create", num_parts=parts)
        assert begun.status_code == 200, begun.json
        self.upload = begun.json["upload_id"]
        self.urls = {each["part_number"]: each["url"] for each in begun.json["credentials"]}

    def step(self, step, folder=None, **body):
        address = f"{BASE}/mpu/{step}/{self.folder if folder is None else folder}"
        return self.client.post(address, json={"path": f"/home/me/{self.name}", **body})

    def send(self, number, data):
        answer = self.client.put(urlsplit(self.urls[number]).path, data=data)
        assert answer.status_code == 200, answer.json
        return {"part_number": number, "etag": answer.headers["ETag"], "url": "any"}

    def complete(self, parts, **more):
        return self.step("complete", upload_id=self.upload, parts=parts, **more)

    @property
    def content(self):
        answer = self.client.get(f"{BASE}/artifacts/{self.folder}/{self.name}")
        return answer.data if answer.status_code == 200 else None


@pytest.fixture
def sender(client):
    return Sender(client)


@pytest.fixture
def kept(tmp_path):
    """A function that gives the files kept for uploads."""
    folder = tmp_path / "mlruns" / ".mlpack-uploads"
    return lambda: sorted(path.name for path in folder.rglob("*") if path.is_file())


def refused(answer, status, code, pattern=""):
    assert (answer.status_code, answer.json["error_code"]) == (status, code), answer.json
    assert re.search(pattern, answer.json["message"]), answer.json


def test_parts_in_any_order_become_one_file(sender, kept):
    sent = [sender.send(number, data) for number, data in {3: b"c", 1: b"aaa", 2: b""}.items()]
    assert sender.content is None
    listed = sender.client.get(f"{BASE}/artifacts").json["files"]
    assert listed == []
    done = sender.complete(sent)
    assert (done.status_code, done.json) == (200, {})
    assert sender.content == b"aaac"
    assert kept() == ["manifest"]


def test_addresses_of_parts_are_of_this_server(client, make_app):
    pattern = rf"http://localhost{BASE}/mpu-part/[0-9a-f]{{56}}/1"
    assert re.fullmatch(pattern, Sender(client).urls[1])
    public = make_app(public_url="https://ml.example.com/mlflow/").test_client()
    url = Sender(public).urls[1]
    assert url.startswith(f"https://ml.example.com/mlflow{BASE}/mpu-part/")
    info = public.get("/api/3.0/mlflow/server-info").json
    assert (info["multipart_uploads_enabled"], info["multipart_downloads_enabled"]) == (True, False)
    # other clients are told only where the address is known to be right
    info = client.get("/api/3.0/mlflow/server-info").json
    assert info["multipart_uploads_enabled"] is False


def test_a_part_again_counts_as_the_client_says(sender, kept):
    first = sender.send(1, b"broken")
    again = sender.send(1, b"whole ")
    assert first["etag"] != again["etag"]
    rest = [sender.send(2, b"and "), sender.send(3, b"good")]
    assert sender.complete([again, *rest]).status_code == 200
    assert sender.content == b"whole and good" and kept() == ["manifest"]


def test_complete_again_after_a_lost_answer(sender):
    sent = [sender.send(number, b"x") for number in (1, 2, 3)]
    assert sender.complete(sent).status_code == 200
    assert sender.complete(sent[::-1]).status_code == 200
    other = [{**sent[0], "etag": "0" * 32}, *sent[1:]]
    refused(sender.complete(other), 400, "INVALID_STATE", "with other parts")
    late = sender.client.put(urlsplit(sender.urls[1]).path, data=b"late")
    refused(late, 400, "INVALID_STATE", "takes no more parts")
    assert sender.content == b"xxx"


def test_parts_that_are_missing_or_not_as_they_were_sent(sender, kept):
    sent = [sender.send(number, b"x") for number in (1, 2, 3)]
    refused(sender.complete(sent[:2]), 400, BAD, "Name each part from 1 to 3 once")
    refused(sender.complete([sent[0], *sent[:2]]), 400, BAD, "Name each part")
    refused(sender.complete([]), 400, BAD, "Name each part")
    for etag in ('"nonsense"', "../../../0/run/secret", sent[1]["etag"]):
        wrong = [{**sent[0], "etag": etag}, *sent[1:]]
        refused(sender.complete(wrong), 400, BAD, "Part 1 was not received with that ETag")
    for part in ({"part_number": 1}, {"part_number": "one", "etag": "x"}, "x"):
        refused(sender.complete([part]), 400, BAD)
    assert sender.content is None and len(kept()) == 4
    assert sender.complete(sent).status_code == 200


def test_an_upload_is_for_one_file(sender):
    sent = [sender.send(number, b"x") for number in (1, 2, 3)]
    other = Sender(sender.client, name="other.bin")
    for step in ("complete", "abort"):
        body = {"upload_id": sender.upload, "parts": sent}
        refused(other.step(step, **body), 400, BAD, "not begun for")
        refused(sender.step(step, folder="1/run/artifacts", **body), 400, BAD, "not begun for")
    refused(other.complete(sent), 400, BAD, "not received")
    assert sender.complete(sent).status_code == 200 and other.content is None


def test_abort(sender, kept):
    sent = [sender.send(number, b"x") for number in (1, 2, 3)]
    assert sender.step("abort", upload_id=sender.upload).status_code == 200
    assert kept() == []
    for answer in (
        sender.step("abort", upload_id=sender.upload),
        sender.complete(sent),
        sender.client.put(urlsplit(sender.urls[1]).path, data=b"late"),
    ):
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST", "no such upload")
    assert sender.content is None and kept() == []


@pytest.mark.parametrize("count", [0, -1, 10_001, "many", 1.5, True, 2**70])
def test_numbers_of_parts_that_are_refused(client, count, kept):
    body = {"path": "a", "num_parts": count}
    refused(client.post(f"{BASE}/mpu/create/0", json=body), 400, BAD)
    assert kept() == []


def test_the_most_parts(client):
    assert len(Sender(client, parts=10_000).urls) == 10_000


def test_parts_that_do_not_exist(sender):
    path = urlsplit(sender.urls[1]).path
    for number in ("0", "4", "10001", "9" * 30):
        refused(sender.client.put(f"{path[:-1]}{number}", data=b"x"), 400, BAD, "parts 1 to 3")
    for number in ("-1", "x", "1.5", "..%2f1"):
        assert sender.client.put(f"{path[:-1]}{number}", data=b"x").status_code == 404
    unknown = f"{BASE}/mpu-part/{'0' * 56}/1"
    refused(sender.client.put(unknown, data=b"x"), 404, "RESOURCE_DOES_NOT_EXIST")
    for upload in ("..", "%2e%2e", "0" * 55, "../../0"):
        answer = sender.client.put(f"{BASE}/mpu-part/{upload}/1", data=b"x")
        assert answer.status_code in (400, 404)
        answer = sender.step("complete", upload_id=upload, parts=[])
        assert answer.status_code == 404
        assert sender.step("abort", upload_id=upload).status_code == 404


def test_half_a_part_leaves_nothing(sender, kept):
    environ = {"wsgi.input": io.BytesIO(b"a part of a part"), "CONTENT_LENGTH": "1000"}
    path = urlsplit(sender.urls[1]).path
    refused(sender.client.put(path, environ_overrides=environ), 400, BAD, "broke off")
    assert kept() == ["manifest"]
    headers = {"Content-Encoding": "gzip"}
    assert sender.client.put(path, data=b"x", headers=headers).status_code == 415


WAYS_OUT = ["../secret", "%2e%2e/secret", "%252e%252e/secret", "/etc", "a/../../b", "~/x", "c:/x"]
WAYS_OUT += ["a\\..\\b", "a%5c..%5cb", "a%00", "a#b", "a%3fb", "link"]


@pytest.mark.parametrize("folder", WAYS_OUT)
def test_no_way_out_of_the_folder(client, tmp_path, folder):
    (tmp_path / "mlruns").mkdir(exist_ok=True)
    os.symlink(tmp_path, tmp_path / "mlruns" / "link")
    before = set(tmp_path.rglob("*"))
    answer = client.post(f"{BASE}/mpu/create/{quote(folder, safe='/%:')}", json={"path": "x"})
    assert answer.status_code in (200, 400, 404), answer.json
    if answer.status_code == 200:  # a link is followed when the file is made
        upload = answer.json["upload_id"]
        url = urlsplit(answer.json["credentials"][0]["url"]).path
        parts = [{"part_number": 1, "etag": client.put(url, data=b"evil").headers["ETag"]}]
        body = {"path": "x", "upload_id": upload, "parts": parts}
        done = client.post(f"{BASE}/mpu/complete/{quote(folder, safe='/%:')}", json=body)
        assert done.status_code == 400, done.json
    fresh = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert all(path.is_relative_to(tmp_path / "mlruns" / ".mlpack-uploads") for path in fresh)


@pytest.mark.parametrize("name", ["..", ".", "/", "a/", "a\\..", "..%2fx", "%2e%2e", "a\0b", ""])
def test_names_that_are_no_names(client, name):
    refused(client.post(f"{BASE}/mpu/create/0", json={"path": name}), 400, BAD)


@pytest.mark.parametrize(
    ("sent", "name"), [("C:\\Users\\me\\m.bin", "m.bin"), ("m.bin", "m.bin"), ("/a b/ü", "ü")]
)
def test_the_name_of_a_file_elsewhere(client, sent, name):
    begun = client.post(f"{BASE}/mpu/create/", json={"path": sent}).json
    url = urlsplit(begun["credentials"][0]["url"]).path
    parts = [{"part_number": 1, "etag": client.put(url, data=b"1").headers["ETag"]}]
    body = {"path": sent, "upload_id": begun["upload_id"], "parts": parts}
    assert client.post(f"{BASE}/mpu/complete/", json=body).status_code == 200
    assert client.get(f"{BASE}/artifacts/{name}").data == b"1"


@pytest.mark.parametrize("hidden", [".mlpack-uploads", ".MLPACK-uploads", "%2emlpack-uploads"])
def test_what_is_kept_for_uploads_is_nobodys_to_see(api, sender, hidden):
    client = api.client
    sender.send(1, b"secret")
    inside = f"{hidden}/{sender.upload}/manifest"
    for path in (hidden, inside, f"{hidden}/{sender.upload}"):
        for method in (client.get, client.put, client.delete):
            refused(method(f"{BASE}/artifacts/{path}"), 400, BAD, "reserved")
        refused(client.get(f"{BASE}/artifacts", query_string={"path": path}), 400, BAD, "reserved")
        refused(client.get(f"{BASE}/presigned/{path}"), 400, BAD, "reserved")
        refused(client.post(f"{BASE}/mpu/create/{path}", json={"path": "x"}), 400, BAD, "reserved")
    location = f"mlflow-artifacts:/{hidden}"
    made = api.post("experiments/create", name="x", artifact_location=location)
    run = api.run(made["experiment_id"])
    refused(client.get("/get-artifact", query_string={"run_id": run, "path": "x"}), 400, BAD)
    everywhere = api.post("experiments/create", name="y", artifact_location="mlflow-artifacts:/")
    run = api.run(everywhere["experiment_id"])
    assert b"uploads" not in client.get(f"/runs/{run}").data


def test_uploads_that_were_given_up(client, tmp_path, monkeypatch, kept):
    from click.testing import CliRunner

    from mlpack.artifacts import uploads
    from mlpack.artifacts.open import open_artifacts
    from mlpack.cli.main import cli

    old, slow = Sender(client), Sender(client)
    old.send(1, b"x")
    now = uploads.time.time
    monkeypatch.setattr(uploads.time, "time", lambda: now() + DAY / 2)
    slow.send(1, b"x")
    monkeypatch.setattr(uploads.time, "time", lambda: now() + DAY + 60)
    found = Uploads(open_artifacts(str(tmp_path / "mlruns")))
    assert found.abandoned() == [old.upload]
    arguments = ["gc", "--tracking-uri", str(tmp_path / "mlruns")]
    asked = CliRunner().invoke(cli, [*arguments, "--dry-run"])
    assert f"Would remove upload {old.upload}" in asked.output and len(kept()) == 4
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert found.abandoned() == [] and len(kept()) == 2
    slow.send(2, b"still at it")
    # nobody has to run gc: who begins an upload tidies up
    monkeypatch.setattr(uploads.time, "time", lambda: now() + 3 * DAY)
    Sender(client)
    assert kept() == ["manifest"]


def test_without_transfer_of_files(make_app):
    client = make_app(serve_artifacts=False).test_client()
    for answer in (
        client.post(f"{BASE}/mpu/create/0", json={"path": "x"}),
        client.put(f"{BASE}/mpu-part/{'0' * 56}/1", data=b"x"),
    ):
        refused(answer, 400, "INVALID_STATE", "--no-serve-artifacts")
