"""Texts, dicts, figures and pictures as artifacts of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import mlpack
from mlpack import MlpackClient
from mlpack.errors import InvalidInput, NotFound


@pytest.fixture
def run():
    with mlpack.start_run() as run:
        yield run


def path_of(run, name):
    return Path(MlpackClient().download_artifacts(run.info.run_id, name))


def test_texts(run):
    mlpack.log_text("ä\r\nb\n", "notes/today.md")
    assert path_of(run, "notes/today.md").read_bytes() == "ä\r\nb\n".encode()
    mlpack.log_text("", "empty.txt")
    assert path_of(run, "empty.txt").read_bytes() == b""
    with pytest.raises(InvalidInput, match="takes a string; got bytes"):
        mlpack.log_text(b"x", "x.txt")


VALUE = {"b": 1, "a": [1.5, None, "ä"], "n": np.float32(0.5), "v": np.arange(3), "p": Path("x")}
PLAIN = {"b": 1, "a": [1.5, None, "ä"], "n": 0.5, "v": [0, 1, 2], "p": "x"}


@pytest.mark.parametrize("name", ["d.json", "d", "d.txt"])
def test_dicts_as_json(run, name):
    mlpack.log_dict(VALUE, name)
    assert json.loads(path_of(run, name).read_text()) == PLAIN


@pytest.mark.parametrize("name", ["d.yaml", "d.YML"])
def test_dicts_as_yaml(run, name):
    mlpack.log_dict(VALUE, name)
    assert yaml.safe_load(path_of(run, name).read_text()) == PLAIN
    assert path_of(run, name).read_text().startswith("b: 1\na:\n")


def test_dicts_that_cannot_be_written_leave_nothing(run):
    loop = []
    loop.append(loop)
    with pytest.raises(InvalidInput, match="cannot be written"):
        mlpack.log_dict(loop, "loop.json")
    with pytest.raises(InvalidInput, match="cannot be written"):
        mlpack.log_dict({(1, 2): 3}, "keys.yaml")
    assert MlpackClient().list_artifacts(run.info.run_id) == []


def test_matplotlib_figures(run):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    mlpack.log_figure(figure, "plots/roc.png", save_kwargs={"dpi": 30})
    mlpack.log_figure(figure, "plots/roc.svg")
    assert path_of(run, "plots/roc.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in path_of(run, "plots/roc.svg").read_bytes()
    with pytest.raises(InvalidInput, match=r"cannot be written as '\.xyz'"):
        mlpack.log_figure(figure, "plots/roc.xyz")
    assert len(MlpackClient().list_artifacts(run.info.run_id, "plots")) == 2


class PlotlyLike:
    """What of plotly's figure log_figure looks at; the library itself is too large for a test."""

    def write_html(self, path, include_plotlyjs=True, auto_open=True):
        Path(path).write_text(f"html {include_plotlyjs} {auto_open}")

    def write_image(self, path):
        Path(path).write_text("image")


def test_plotly_figures(run):
    mlpack.log_figure(PlotlyLike(), "a.html")
    mlpack.log_figure(PlotlyLike(), "a.png")
    assert path_of(run, "a.html").read_text() == "html cdn False"
    assert path_of(run, "a.png").read_text() == "image"


def test_what_is_no_figure(run):
    with pytest.raises(InvalidInput, match="takes a matplotlib or plotly figure; got list"):
        mlpack.log_figure([1], "a.png")


@pytest.mark.parametrize(
    ("array", "mode", "corner"),
    [
        (np.full((4, 6), 7, np.uint8), "L", 7),
        (np.full((4, 6, 1), 7, np.int64), "L", 7),
        (np.full((4, 6, 3), 7, np.uint8), "RGB", (7, 7, 7)),
        (np.full((4, 6, 4), 255, np.uint8), "RGBA", (255, 255, 255, 255)),
        (np.full((4, 6), 0.5), "L", 128),
        (np.full((4, 6, 3), 1.0, np.float32), "RGB", (255, 255, 255)),
        (np.ones((4, 6), bool), "L", 255),
    ],
    ids=str,
)
def test_arrays_as_pictures(run, array, mode, corner):
    from PIL import Image

    mlpack.log_image(array, "a.png")
    with Image.open(path_of(run, "a.png")) as image:
        assert (image.mode, image.size, image.getpixel((0, 0))) == (mode, (6, 4), corner)


