"""Base images on an engine: fetched when they are missing, pinned, refused; and system packages."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, ImageNotFound

from mlpack.builders import system
from mlpack.builders.base import BuildSpec, Output, Progress, ignore
from mlpack.builders.context import make_context
from mlpack.builders.docker import DockerBuilder
from mlpack.builders.docker_base import find_base
from mlpack.builders.inspect.image_sbom import read_sbom
from mlpack.builders.oci.layout import read_layout
from mlpack.builders.oci.spec import sha256
from mlpack.builders.prepare import check_spec
from mlpack.errors import BuildFailed, InvalidInput

DIGEST = "sha256:" + "a" * 64
MLMODEL = """\
flavors:
  python_function:
    {loader_module: mlflow.pyfunc.model, python_version: 3.11.2, python_model: x.pkl}
model_uuid: 12e6c174379849eeb366479b59b71e04
"""


class Api:
    """An engine's images, and those that a registry would give."""

    def __init__(self, here: Mapping[str, Any], there: Mapping[str, Any] | None = None) -> None:
        self.here, self.there = dict(here), there or {}
        self.pulled: list[tuple[str, str | None, str | None]] = []
        self.api = self

    def inspect_image(self, name: str) -> Any:
        if name not in self.here:
            raise ImageNotFound(name)
        return self.here[name]

    def pull(
        self, repository: str, tag: str | None, platform: str | None, **_: Any
    ) -> Iterator[Any]:
        self.pulled.append((repository, tag, platform))
        name = f"{repository}:{tag}" if tag else repository
        if name not in self.there:
            raise APIError("no", explanation=f"no such manifest: {name}")
        yield {"status": "Downloading", "progressDetail": {"current": 1, "total": 2}}
        self.here[name] = self.there[name]


def image(digests: tuple[str, ...] = (), platform: str = "amd64", **config: Any) -> dict[str, Any]:
    return {"Os": "linux", "Architecture": platform, "RepoDigests": [*digests], "Config": config}


def test_one_that_came_from_a_registry_is_pinned() -> None:
    here = {"python:3.11-slim": image((f"other@{DIGEST[:-1]}b", f"python@{DIGEST}"))}
    found = find_base(Api(here), "python:3.11-slim", None, pull=False, report=ignore)
    assert (found.pinned, found.digest) == (f"python@{DIGEST}", DIGEST)
    assert found.labels.name == "docker.io/library/python:3.11-slim"
    here = {"r.example:5000/py": image((f"r.example:5000/py@{DIGEST}",))}
    found = find_base(Api(here), "r.example:5000/py", None, pull=False, report=ignore)
    assert found.pinned == f"r.example:5000/py@{DIGEST}"


def test_one_that_was_made_here_keeps_its_name() -> None:
    found = find_base(Api({"own:1": image()}), "engine:own:1", None, pull=False, report=ignore)
    assert (found.pinned, found.digest) == ("own:1", None)


def test_fetched_when_it_is_missing_for_another_platform_or_asked_for() -> None:
    seen: list[Progress] = []
    api = Api({}, {"py:1": image((f"py@{DIGEST}",))})
    found = find_base(api, "py:1", None, pull=False, report=seen.append)
    assert (found.digest, api.pulled) == (DIGEST, [("py", "1", None)])
    assert [(event.kind, event.part, event.done) for event in seen] == [("bytes", "base", 1)]
    find_base(api, "py:1", None, pull=True, report=ignore)
    assert len(api.pulled) == 2
    api = Api({"py:1": image()}, {"py:1": image(platform="arm64")})
    find_base(api, "py:1", "linux/arm64", pull=False, report=ignore)
    assert api.pulled == [("py", "1", "linux/arm64")]


@pytest.mark.parametrize(
    ("here", "platform", "told"),
    [
        ({}, None, "is not on this engine and could not be fetched .no such manifest: py:1"),
        ({"py:1": image()}, "linux/arm64", "is for linux/amd64, not for linux/arm64"),
        ({"py:1": image(OnBuild=["COPY . /app"])}, None, "ONBUILD.*--builder oci"),
    ],
)
def test_refused(here: Mapping[str, Any], platform: str | None, told: str) -> None:
    with pytest.raises(BuildFailed, match=told):
        find_base(Api(here), "py:1", platform, pull=False, report=ignore)


@pytest.mark.parametrize("name", ["libgomp1", "g++", "libstdc++6=12.2.0-14+deb12u1", "libc6:arm64"])
def test_names_of_packages(name: str) -> None:
    check_spec(BuildSpec(Path(), "x", system_packages=(name,)))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x; rm -rf /",
        "-o=Dir=/",
        "libgomp1-",
        "a b",
        "a\nb",
        "./x.deb",
        "A",
        "x=$(id)",
        "x=",
        "^x$",
    ],
)
def test_names_that_are_no_packages(name: str) -> None:
    with pytest.raises(InvalidInput, match="Debian package"):
        check_spec(BuildSpec(Path(), "x", system_packages=(name,)))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "requirements.txt").write_text("six\n")
    (folder / "x.pkl").write_bytes(b"x")
    return folder


