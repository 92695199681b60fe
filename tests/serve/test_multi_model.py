"""A server of which the models come and go, in several workers."""

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlpack.errors import BadModel, Conflict, InvalidInput, NotFound, OutOfMemory
from mlpack.flavors import integrity
from mlpack.serve import memory, multi_model, shelf
from mlpack.serve.roster import Roster
from mlpack.serve.settings import ServeSettings
from mlpack.serve.shelf import Shelf, Source

from .real import Server, eventually, save_obedient

ORDER = json.dumps({"inputs": ["pid"]})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of folders, as SageMaker fills it: one model is in several."""
    made = tmp_path_factory.mktemp("models")
    first = save_obedient(made / "one" / "model")
    for name in ("two", "three", "other"):
        shutil.copytree(first, made / name / "model")
    (made / "other" / "model" / "note.txt").write_text("nobody vouches for this one")
    (made / "empty" / "model").mkdir(parents=True)
    return made


@pytest.fixture(scope="module")
def digest(root):
    return digest_of(root / "one" / "model")


def digest_of(folder):
    return integrity.digest(integrity.manifest(folder))


def start(root, digest, tmp_path, *options, **environ):
    environ = {
        "SAGEMAKER_MULTI_MODEL": "true",
        "MLPACK_MULTI_MODEL_ROOT": str(root),
        "MLPACK_MODEL_DIGESTS_1": digest,
        "MLPACK_TRUST_MODEL": "0",
        **environ,
    }
    return Server(None, tmp_path, "--workers", "2", *options, **environ)


def load(server, root, name, url=None):
    body = json.dumps({"model_name": name, "url": url or str(root / name / "model")})
    return server.request("POST", "/models", body)


def invoke(server, name):
    return server.request("POST", f"/models/{name}/invoke", ORDER)


@pytest.mark.server
def test_a_life(root, digest, tmp_path):
    with start(root, digest, tmp_path) as server:
        assert server.ask("GET", "/ping")[0] == 200
        assert server.request("GET", "/models") == (200, {"models": []})
        assert invoke(server, "one")[0] == 404
        assert server.request("DELETE", "/models/one")[0] == 404
        with ThreadPoolExecutor(8) as pool:  # all at once, by whichever worker
            codes = [code for code, _ in pool.map(lambda _: load(server, root, "one"), range(8))]
        assert sorted(codes) == [200] + [409] * 7
        assert load(server, root, "two")[0] == 200
        told = {"modelName": "one", "modelUrl": str(root / "one" / "model")}
        assert server.request("GET", "/models/one") == (200, told)
        assert [m["modelName"] for m in server.request("GET", "/models")[1]["models"]] == [
            "one",
            "two",
        ]

        def both_workers_answer():
            return len({str(invoke(server, "one")[1]["predictions"]) for _ in range(20)}) == 2

        eventually(both_workers_answer)
        _, headers, _ = server.ask(
            "POST",
            "/models/one/invoke",
            ORDER,
            {"Content-Type": "application/json", "X-Amzn-SageMaker-Custom-Attributes": "trace=7"},
        )
        assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=7"
        assert server.request("DELETE", "/models/one")[0] == 200
        assert {invoke(server, "one")[0] for _ in range(20)} == {404}
        assert invoke(server, "two")[0] == 200
        assert load(server, root, "one")[0] == 200  # again, by the same name
        assert {invoke(server, "one")[0] for _ in range(20)} == {200}

        code, body = load(server, root, "other")
        assert code == 400 and "nobody vouches" in body["message"], body
        assert load(server, root, "empty")[0] == 400
        assert invoke(server, "other")[0] == 404
        for path in ("/invocations", "/models/one", "/models/one/invoke/x"):
            assert server.request("POST", path, ORDER)[0] in (404, 405)
        text = server.ask("GET", "/metrics")[2].decode()
        assert 'route="/models/{name}/invoke"' in text
        assert server.stop() == 0
    assert "Traceback" not in server.text


@pytest.mark.server
def test_loads_unloads_and_requests_at_once(root, digest, tmp_path):
    with start(root, digest, tmp_path) as server:
        stop = threading.Event()
        seen = set()

        def ask(name):
            while not stop.is_set():
                seen.add(invoke(server, name)[0])

        def come_and_go(name):
            codes = set()
            for _ in range(8):
                codes.add(load(server, root, name)[0])
                codes.add(server.request("DELETE", f"/models/{name}")[0])
            return codes

        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(ask, name) for name in ("one", "two", "two")]
            changing = [pool.submit(come_and_go, name) for name in ("one", "two", "two")]
            codes = set().union(*(each.result() for each in changing))
            stop.set()
            for each in asking:
                each.result()
        assert codes <= {200, 404, 409} and seen <= {200, 404}
        assert server.request("GET", "/models") == (200, {"models": []})
        server.stop()
    assert "Traceback" not in server.text


@pytest.mark.server
def test_a_worker_that_dies_takes_nothing_with_it(root, digest, tmp_path):
    with start(root, digest, tmp_path) as server:
        load(server, root, "one")
        pid = invoke(server, "one")[1]["predictions"]
        os.kill(int(pid[0] if isinstance(pid, list) else pid), 9)

        def answers():
            try:
                return invoke(server, "one")[0] == 200
            except OSError:
                return False

        eventually(answers)
        assert load(server, root, "one")[0] == 409


@pytest.mark.server
def test_more_than_fits(root, digest, tmp_path):
    size = sum(f.stat().st_size for f in (root / "one" / "model").rglob("*") if f.is_file())
    room = {"MLPACK_MULTI_MODEL_MEMORY": str(size * 4)}  # two models in two workers
    with start(root, digest, tmp_path, **room) as server:
        assert [load(server, root, name)[0] for name in ("one", "two", "three")] == [200, 200, 507]
        assert invoke(server, "three")[0] == 404
        assert server.request("DELETE", "/models/one")[0] == 200
        assert load(server, root, "three")[0] == 200
        assert invoke(server, "three")[0] == 200


def test_what_is_asked_for_wrongly(root, client_of):
    client = client_of(root)
    outside = root.parent / "outside"
    outside.mkdir(exist_ok=True)
    (root / "link").exists() or (root / "link").symlink_to(outside)
    for url in (
        *("/etc", "/", "", str(root), str(root / ".." / "outside"), str(root / "link")),
        *("one/model", "../one", "file:///etc", f"{root}/one\0", "/" + "x" * 5000, "s3://b/k"),
    ):
        answer = client.post("/models", json={"model_name": "x", "url": url})
        assert answer.status_code == 400, url
        assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE", url
    for name in ("", "a/b", "..", ".x", "a b", "x" * 300, 7, None, ["x"], "ä", "x\n"):
        url = str(root / "one" / "model")
        assert client.post("/models", json={"model_name": name, "url": url}).status_code == 400
    for body in (b"", b"{", b"[]", b"7", b"null", b'{"model_name": "x"}', b"\xff"):
        assert client.post("/models", data=body).status_code == 400, body
    assert client.post("/models", data=b"x" * 70_000).status_code == 413
    missing = {"model_name": "x", "url": str(root / "missing")}
    assert client.post("/models", json=missing).status_code == 400
    for path in ("/models/..%2fx/invoke", "/models//invoke", "/models/x%00/invoke"):
        assert client.post(path, data=ORDER).status_code == 404


def test_pages(root, client_of):
    client = client_of(root)
    for number in range(250):
        roster = client.shelf.roster
        roster.finish(f"m{number:03}", roster.begin(f"m{number:03}", "/x", 1))
    roster.begin("unfinished", "/x", 1)
    names, token = [], ""
    for size in (100, 100, 50):
        page = client.get("/models", query_string={"next_page_token": token} if token else {}).json
        names += [each["modelName"] for each in page["models"]]
        token = page.get("nextPageToken", "")
        assert len(page["models"]) == size
    assert not token and names == [f"m{number:03}" for number in range(250)]
    assert client.get("/models?next_page_token=%ff").json["models"] is not None


def test_the_memory_that_there_is(root, client_of, monkeypatch, tmp_path):
    monkeypatch.setattr(shelf.memory, "available", lambda: 10)
    asked = {"model_name": "one", "url": str(root / "one" / "model")}
    assert client_of(root).post("/models", json=asked).status_code == 507
    monkeypatch.undo()
    client = client_of(root, trust=True)

    def too_large(*_, **__):
        raise MemoryError

    monkeypatch.setattr("mlpack.flavors.load.load_model", too_large)
    assert client.post("/models", json=asked).status_code == 507
    assert client.get("/models").json == {"models": []}
    monkeypatch.undo()
    assert client.post("/models", json=asked).status_code == 200

    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 100\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   5 kB\n")
    assert memory.available(tmp_path, tmp_path / "none") == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available(tmp_path, tmp_path / "meminfo") == 5 * 1024
    assert memory.available(tmp_path, tmp_path / "none") is None


def test_only_what_is_vouched_for_is_trusted(root, digest, client_of):
    asked = {"model_name": "one", "url": str(root / "one" / "model")}
    assert client_of(root).post("/models", json=asked).status_code == 400
    trusting = client_of(root, digests=frozenset({digest}))
    assert trusting.post("/models", json=asked).status_code == 200
    other = {"model_name": "other", "url": str(root / "other" / "model")}
    code = root / "code" / "model"
    shutil.copytree(root / "one" / "model", code)
    (code / "code").mkdir()
    descriptor = code / "MLmodel"
    descriptor.write_text(descriptor.read_text().replace("code: null", "code: code"))
    brings_code = {"model_name": "code", "url": str(code)}
    assert trusting.post("/models", json=brings_code).status_code == 400
    assert trusting.post("/models", json=other).status_code == 400
    assert trusting.get("/models/other").status_code == 404


def test_variables(digest):
    hexadecimal = digest.removeprefix("sha256:")
    read = multi_model.source_from(
        {
            "MLPACK_MODEL_DIGESTS": f"{digest}, sha256:{'0' * 64}",
            "MLPACK_MODEL_DIGESTS_2": f"sha256:{'1' * 64}",
            "MLPACK_MODEL_DIGEST": f"a=sha256:{'2' * 64}",
        },
        False,
    )
    wanted = [hexadecimal, *(each * 64 for each in "012")]
    assert read.digests == {f"sha256:{each}" for each in wanted}
    with pytest.raises(InvalidInput, match="no digest"):
        multi_model.source_from({"MLPACK_MODEL_DIGESTS": "everything"}, False)
    assert multi_model.is_asked_for({"SAGEMAKER_MULTI_MODEL": "true"})
    assert not multi_model.is_asked_for(
        {"SAGEMAKER_MULTI_MODEL": "true", "MLPACK_MULTI_MODEL": "0"}
    )
    with pytest.raises(InvalidInput):
        multi_model.is_asked_for({"MLPACK_MULTI_MODEL": "maybe"})


def test_a_loader_that_died_holds_no_name():
    roster = Roster(budget=100)
    child = os.fork()
    if not child:
        roster.begin("x", "/x", 90)
        os._exit(0)
    with pytest.raises(Conflict):  # until it is known to be dead, which takes its parent's wait
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        roster.begin("x", "/x", 90)
    os.waitpid(child, 0)
    assert roster.entries["x"].loader == child
    generation = roster.begin("x", "/x", 90)
    with pytest.raises(OutOfMemory):
        roster.begin("y", "/y", 90)
    with pytest.raises(NotFound):
        roster.remove("x")
    roster.give_up("x", generation)
    assert dict(roster.entries) == {}


def test_links_in_a_model_lead_nowhere(root, tmp_path, digest):
    folder = tmp_path / "linked"
    shutil.copytree(root / "one" / "model", folder)
    (folder / "passwd").symlink_to("/etc/passwd")
    source = Source(tmp_path, frozenset({digest}))
    with pytest.raises(BadModel):
        Shelf(ServeSettings(), Roster(None), source).load("x", str(folder))


@pytest.fixture
def client_of():
    """A test client of the app, without a server."""

    def make(root, **also):
        made = Shelf(ServeSettings(), Roster(None), Source(root, **also))
        client = multi_model.create_app(made).test_client()
        client.shelf = made
        return client

    return make