def test_pil_pictures(run):
    from PIL import Image

    mlpack.log_image(Image.new("RGB", (3, 2)), "deep/a.jpg")
    assert path_of(run, "deep/a.jpg").read_bytes().startswith(b"\xff\xd8")
    for name, image in (("a.xyz", Image.new("RGB", (3, 2))), ("a.jpg", Image.new("RGBA", (3, 2)))):
        with pytest.raises(InvalidInput, match="cannot be written as"):
            mlpack.log_image(image, name)
    assert [f.path for f in MlpackClient().list_artifacts(run.info.run_id)] == ["deep"]


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4,)), "arrays of shape"),
        (np.zeros((4, 4, 2)), "arrays of shape"),
        (np.zeros((2, 4, 4, 3)), "arrays of shape"),
        (np.zeros((0, 4)), "arrays of shape"),
        (np.full((4, 4), 256), "values from 0 to 255; these go from 256"),
        (np.full((4, 4), -1), "values from 0 to 255"),
        (np.full((4, 4), 1.5), "values from 0 to 1"),
        (np.full((4, 4), np.nan), "values from 0 to 1"),
        (np.full((4, 4), "a"), "arrays of numbers"),
        ([[1]], "takes a PIL image or a numpy array; got list"),
    ],
    ids=str,
)
def test_arrays_that_are_no_pictures(run, array, says):
    with pytest.raises(InvalidInput, match=says):
        mlpack.log_image(array, "a.png")
    assert MlpackClient().list_artifacts(run.info.run_id) == []


def test_files_and_folders(run, tmp_path):
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "a.csv").write_text("1")
    (tmp_path / "data" / "sub" / "b.csv").write_text("2")
    mlpack.log_artifact(tmp_path / "data" / "a.csv", "one")
    mlpack.log_artifact(tmp_path / "data")  # a folder, as a whole
    mlpack.log_artifacts(str(tmp_path / "data"), "all")
    client = MlpackClient()
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["all", "data", "one"]
    assert [f.path for f in client.list_artifacts(run.info.run_id, "data")] == [
        "data/a.csv",
        "data/sub",
    ]
    assert path_of(run, "all/sub/b.csv").read_text() == "2"
    copied = client.download_artifacts(run.info.run_id, "all", tmp_path / "copy")
    assert Path(copied, "sub", "b.csv").read_text() == "2"
    with pytest.raises(NotFound, match="no artifact 'nope'"):
        client.download_artifacts(run.info.run_id, "nope")


def test_artifact_uri(run):
    mlpack.log_text("x", "a/b.txt")
    assert mlpack.get_artifact_uri() == run.info.artifact_uri
    assert Path(mlpack.get_artifact_uri("a/b.txt")).read_text() == "x"


@pytest.mark.parametrize("name", ["../x.txt", "/x.txt", "", "a/../../x", "%2e%2e/x", "x\x00"])
def test_ways_out_are_refused_by_every_function(run, name, tmp_path, mlruns):
    from PIL import Image

    (tmp_path / "f.txt").write_text("x")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f.txt").write_text("x")
    calls = [
        lambda: mlpack.log_text("x", name),
        lambda: mlpack.log_dict({}, name),
        lambda: mlpack.log_figure(PlotlyLike(), name),
        lambda: mlpack.log_image(Image.new("L", (1, 1)), name),
    ]
    if name:
        calls += [
            lambda: mlpack.log_artifact(tmp_path / "f.txt", name),
            lambda: mlpack.log_artifacts(tmp_path / "d", name),
            lambda: MlpackClient().list_artifacts(run.info.run_id, name),
            lambda: MlpackClient().download_artifacts(run.info.run_id, name),
            lambda: mlpack.get_artifact_uri(name),
        ]
    for call in calls:
        with pytest.raises(InvalidInput):
            call()
    assert sorted(p.name for p in mlruns.rglob("*") if not p.name.startswith("mlpack.db")) == []
