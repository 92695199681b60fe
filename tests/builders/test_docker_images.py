"""Images through a real engine: what they are, how they answer, what is shared between them."""

import json
import shutil
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import BuildSpec, BuiltImage, Progress
from mlpack.builders.context import write_context
from mlpack.builders.docker import DockerBuilder

pytestmark = pytest.mark.docker

# Sums what the wheels of the model's own requirements, and of theirs, unpack to.
WEIGH = """
import importlib.metadata as m, json, re, sys
todo, seen, total = json.loads(sys.argv[1]), set(), 0
while todo:
    name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
    if name in seen:
        continue
    seen.add(name)
    dist = m.distribution(name)
    total += sum(file.size or 0 for file in dist.files)
    for line in dist.requires or ():
        if "extra ==" not in line:
            todo.append(re.match(r"[A-Za-z0-9._-]+", line)[0])
print(total)
"""


@pytest.fixture
def hardened(docker_engine: Any, iris_image: BuiltImage) -> Iterator[Any]:
    """The image as a careful operator and SageMaker would run it."""
    container = docker_engine.containers.run(
        iris_image.id,
        ["serve"],
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        user="12345",
        ports={"8080/tcp": ("127.0.0.1", None)},
    )
    yield container
    container.remove(force=True)


def address(container: Any) -> str:
    container.reload()
    return f"http://127.0.0.1:{container.ports['8080/tcp'][0]['HostPort']}"


def wait_until_ready(container: Any) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        container.reload()
        assert container.status == "running", container.logs().decode()
        try:
            urllib.request.urlopen(f"{address(container)}/ping", timeout=10)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(container.logs().decode())


def test_facts(docker_engine: Any, iris_image: BuiltImage) -> None:
    config = docker_engine.images.get(iris_image.id).attrs["Config"]
    user, group = config["User"].split(":")
    assert user.isdecimal() and int(user) > 0 and group.isdecimal()
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["python", "-m", "mlpack.serve"]
    assert config["Cmd"] == ["serve"]
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "iris"
    assert labels["mlpack.model.digest"] == iris_image.model_digest
    assert {"mlpack.version", "org.opencontainers.image.created"} <= set(labels)


def test_it_is_light(docker_engine: Any, iris_image: BuiltImage, iris_model: Path) -> None:
    """At most 30 MB over the base image and what the requirements weigh, bytecode included."""
    names = (iris_model / "requirements.txt").read_text().replace("==", " ").split()[::2]
    out = docker_engine.containers.run(
        iris_image.id, ["-c", WEIGH, json.dumps(names)], entrypoint="python", remove=True
    )
    sizes: Counter[str] = Counter()
    for layer in iris_image.layers:
        sizes[layer.part] += layer.size
    assert sum(sizes.values()) - sizes["base"] - int(out) < 30_000_000
    assert sizes["runtime"] < 3_000_000
    assert sizes["model"] < 200_000  # with the bill of materials


def test_nothing_is_left_of_the_installation(docker_engine: Any, iris_image: BuiltImage) -> None:
    code = (
        "import importlib.util as u, os, pathlib;"
        "assert not [n for n in ('pip', 'uv', 'mlflow', 'mlpack.cli') if u.find_spec(n)];"
        "assert os.listdir('/tmp') == [], os.listdir('/tmp');"
        "assert not pathlib.Path('/opt/venv/.lock').exists();"
        "import sklearn; assert sklearn.__cached__ and os.path.exists(sklearn.__cached__)"
    )
    docker_engine.containers.run(iris_image.id, ["-c", code], entrypoint="python", remove=True)


def test_answers_read_only_without_rights_as_any_user(hardened: Any, iris_model: Path) -> None:
    wait_until_ready(hardened)
    body = (iris_model / "serving_input_example.json").read_bytes()
    request = urllib.request.Request(
        f"{address(hardened)}/invocations", body, {"Content-Type": "application/json"}
    )
    assert json.load(urllib.request.urlopen(request)) == {"predictions": [0, 0]}
    columns = json.load(urllib.request.urlopen(f"{address(hardened)}/v2/models/model"))["inputs"]
    inputs = [{**column, "shape": [1], "data": [1.5]} for column in columns]
    infer = f"{address(hardened)}/v2/models/model/infer"
    answer = json.load(urllib.request.urlopen(infer, json.dumps({"inputs": inputs}).encode()))
    assert answer["outputs"][0]["shape"] == [1]
    for path in ("/", "/metrics", "/openapi.json", "/web/page.js", "/web/page.css"):
        assert urllib.request.urlopen(f"{address(hardened)}{path}").read()
    request.data = b"{"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    test = hardened.image.attrs["Config"]["Healthcheck"]["Test"][1:]
    assert hardened.exec_run(test).exit_code == 0

    # SageMaker and `docker stop` send SIGTERM; one that had to be killed would say 137
    hardened.stop(timeout=60)
    hardened.reload()
    assert hardened.attrs["State"]["ExitCode"] == 0


def test_another_model_shares_everything_but_the_last_layer(
    docker_engine: Any, iris_image: BuiltImage, iris_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(iris_model, other)
    (other / "note.txt").write_text("another model, the same requirements")
    seen: list[Progress] = []
    image = DockerBuilder().build(
        BuildSpec(other, "mlpack-test/iris:other", trust=True), seen.append
    )
    one, two = (
        docker_engine.images.get(each.id).attrs["RootFS"]["Layers"] for each in (iris_image, image)
    )
    assert one[:-2] == two[:-2]  # the model, and the bill of materials
    assert one[-1] != two[-1]
    assert [event.part for event in seen if event.kind == "cached"] == ["dependencies", "runtime"]
    assert not [event for event in seen if event.kind == "log"]
    assert [layer.cached for layer in image.layers] == [True, True, True, False, False]
    docker_engine.images.remove(image.id, force=True)


def test_the_same_model_again_is_all_cached(iris_image: BuiltImage, iris_model: Path) -> None:
    again = DockerBuilder().build(BuildSpec(iris_model, "mlpack-test/iris:shared", trust=True))
    assert again.id == iris_image.id
    assert all(layer.cached for layer in again.layers)


def test_the_written_context_builds_the_same(
    docker_engine: Any, iris_image: BuiltImage, iris_model: Path, tmp_path: Path
) -> None:
    spec = BuildSpec(iris_model, "mlpack-test/iris:shared", trust=True)
    write_context(spec, tmp_path / "context")
    image, _ = docker_engine.images.build(path=str(tmp_path / "context"), rm=True)
    # but for the bill of materials, which is made when it is known what was installed
    assert image.id == docker_engine.images.get(iris_image.id).attrs["Parent"]