def test_system_packages_come_first(model: Path) -> None:
    def text(*packages: str) -> str:
        entries = make_context(BuildSpec(model, "x", system_packages=packages)).entries
        (found,) = [each.content for each in entries if each.path == "Dockerfile"]
        return bytes(found).decode()  # type: ignore[arg-type]

    found = text("g++", "libgomp1")
    assert found.index("COPY system/") < found.index("COPY install/")
    assert '"/opt/mlpack/system/system.py", "g++", "libgomp1"]' in found
    assert "system" not in text().partition("COPY install/")[0]


def test_a_base_that_is_not_debian(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(SystemExit):
        system.main(["libgomp1"])
    assert capsys.readouterr().out.startswith("mlpack-error: the base image has no apt-get")


FAKE_APT = """\
#!/usr/bin/python3
import pathlib, sys
pathlib.Path("/var/lib/apt/lists/index").write_text("large")
with open("/asked", "a") as file:
    print(*sys.argv[1:], file=file)
if "nothing" in sys.argv:
    sys.exit("E: Unable to locate package nothing")
"""


@pytest.fixture
def base(docker_engine: Any) -> Iterator[str]:
    """A base image whose apt-get only says what it was asked, and that runs as somebody else."""
    name = f"mlpack-test-d/base:{uuid.uuid4().hex}"
    write = (
        f"import pathlib; p = pathlib.Path('/usr/local/bin/apt-get'); p.write_text({FAKE_APT!r})"
    )
    lines = [
        "FROM python:3.11-slim",
        f"RUN {json.dumps(['python3', '-c', write + '; p.chmod(0o755)'])}",
        "ENV PATH=/usr/local/bin:/usr/bin:/bin",
        "WORKDIR /closed",
        "USER 1234",
    ]
    docker_engine.images.build(fileobj=io.BytesIO("\n".join(lines).encode()), tag=name, rm=True)
    yield name
    docker_engine.images.remove(name, force=True)


@pytest.mark.docker
def test_system_packages_in_a_layer_of_their_own_and_out_of_the_engine(
    docker_engine: Any,
    model: Path,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "cache"))
    name = base.replace("base", "system")
    spec = BuildSpec(
        model,
        name,
        base_image=base,
        system_packages=("libgomp1", "g++=4:12"),
        compression="none",
        outputs=(Output("layout", tmp_path / "out"),),
    )
    made = DockerBuilder().build(spec)
    try:
        parts = ["base", "system", "dependencies", "runtime", "model", "model"]
        assert [layer.part for layer in made.layers] == parts
        code = (
            "import os; print(open('/asked').read(), os.listdir('/var/lib/apt/lists'), os.getcwd())"
        )
        said = docker_engine.containers.run(name, ["-c", code], entrypoint="python", remove=True)
        update, install, rest = [*said.decode().splitlines()[:2], said.decode().splitlines()[-1]]
        assert update == "-q update"
        assert install.startswith("-q install -y --no-install-recommends")
        assert install.endswith("-- libgomp1 g++=4:12")
        assert rest.strip() == "[] /"
        # from the engine into a layout
        image = read_layout(tmp_path / "out", name.rpartition(":")[2])
        assert image.descriptor.digest == made.digest
        (bill,) = made.sboms
        assert read_sbom(image) == bill
        beside = tmp_path / "out" / "blobs" / "sha256" / sha256(bill).removeprefix("sha256:")
        assert beside.read_bytes() == bill
        assert {"six", "flask"} <= {each["name"].lower() for each in json.loads(bill)["components"]}
        assert made.outputs == ("docker engine", str(tmp_path / "out"))
        assert image.settings["config"]["User"] == "65532:65532"
        with pytest.raises(BuildFailed, match="install the system packages: Unable to locate"):
            DockerBuilder().build(
                BuildSpec(model, f"{name}-2", base_image=base, system_packages=("nothing",))
            )
    finally:
        docker_engine.images.remove(name, force=True)


def test_a_base_that_speaks_of_another_model(tmp_path: Path) -> None:
    here = image(
        Env=["MLPACK_MODEL_DIGEST=sha256:0", "PYTHONHOME=/x", "A=1"],
        Labels={"mlpack.model.name": "other", "team": "a"},
    )
    base = find_base(Api({"base:1": here}), "base:1", None, pull=False, report=ignore)
    (tmp_path / "MLmodel").write_text(MLMODEL)
    context = make_context(BuildSpec(tmp_path, "x", base_image="base:1"), base.labels)
    [dockerfile] = [e.content for e in context.entries if e.path == "Dockerfile"]
    assert isinstance(dockerfile, bytes)
    text = dockerfile.decode()
    assert 'MLPACK_MODEL_DIGEST=""' in text and 'PYTHONHOME=""' in text and "A=" not in text
    assert 'mlpack.model.name=""' in text and "team" not in text


@pytest.mark.parametrize("volume", ["/opt", "/opt/venv/lib", "opt/ml/model/", "//opt/mlpack", "/"])
def test_a_base_with_a_volume_where_ours_goes(volume: str) -> None:
    here = {"base:1": image(Volumes={volume: {}})}
    with pytest.raises(BuildFailed, match="has a volume at"):
        find_base(Api(here), "base:1", None, pull=False, report=ignore)


def test_volumes_elsewhere_are_no_matter() -> None:
    here = {"base:1": image(Volumes={"/data": {}, "/opt/other": {}, "/opt/ml/input": {}})}
    find_base(Api(here), "base:1", None, pull=False, report=ignore)
