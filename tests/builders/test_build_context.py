"""From a spec to a build context: what is checked, what is written, what is kept secret."""

import json
import os
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec
from mlpack.builders.context import make_context, write_context
from mlpack.builders.lock import engine
from mlpack.builders.prepare import check_spec
from mlpack.errors import AlreadyExists, BadModel, InvalidInput, ModelChanged

MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.12.4, model_path: m.skops}
  sklearn: {pickled_model: m.skops, serialization_format: skops}
model_uuid: 12e6c174379849eeb366479b59b71e04
run_id: "abc\\ndef"
utc_time_created: '2026-11-23 22:40:27.830695'
"""


@pytest.fixture(autouse=True)
def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here asks a package index; tests of locks are in lock/."""
    monkeypatch.setattr(engine, "lock_for_engine", lambda *_: (None, ()))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "requirements.txt").write_text("numpy==2.1\n")
    (folder / "m.skops").write_bytes(b"x" * 1000)
    return folder


def text_of(context_entries: object, path: str) -> str:
    (found,) = [e for e in context_entries if e.path == path]  # type: ignore[attr-defined]
    return found.content.decode()


def test_what_goes_in(model: Path) -> None:
    entries = make_context(BuildSpec(model, "churn")).entries
    paths = [entry.path for entry in entries]
    assert len(paths) == len(set(paths))
    assert {"Dockerfile", "install/install.py", "install/requirements.txt"} <= set(paths)
    assert {"install/runtime.txt", "runtime/mlpack/__init__.py"} <= set(paths)
    assert {"model/MLmodel", "model/requirements.txt", "model/m.skops"} <= set(paths)
    assert text_of(entries, "install/requirements.txt") == "numpy==2.1\n"


def test_the_base_image_has_the_models_python(model: Path) -> None:
    assert make_context(BuildSpec(model, "x")).base_image == "python:3.12-slim"
    given = BuildSpec(
        model, "x", base_image="registry.example:5000/base/py:3.12@sha256:" + 64 * "a"
    )
    assert make_context(given).base_image == given.base_image


def test_a_model_of_an_old_python(model: Path) -> None:
    (model / "MLmodel").write_text(MLMODEL.replace("3.12.4", "3.8.2"))
    context = make_context(BuildSpec(model, "x"))
    assert context.base_image == "python:3.11-slim"
    assert any("saved with Python 3.8" in notice for notice in context.notices)


def test_labels_say_where_it_comes_from(model: Path) -> None:
    spec = BuildSpec(model, "registry.example/team/churn:2", trust=True, labels={"team": "a b"})
    context = make_context(spec)
    text = text_of(context.entries, "Dockerfile")
    for label in (
        'org.opencontainers.image.title="churn"',
        'org.opencontainers.image.created="2026-11-23T22:40:27.830695Z"',
        'mlpack.model.uuid="12e6c174379849eeb366479b59b71e04"',
        'mlpack.model.flavors="python_function,sklearn"',
        f'mlpack.model.digest="{context.model_digest}"',
        'mlpack.run.id="abc def"',
        'team="a b"',
    ):
        assert label in text
    assert f'MLPACK_MODEL_DIGEST="{context.model_digest}"' in text


def test_nobody_vouched(model: Path) -> None:
    context = make_context(BuildSpec(model, "x"))
    assert context.model_digest is None
    assert "MLPACK_MODEL_DIGEST" not in text_of(context.entries, "Dockerfile")
    assert not any("--trust" in notice for notice in context.notices)
    (model / "MLmodel").write_text(MLMODEL.replace("m.skops", "m.pkl"))
    assert any("--trust" in n for n in make_context(BuildSpec(model, "x")).notices)
    assert not any("--trust" in n for n in make_context(BuildSpec(model, "x", trust=True)).notices)


def test_another_model_than_the_recorded_one(model: Path) -> None:
    digest = make_context(BuildSpec(model, "x", trust=True)).model_digest
    assert make_context(BuildSpec(model, "x", expected_digest=digest)).model_digest == digest
    (model / "m.skops").write_bytes(b"y" * 1000)
    with pytest.raises(ModelChanged):
        make_context(BuildSpec(model, "x", expected_digest=digest))


def test_links_are_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (model / "extra").symlink_to(tmp_path / "secret")
    with pytest.raises(BadModel, match="link"):
        make_context(BuildSpec(model, "x"))


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(BadModel):
        make_context(BuildSpec(tmp_path, "x"))


