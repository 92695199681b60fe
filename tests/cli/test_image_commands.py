"""``mlpack image``, ``mlpack verify``, and what ``mlpack build-docker`` takes and prints."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack.builders import choose
from mlpack.builders.base import BuiltImage, Layer, Output
from mlpack.builders.oci.archive import write_archive
from mlpack.builders.oci.bundle import make_index
from mlpack.builders.oci.image import Bundle
from mlpack.builders.oci.layout import write_layout
from mlpack.cli.build import parse_output
from mlpack.cli.build_summary import how_to_run
from mlpack.cli.main import cli
from mlpack.errors import InvalidInput, MlpackError, NotFound
from mlpack.flavors.integrity import digest, manifest
from mlpack.tests.builders.inspect.small_images import DEBIAN, installed, make_image


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


def run(*args, code=0):
    done = CliRunner().invoke(cli, [str(arg) for arg in args])
    if isinstance(done.exception, MlpackError):
        raise done.exception
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


SAFE = ("PATH=/opt/venv/bin:/bin", "PYTHONSAFEPATH=1")


def image_of(model: Path, label: str | None, architecture: str = "amd64"):
    files = {
        f"opt/ml/model/{path.relative_to(model)}": path.read_bytes() for path in model.rglob("*")
    }
    labels = {"mlpack.version": "1", **({"mlpack.model.digest": label} if label else {})}
    return make_image(
        [DEBIAN, installed("numpy", "2.1"), files],
        labels=labels,
        architecture=architecture,
        Entrypoint=["python", "-m", "mlpack.serve"],
        Env=[*SAFE, *([f"MLPACK_MODEL_DIGEST={label}"] if label else [])],
    )


@pytest.fixture
def model(iris_model):
    return iris_model


@pytest.fixture
def layout(tmp_path, model):
    folder = tmp_path / "images"
    image = image_of(model, digest(manifest(model)))
    write_layout(Bundle("churn:1", (image,)), folder)
    return folder


def test_explain_shows_layers_dependencies_and_labels(layout):
    shown = run("image", "explain", f"layout:{layout}").stdout
    for part in (
        "Debian 12, 2 packages",
        "numpy 2.1",
        "dependencies",
        "model.skops",
        "mlpack.version",
    ):
        assert part in shown
    assert "← requirements.txt of the model" in shown


def test_explain_as_json_and_why(layout):
    told = json.loads(run("image", "explain", layout, "--json").stdout)
    assert [each["part"] for each in told["layers"]] == ["base", "dependencies", "model"]
    assert told["model"]["MLmodel"] > 0
    assert "numpy 2.1" in run("image", "explain", layout, "--why", "NumPy").stdout
    with pytest.raises(NotFound, match="Did you mean numpy"):
        run("image", "explain", layout, "--why", "nump")


def test_archives_are_read_the_same_way(tmp_path, model):
    file = tmp_path / "churn.tar"
    write_archive(Bundle("churn:1", (image_of(model, None),)), file)
    for name in (f"archive:{file}", str(file)):
        assert "numpy" in run("image", "explain", name).stdout


def test_verify_is_exit_code_0_when_the_model_is_the_one_on_record(layout, model):
    assert "the model on record" in run("verify", layout, "-m", model).stdout
    assert "that its own label names" in run("verify", layout).stdout
    told = json.loads(run("verify", layout, "--json").stdout)
    assert told["good"] and told["vouched_by"] == ["the image's own label"]


def test_verify_is_exit_code_1_when_it_is_not(tmp_path, layout, model):
    other = tmp_path / "other"
    other.mkdir()
    for path in model.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "model.skops").write_bytes(b"other")
    (other / "more").write_bytes(b"")
    shown = run("verify", layout, "-m", other, code=1).stdout
    assert "model.skops differs" in shown and "more is missing" in shown
    told = json.loads(run("verify", layout, "-m", other, "--json", code=1).stdout)
    assert not told["good"]


def test_verify_looks_at_every_platform(tmp_path, model):
    own = digest(manifest(model))
    other = tmp_path / "other"
    other.mkdir()
    for path in model.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "model.skops").write_bytes(b"other")
    good = [image_of(model, own), image_of(model, own, "arm64")]
    bad = [good[0], image_of(other, own, "arm64")]
    foreign = [image_of(model, own, "arm64"), image_of(model, own, "s390x")]  # none for here
    for name, images in (("good", good), ("bad", bad), ("foreign", foreign)):
        index = make_index(images, {})
        write_layout(Bundle("churn:1", tuple(images), index), tmp_path / name)
    told = run("verify", tmp_path / "good").stdout
    assert (told.count("Good"), told.count("linux/arm64")) == (2, 1)
    assert run("verify", tmp_path / "foreign").stdout.count("Good") == 2
    told = json.loads(run("verify", tmp_path / "bad", "--json", code=1).stdout)
    assert not told["good"]
    assert {name: each["good"] for name, each in told["platforms"].items()} == {
        "linux/amd64": True,
        "linux/arm64": False,
    }
    run("verify", tmp_path / "bad", "--platform", "linux/amd64")
    with pytest.raises(InvalidInput, match="linux/arm64, linux/s390x"):
        run("image", "explain", tmp_path / "foreign")


def test_an_unvouched_image_needs_a_word(tmp_path, model):
    folder = tmp_path / "unvouched"
    write_layout(Bundle("churn:1", (image_of(model, None),)), folder)
    assert "nobody vouched" in run("verify", folder, code=1).stdout
    assert "Good" in run("verify", folder, "--unrecorded-ok").stdout


def test_verify_asks_the_store_for_the_version_that_the_image_names(tmp_path, mlruns, model):
    import mlpack

    version = mlpack.register_model(str(model), "churn")
    own = digest(manifest(model))
    labels = {
        "mlpack.model.name": "churn",
        "mlpack.model.version": str(version.version),
        "mlpack.model.digest": own,
    }
    files = {f"opt/ml/model/{p.name}": p.read_bytes() for p in model.iterdir()}
    environment = [*SAFE, f"MLPACK_MODEL_DIGEST={own}"]
    config = {"Entrypoint": ["python", "-m", "mlpack.serve"], "Env": environment}
    for known, says in (
        (labels, "in the registry"),
        ({**labels, "mlpack.model.version": "9"}, "no record"),
    ):
        folder = tmp_path / says
        write_layout(Bundle("x:1", (make_image([files], labels=known, **config),)), folder)
        assert says in run("verify", folder).output


def test_the_bill_of_materials_is_made_where_there_is_none(layout, tmp_path):
    done = run("image", "sbom", layout)
    assert json.loads(done.stdout)["specVersion"] == "1.6"
    assert "made from its content" in done.stderr
    run("image", "sbom", layout, "-o", tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text() == done.stdout


def test_a_bill_of_materials_that_is_there_is_printed_as_it_is(tmp_path):
    image = make_image([DEBIAN, {"opt/mlpack/sbom.cdx.json": '{"here": 1}'}])
    write_layout(Bundle("x:1", (image,)), tmp_path / "it")
    assert run("image", "sbom", tmp_path / "it").stdout == '{"here": 1}'


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./nothing", "no image layout and no archive"),
        ("layout:nothing", "nothing"),
        ("engine:churn", "No Docker engine answers"),
        ("Churn UPPER", "Churn UPPER"),
    ],
)
def test_images_that_are_not_there(name, says):
    with pytest.raises(MlpackError, match=says):
        run("image", "explain", name)


def test_a_damaged_layout_is_one_clear_error(layout):
    blobs = sorted((layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    blobs[-1].chmod(0o644)
    content = bytearray(blobs[-1].read_bytes())
    content[len(content) // 2] ^= 0xFF
    blobs[-1].unlink()
    blobs[-1].write_bytes(content)
    with pytest.raises(InvalidInput, match="damaged"):
        run("image", "explain", layout)
    (layout / "index.json").write_text("{")
    with pytest.raises(InvalidInput):
        run("image", "explain", layout)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("engine", Output("engine")),
        ("layout:a b", Output("layout", Path("a b"))),
        ("archive:x", Output("archive", Path("x"))),
        ("x/y.tar", Output("archive", Path("x/y.tar"))),
        ("./x", Output("layout", Path("x"))),
    ],
)
def test_where_an_image_goes(text, output):
    assert parse_output(text) == output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *(
            (text, "is not engine, layout:DIR")
            for text in ("", "layout:", "archive", "engine:x", "layout=x", "type=oci,dest=x")
        ),
        ("registry", "--push"),
        ("churn.tar.gz", "compressed already"),
    ],
)
def test_where_it_cannot_go(text, says):
    done = run("build-docker", "-m", ".", "-n", "x", "--output", text, code=2)
    assert says in done.output


def test_a_push_needs_a_registry_in_the_name():
    with pytest.raises(InvalidInput, match=r"names no registry.*registry.example/churn:1"):
        run("build-docker", "-m", "nowhere", "-n", "churn:1", "--push")


BUILT = BuiltImage(
    name="registry.example/churn:2",
    id="sha256:" + "1" * 64,
    size=450_000_000,
    base_image="python:3.11-slim",
    layers=(
        Layer("base", 224_000_000, True, content="Debian 12"),
        Layer("model", 1000, False, "sha256:" + "2" * 64, 500, "the model", sent=500),
        Layer("runtime", 1000, True, "sha256:" + "3" * 64, 500, "the runtime", sent=0),
    ),
    model_digest=None,
    notices=("pandas is added",),
    seconds=1.25,
    builder="oci",
    digest="sha256:" + "4" * 64,
    platforms=("linux/amd64", "linux/arm64"),
    outputs=("registry.example/churn:2",),
    sboms=(b'{"a": 1}', b'{"b": 1}'),
)


@pytest.fixture
def builder(monkeypatch):
    """Takes the place of builders; keeps the specs that it was given."""

    class Recorder:
        def __init__(self):
            self.specs = []

        def build(self, spec, report):
            self.specs.append(spec)
            return BUILT

    recorder = Recorder()
    monkeypatch.setattr(choose, "get_builder", lambda name, spec: recorder)
    return recorder


def test_options_reach_the_builder(builder, model):
    run(
        *("build-docker", "-m", model, "-n", "registry.example/churn:2", "--push"),
        *("--output", "x.tar", "--platform", "linux/amd64, linux/arm64", "--compression", "zstd"),
        *("--system-package", "libgomp1", "--locked", "--no-cache", "--pull", "--keep-mlflow"),
        *("--base-image", "layout:base"),
    )
    [spec] = builder.specs
    assert spec.outputs == (Output("archive", Path("x.tar")), Output("registry"))
    assert spec.platforms == ("linux/amd64", "linux/arm64")
    assert (spec.compression, spec.base_image) == ("zstd", "layout:base")
    assert spec.system_packages == ("libgomp1",)
    assert spec.locked and spec.no_cache and spec.pull and spec.keep_mlflow


def test_the_summary_tells_layers_digest_and_how_to_run_it(builder, model):
    shown = run("build-docker", "-m", model, "-n", "registry.example/churn:2", "--push").stdout
    assert "PLATFORM" in shown  # there are two
    assert "the model" in shown and "had it" in shown and BUILT.digest in shown
    assert "1.0 kB" in shown  # not 0.0 MB
    assert f"docker run --rm -p 8080:8080 registry.example/churn@{BUILT.digest}" in shown


def test_json_is_all_that_stands_on_stdout(builder, model):
    told = json.loads(run("build-docker", "-m", model, "-n", "x", "--json").stdout)
    assert told["digest"] == BUILT.digest and "sboms" not in told
    assert told["layers"][1]["sent"] == 500


def test_bills_of_several_platforms_are_files_of_their_own(builder, model, tmp_path):
    run("build-docker", "-m", model, "-n", "x", "--sbom", tmp_path / "churn.cdx.json")
    names = sorted(path.name for path in tmp_path.glob("*.json"))
    assert names == ["churn.linux-amd64.cdx.json", "churn.linux-arm64.cdx.json"]


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([], "docker run --rm -p 8080:8080 registry.example/churn:2"),
        ([Output("archive", Path("my file.tar"))], "docker load -i 'my file.tar' && docker run"),
        ([Output("layout", Path("images"))], "mlpack image explain layout:images:2"),
    ],
)
def test_how_it_is_run_depends_on_where_it_went(outputs, says, model):
    from mlpack.builders.base import BuildSpec

    assert any(says in line for line in how_to_run(BUILT, BuildSpec(model, "x", outputs=outputs)))


@pytest.mark.docker
def test_an_image_of_the_engine(iris_image, iris_model, monkeypatch):
    monkeypatch.delenv("DOCKER_HOST")
    told = json.loads(run("image", "explain", iris_image.id, "--json").stdout)
    assert [each["part"] for each in told["layers"]][-1] == "model"
    why = {each["name"].lower(): each["why"] for each in told["distributions"]}
    assert why["scipy"][0][-1] == "requirements.txt of the model"
    assert why["werkzeug"] == [["werkzeug", "flask", "the scoring runtime"]]
    assert "Good" in run("verify", f"engine:{iris_image.id}", "-m", iris_model).stdout
