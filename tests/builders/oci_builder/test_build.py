"""Whole builds without an engine: what is in the image, what is shared, the same bytes always."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec, Output, Progress
from mlpack.builders.oci.base_image import BaseFacts
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.tree import read_tree
from mlpack.builders.oci.venv import venv_entries
from mlpack.errors import BadModel, BuildFailed, InvalidInput, ModelChanged
from mlpack.flavors.integrity import manifest
from mlpack.tests.builders.oci_builder.bases import (
    base_entries,
    built,
    contents,
    entry,
    make_base,
    write_base,
)
from mlpack.tests.package_index import PackageIndex

SITE = "opt/venv/lib/python3.11/site-packages"


def test_what_is_in_it(spec: BuildSpec) -> None:
    made = OciBuilder().build(spec)
    image = built(spec)
    assert made.digest == image.descriptor.digest
    assert made.id == image.config_descriptor.digest
    files = contents(image)
    assert files["opt/ml/model/m.skops"] == b"x" * 1000
    assert f"{SITE}/top.py" in files and f"{SITE}/leaf.py" in files
    assert f"{SITE}/__pycache__/leaf.cpython-311.pyc" in files
    assert files[f"{SITE}/mlpack.pth"] == b"/opt/mlpack/runtime\n"
    assert b"home = /usr/bin\n" in files["opt/venv/pyvenv.cfg"]
    assert "opt/mlpack/runtime/mlpack/serve/__main__.py" in files
    assert "opt/mlpack/runtime/mlpack/serve/__pycache__/__main__.cpython-311.pyc" in files
    assert not [path for path in files if "/mlpack/builders/" in path or "/pip/" in path]
    assert b"leaf==2.0" in files["opt/mlpack/lock/requirements.lock"]
    bill = json.loads(files["opt/mlpack/sbom.cdx.json"])
    assert {"top", "leaf", "mlpack-toolkit"} <= {each["name"] for each in bill["components"]}
    assert [layer.part for layer in made.layers] == [
        "base",
        "dependencies",
        "dependencies",
        "runtime",
        "model",
        "model",
    ]
    assert [layer.digest for layer in made.layers[1:]] == [each.digest for each in image.layers[1:]]
    assert made.sboms == (files["opt/mlpack/sbom.cdx.json"],)


def test_how_it_runs_and_what_it_says_of_itself(spec: BuildSpec) -> None:
    spec = replace(
        spec,
        registered_name="churn",
        registered_version=3,
        revision="9d22bc1",
        labels={"team": "a\nb"},
    )
    OciBuilder().build(spec)
    image = built(spec)
    config = image.settings["config"]
    assert "BASE=1" in config["Env"] and "MLPACK_MODEL_NAME=models:/churn/3" in config["Env"]
    assert next(each for each in config["Env"] if each.startswith("PATH=/opt/venv/bin:/"))
    assert config["Entrypoint"] == ["python", "-m", "mlpack.serve"]
    assert (config["Cmd"], config["WorkingDir"]) == (["serve"], "/")
    assert (config["User"], config["StopSignal"]) == ("65532:65532", "SIGTERM")
    assert config["Healthcheck"]["Interval"] == 30_000_000_000
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    labels = image.labels
    assert labels["org.opencontainers.image.title"] == "x"
    assert labels["org.opencontainers.image.created"] == "2026-05-01T10:11:12.131415Z"
    assert labels["org.opencontainers.image.revision"] == "9d22bc1"
    assert labels["mlpack.run.id"] == "0e6c174379849eeb366479b59b71e041"
    assert labels["mlpack.model.id"] == "m-12e6c174379849eeb366479b59b71e04"
    assert (labels["mlpack.model.name"], labels["mlpack.model.version"]) == ("churn", "3")
    assert labels["mlpack.model.signature.digest"].startswith("sha256:")
    assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")
    assert labels["team"] == "a b"
    assert str(spec.model.parent) not in json.dumps(image.settings)  # of this machine
    assert json.loads(image.manifest)["annotations"] == labels
    assert image.settings["created"] == labels["org.opencontainers.image.created"]
    history = image.settings["history"]
    assert len(history) == len(image.layers)
    assert history[-2]["created_by"] == "mlpack: model"


def test_the_same_bytes_from_another_folder_with_another_umask_zone_and_cache(
    spec: BuildSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = OciBuilder().build(spec)
    other = tmp_path / "elsewhere" / "copy"
    shutil.copytree(spec.model, other, copy_function=shutil.copy)
    (other / "m.skops").chmod(0o600)
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "cold"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold-uv"))
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    before = os.umask(0o077)
    try:
        again = OciBuilder().build(replace(spec, model=other))
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert again.digest == first.digest
    assert not any(layer.cached for layer in again.layers if layer.part != "base")


def test_a_new_model_shares_everything_but_itself(spec: BuildSpec) -> None:
    OciBuilder().build(spec)
    one = built(spec)
    (spec.model / "m.skops").write_bytes(b"y" * 1000)
    (spec.model / "MLmodel").write_text((spec.model / "MLmodel").read_text() + "# new\n")
    seen: list[Progress] = []
    made = OciBuilder().build(spec, seen.append)
    two = built(spec)
    assert one.layers[:-2] == two.layers[:-2]
    assert one.layers[-2] != two.layers[-2]
    assert [layer.cached for layer in made.layers] == [*[True] * 4, False, False]
    parts = {event.part for event in seen if event.kind == "cached"}
    assert parts == {"dependencies", "runtime"}


def test_a_new_name_or_label_leaves_the_model_as_it_is(spec: BuildSpec) -> None:
    OciBuilder().build(spec)
    one = built(spec)
    spec = replace(spec, name="mlpack-test-d/other:2", labels={"a": "b"})
    OciBuilder().build(spec)
    two = built(spec)
    assert one.layers[:-1] == two.layers[:-1]
    assert one.layers[-1] != two.layers[-1]


def test_unchanged_everything_is_there_and_nobody_is_asked(
    spec: BuildSpec, index: PackageIndex
) -> None:
    first = OciBuilder().build(spec)
    index.down = True
    asked = len(index.asked)
    again = OciBuilder().build(spec)
    assert again.digest == first.digest
    assert all(layer.cached for layer in again.layers)
    assert len(index.asked) == asked


def test_no_cache_makes_the_same_again(spec: BuildSpec) -> None:
    assert (
        OciBuilder().build(spec).digest == OciBuilder().build(replace(spec, no_cache=True)).digest
    )


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_compressions(spec: BuildSpec, compression: str) -> None:
    spec = replace(spec, compression=compression)  # type: ignore[arg-type]
    OciBuilder().build(spec)
    assert contents(built(spec))["opt/ml/model/m.skops"] == b"x" * 1000
    kinds = {layer.media_type.rpartition("tar")[2] for layer in built(spec).layers[1:]}
    assert kinds == {"" if compression == "none" else f"+{compression}"}


def test_names_of_files_that_nobody_would_choose(spec: BuildSpec) -> None:
    names = ["with space.txt", "new\nline", "ünïcödé 模型", "-rf", "$(x)", "a" * 200, "q'\"`"]
    for name in names:
        (spec.model / name).write_text(name)
    (spec.model / "deep" / "er").mkdir(parents=True)
    (spec.model / "deep" / "er" / names[1]).write_text("d")
    OciBuilder().build(spec)
    files = contents(built(spec), "opt/ml/model/")
    assert {path.removeprefix("opt/ml/model/") for path in files} == set(manifest(spec.model))
    for name in names:
        assert files[f"opt/ml/model/{name}"] == name.encode()


@pytest.mark.parametrize("name", [b".wh.MLmodel", b"a/.wh..wh..opq", b"a/.wh.b/c", b"\xff\xfe"])
def test_names_that_hide_others_or_are_no_text(spec: BuildSpec, name: bytes) -> None:
    path = os.fsencode(spec.model) + b"/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb"):
        pass
    with pytest.raises(BadModel, match=r"\.wh\.|is not UTF-8"):
        OciBuilder().build(spec)


def test_a_wheel_that_hides_other_files(spec: BuildSpec, index: PackageIndex) -> None:
    index.add("evil", "1.0", files={"evil/.wh.pickle.py": b""})
    (spec.model / "requirements.txt").write_text("evil==1.0\n")
    with pytest.raises(BuildFailed, match=r"\.wh\. hides"):
        OciBuilder().build(spec)


def test_folders_as_deep_as_paths_are_long(spec: BuildSpec) -> None:
    here = os.open(spec.model, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        here, before = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(before)
    os.close(here)
    OciBuilder().build(spec)
    subprocess.run(["rm", "-r", spec.model / "d"], check=True)  # too deep for pytest's own cleaning


def test_several_platforms_are_one_index(spec: BuildSpec, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "base-cache")
    platforms = ("linux/amd64", "linux/arm64")
    images = [make_base(base_entries(), cache=cache, platform=each) for each in platforms]
    base = write_base(tmp_path / "both", *images)
    spec = replace(spec, base_image=base, platforms=platforms)
    made = OciBuilder().build(spec)
    assert made.platforms == platforms
    found = [built(spec, each) for each in platforms]
    assert [str(each.platform) for each in found] == [*platforms]
    assert {each.labels["org.opencontainers.image.base.digest"] for each in found} == {
        each.descriptor.digest for each in images
    }
    below = [(each.layers[1], each.layers[3], each.layers[4]) for each in found]
    assert below[0] == below[1]  # wheels that run anywhere, the runtime, the model
    assert found[0].layers[-1] != found[1].layers[-1]  # their bills of materials differ
    assert OciBuilder().build(spec).digest == made.digest
    # a base for each, found by the processor's name
    for each, image in zip(platforms, images, strict=True):
        write_base(tmp_path / "bases" / each.partition("/")[2], image)
    by_name = replace(spec, base_image=f"layout:{tmp_path}/bases/{{arch}}")
    assert OciBuilder().build(by_name).digest == made.digest


def test_a_base_of_another_platform(spec: BuildSpec) -> None:
    with pytest.raises(InvalidInput, match=r"linux/arm64.*linux/amd64"):
        OciBuilder().build(replace(spec, platforms=("linux/arm64",)))
    assert not Path(str(spec.outputs[0].path)).exists()


def test_bytecode_of_another_python(spec: BuildSpec, tmp_path: Path) -> None:
    text = (spec.model / "MLmodel").read_text()
    (spec.model / "MLmodel").write_text(text.replace("3.11.2", "3.12.1"))
    seen: list[Progress] = []
    OciBuilder().build(spec, seen.append)
    assert [
        event for event in seen if "has Python 3.11, the model was saved with 3.12" in event.message
    ]
    (spec.model / "MLmodel").write_text(text.replace("3.11.2", "3.12.1, python_model: m.skops"))
    with pytest.raises(BuildFailed, match=r"holds compiled Python code"):
        OciBuilder().build(spec)


def test_a_base_without_python_or_shell(spec: BuildSpec, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "base-cache")
    bare = make_base(base_entries(), [entry("usr/bin/.wh.sh")], cache=cache)
    OciBuilder().build(replace(spec, base_image=write_base(tmp_path / "bare", bare)))
    none = make_base(base_entries(), [entry("usr/bin/.wh.python3")], cache=cache)
    with pytest.raises(BuildFailed, match="has no python3"):
        OciBuilder().build(replace(spec, base_image=write_base(tmp_path / "none", none)))


def test_a_base_that_has_something_where_ours_goes(spec: BuildSpec, tmp_path: Path) -> None:
    """An image of ours, for instance: its packages and its model must not be mixed with these."""
    cache = Cache(tmp_path / "base-cache")
    old = [entry(f"{SITE}/old.py"), entry("opt/ml/model/old"), entry("opt/ml/code/kept")]
    base = write_base(tmp_path / "old", make_base(base_entries(), old, cache=cache))
    OciBuilder().build(replace(spec, base_image=base))
    tree = read_tree(built(spec), lambda _: False)
    assert not tree.get(f"{SITE}/old.py") and not tree.get("opt/ml/model/old")
    assert tree.get("opt/ml/code/kept")
    assert tree.get(f"{SITE}/top.py") and tree.get("opt/ml/model/m.skops")
    crooked = make_base(base_entries(), [entry("opt", link="usr/opt")], cache=cache)
    with pytest.raises(BuildFailed, match="/opt is no folder but a link"):
        OciBuilder().build(replace(spec, base_image=write_base(tmp_path / "link", crooked)))


def test_a_base_that_speaks_of_another_model(spec: BuildSpec, tmp_path: Path) -> None:
    config = {
        "Env": [
            "PATH=/usr/bin",
            "MLPACK_MODEL_DIGEST=sha256:0",
            "MLPACK_MODEL_PATH=/evil",
            "MLPACK_TRUST_MODEL=1",
            "MLPACK_WORKERS=3",
            "PYTHONHOME=/evil",
        ],
        "Labels": {"mlpack.model.digest": "sha256:0", "mlpack.model.name": "other", "team": "a"},
        "Volumes": {"/opt/ml": {}, "/opt/venv/lib/": {}, "/": {}, "/data": {}},
        "OnBuild": ["RUN evil"],
    }
    image = make_base(base_entries(), cache=Cache(tmp_path / "base-cache"), config=config)
    base = write_base(tmp_path / "other", image)
    OciBuilder().build(replace(spec, base_image=base, trust=False))
    found = built(spec).settings["config"]
    assert [each for each in found["Env"] if each.startswith(("MLPACK_", "PYTHONHOME"))] == [
        "MLPACK_WORKERS=3",
        "MLPACK_MODEL_NAME=x",
    ]
    assert found["Labels"].items() >= {"team": "a"}.items()
    assert not found["Labels"].keys() & config["Labels"].keys() - {"team"}
    assert found["Volumes"] == {"/data": {}} and "OnBuild" not in found


def test_a_model_that_changes_while_it_is_packed(spec: BuildSpec) -> None:
    (spec.model / "m.skops").write_bytes(b"never packed before")

    def change(event: Progress) -> None:
        if (event.kind, event.part) == ("part", "model"):
            (spec.model / "m.skops").write_bytes(b"z" * 1000)

    with pytest.raises(ModelChanged):
        OciBuilder().build(spec, change)
    assert not Path(str(spec.outputs[0].path)).exists()
    OciBuilder().build(spec)  # nothing wrong is remembered
    assert contents(built(spec))["opt/ml/model/m.skops"] == b"z" * 1000


def test_system_packages_need_an_engine(spec: BuildSpec) -> None:
    with pytest.raises(InvalidInput, match="--builder docker"):
        OciBuilder().build(replace(spec, system_packages=("libgomp1",)))


def test_a_requirement_that_does_not_exist(spec: BuildSpec) -> None:
    (spec.model / "requirements.txt").write_text("top==9\n")
    with pytest.raises(BuildFailed, match="top==9"):
        OciBuilder().build(spec)
    assert not Path(str(spec.outputs[0].path)).exists()


def test_a_folder_that_holds_something_else(spec: BuildSpec, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InvalidInput, match="Name another"):
        OciBuilder().build(replace(spec, outputs=(Output("layout", tmp_path / "full"),)))


def test_the_frame_of_the_virtual_environment_is_over_the_base_s_python() -> None:
    facts = BaseFacts("/usr/local/bin/python3.12", (3, 12), ("musl", (1, 2)))
    links = {each.path: each.link for each in venv_entries(facts) if each.link}
    assert links == {
        "opt/venv/bin/python": "/usr/local/bin/python3.12",
        "opt/venv/bin/python3": "python",
        "opt/venv/bin/python3.12": "python",
    }


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    """Neither the engine's client nor HTTP: what is in the cache needs neither."""
    code = "import sys, mlpack.builders.choose, mlpack.builders.oci.build; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"docker", "requests", "urllib3", "uv", "numpy", "sqlalchemy", "zstandard"}
    assert not heavy & set(done.stdout.split())