def test_credentials_are_in_no_file(model: Path) -> None:
    spec = BuildSpec(
        model,
        "x",
        index_url="https://us3rname:pa55word@host/simple",
        build_args={"TOKEN": "t0ken-value", "HTTPS_PROXY": "http://px:pr0xypass@p:1"},
    )
    context = make_context(spec)
    written = b"".join(e.content for e in context.entries if isinstance(e.content, bytes))
    for secret in (b"us3rname", b"pa55word", b"t0ken-value", b"pr0xypass"):
        assert secret not in written
    assert set(context.build_args) == {"FTP_PROXY", "HTTPS_PROXY"}
    assert json.loads(context.build_args["FTP_PROXY"])["TOKEN"] == "t0ken-value"
    assert {"us3rname", "pa55word", "t0ken-value"} <= set(context.secrets)


def dockerfile(model: Path, **options: object) -> str:
    return text_of(make_context(BuildSpec(model, "x", **options)).entries, "Dockerfile")  # type: ignore[arg-type]


def test_a_new_token_keeps_the_cache_and_another_setting_does_not(model: Path) -> None:
    one = dockerfile(model, index_url="https://u:one@host/simple")
    assert one == dockerfile(model, index_url="https://u:two@host/simple")
    assert one != dockerfile(model, index_url="https://u:one@other/simple")
    assert one != dockerfile(model, index_url="https://u:one@host/simple", build_args={"A": "1"})


@pytest.mark.parametrize(
    "name",
    [
        "churn",
        "churn:2",
        "a/b/c:v1.0-x_y",
        "registry.example:5000/a/b",
        "localhost/x",
        "a__b",
        "a-b",
    ],
)
def test_names_that_are_fine(name: str) -> None:
    check_spec(BuildSpec(Path(), name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Churn",
        "a b",
        "-a",
        "a:",
        "a:b:c",
        "../a",
        "a\nRUN x",
        "a\n",
        "a@sha256:" + 64 * "a",
        "/a",
    ],
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_spec(BuildSpec(Path(), name))


def test_the_message_for_capital_letters() -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'team/churn:v1'"):
        check_spec(BuildSpec(Path(), "Team/Churn:V1"))


@pytest.mark.parametrize(
    "options",
    [
        {"base_image": "python:3.11\nRUN curl x"},
        {"base_image": "--platform=x y"},
        {"platforms": ["linux"]},
        {"platforms": ["linux/amd64 x"]},
        {"build_args": {"A B": "1"}},
        {"build_args": {"FTP_PROXY": "1"}},
        {"build_args": {"ftp_proxy": "1"}},
    ],
)
def test_options_that_would_change_the_dockerfile(options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        check_spec(BuildSpec(Path(), "x", **options))  # type: ignore[arg-type]


def test_written_to_a_folder(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    write_context(BuildSpec(model, "x"), out)
    assert (out / "Dockerfile").is_file()
    assert (out / "model/m.skops").read_bytes() == b"x" * 1000
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    with pytest.raises(AlreadyExists):
        write_context(BuildSpec(model, "x"), out)


def test_a_write_that_fails_leaves_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlpack.builders.context as context

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(context, "write_entries", fail)
    with pytest.raises(KeyboardInterrupt):
        write_context(BuildSpec(model, "x"), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_readable_in_the_image_whatever_the_umask(model: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_context(BuildSpec(model, "x"), tmp_path / "out")
    finally:
        os.umask(before)
    modes = {(p.is_dir(), p.stat().st_mode & 0o777) for p in (tmp_path / "out").rglob("*")}
    assert modes == {(True, 0o755), (False, 0o644)}


def test_an_empty_folder_is_filled_where_it_is(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a mount, somebody's working folder, or reached through a link."""
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    write_context(BuildSpec(model, "x"), Path())
    names = sorted(p.name for p in Path().absolute().iterdir())
    assert names == ["Dockerfile", "install", "model", "runtime"]
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_context(BuildSpec(model, "x"), tmp_path / "link")
    assert (tmp_path / "real" / "Dockerfile").is_file()


def test_not_into_the_model(model: Path) -> None:
    before = sorted(model.rglob("*"))
    with pytest.raises(InvalidInput, match="inside the model"):
        write_context(BuildSpec(model, "x"), model / "context")
    assert sorted(model.rglob("*")) == before
