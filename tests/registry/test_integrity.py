"""A version whose files changed is refused by everything that would use it, with their names."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import mlpack
from mlpack.builders.base import BuildSpec
from mlpack.builders.context import make_context
from mlpack.cli.build import make_spec
from mlpack.cli.main import cli
from mlpack.errors import BadModel, ModelChanged
from mlpack.flavors import hashing
from mlpack.flavors.integrity import manifest
from mlpack.registry.resolve import resolve
from mlpack.tests.rest_server import tracking_server

ROWS = '{"inputs": [1, 2]}'


def doubles(model_input):
    return [2 * x for x in model_input]


@pytest.fixture
def version(mlruns):
    """The folder of version 1 of 'churn'."""
    with mlpack.start_run():
        info = mlpack.pyfunc.log_model("m", python_model=doubles, registered_model_name="churn")
    return Path(info.artifact_path)


def change(folder):
    file = folder / "python_model.pkl"
    file.write_bytes(file.read_bytes()[::-1])
    return r"python_model\.pkl differs"


def add(folder):
    (folder / "sitecustomize.py").write_text("print('pwned')")
    return r"sitecustomize\.py was added"


def remove(folder):
    (folder / "requirements.txt").unlink()
    return r"requirements\.txt is missing"


def change_the_descriptor(folder):
    """And with it what the folder says of itself."""
    (folder / "requirements.txt").write_text("evil-package\n")
    described = (folder / "MLmodel").read_text().splitlines()
    kept = [line for line in described if "requirements.txt" not in line]
    (folder / "MLmodel").write_text("\n".join(kept))
    return r"MLmodel differs, requirements\.txt differs"


def no_descriptor(folder):
    (folder / "MLmodel").write_bytes(b"\x00")
    return "MLmodel differs"


def link(folder):
    file = folder / "python_model.pkl"
    file.rename(folder.parent / "elsewhere")
    file.symlink_to(folder.parent / "elsewhere")
    return r"python_model\.pkl is a symbolic link"


def link_a_folder(folder):
    (folder / "code").symlink_to("/etc")
    return "code is a symbolic link"


TAMPERINGS = [change, add, remove, change_the_descriptor, no_descriptor, link, link_a_folder]


def command(*arguments, **options):
    done = CliRunner().invoke(cli, [*map(str, arguments)], prog_name="mlpack", **options)
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_what_changed_is_refused_by_name(version, tamper, tmp_path):
    says = tamper(version)
    for load in (mlpack.load_model, mlpack.pyfunc.load_model):
        for uri in ("models:/churn/1", "models:/churn/latest"):
            with pytest.raises(BadModel, match=says):
                load(uri)
    with pytest.raises(BadModel, match=says):
        make_context(make_spec("models:/churn/1", "churn"))
    (tmp_path / "rows.json").write_text(ROWS)
    for arguments in (
        ("predict", "-m", "models:/churn/1", "-i", tmp_path / "rows.json"),
        ("generate-dockerfile", "-m", "models:/churn/1", "-d", tmp_path / "context"),
    ):
        code, output = command(*arguments)
        assert code != 0
        assert says.replace("\\", "") in " ".join(output.split())
    assert not (tmp_path / "context").exists()


@pytest.mark.server
def test_a_server_does_not_start_with_a_version_that_changed(version):
    says = change(version)
    done = subprocess.run(
        [sys.executable, "-m", "mlpack", "serve", "-m", "models:/churn/1", "-p", "0"],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode != 0
    assert says.replace("\\", "") in " ".join(done.stderr.split())


def test_what_is_on_record_is_trusted(version, recwarn):
    """Its pickle runs without a word, as the user's own store vouches for it."""
    model = mlpack.load_model("models:/churn/1")
    assert model.predict([1, 2]) == [2, 4]
    assert not [w for w in recwarn if "Load it only if you know" in str(w.message)]
    found = resolve("models:/churn/1")
    assert found.digest and len(found.files) == len([p for p in version.rglob("*") if p.is_file()])


def test_a_note_that_mlflow_leaves_is_no_change(version):
    (version / "registered_model_meta").write_text("model_name: churn\nmodel_version: '1'\n")
    assert mlpack.load_model("models:/churn/1").predict([1]) == [2]
    make_context(make_spec("models:/churn/1", "churn"))


def test_what_only_has_the_name_of_that_note_is_a_file_like_any(version, tmp_path):
    """Else a model could have a part that nobody checks."""
    note = version / "registered_model_meta"
    note.write_bytes(b"\x80\x04N.")
    with pytest.raises(ModelChanged, match="registered_model_meta was added"):
        mlpack.load_model("models:/churn/1")
    note.write_text("model_name: |\n" + " x" * 5000 + "\nmodel_version: 1\n")
    with pytest.raises(ModelChanged, match="registered_model_meta was added"):
        mlpack.load_model("models:/churn/1")
    note.unlink()
    # one whose descriptor names it as its code, in words that Python understands, too
    folder = tmp_path / "saved"
    mlpack.pyfunc.save_model(folder, python_model=doubles)
    described = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(
        described.replace("python_model.pkl", '"registered_m\\x6fdel_meta"')
    )
    (folder / "registered_model_meta").write_text("model_name: int\nmodel_version: int\n")
    assert "registered_model_meta" in manifest(folder)


def test_each_version_has_a_record_of_its_own(version, mlruns, tmp_path):
    """A folder that was registered, changed and registered again."""
    folder = tmp_path / "saved"
    mlpack.pyfunc.save_model(folder, python_model=doubles)
    mlpack.register_model(folder, "folder")
    (folder / "requirements.txt").write_text("")
    with pytest.raises(ModelChanged, match=r"requirements\.txt differs"):
        mlpack.load_model("models:/folder/1")
    shutil.rmtree(folder)
    mlpack.pyfunc.save_model(folder, python_model=lambda model_input: model_input)
    mlpack.register_model(folder, "folder")
    assert mlpack.load_model("models:/folder/2").predict([1]) == [1]
    with pytest.raises(ModelChanged, match="differs"):
        mlpack.load_model("models:/folder/1")


def test_a_version_without_checksums_is_held_against_its_logged_model(version, mlruns):
    from mlpack.registry.entities import By

    client = mlpack.MlpackClient()
    known = client.get_model_version("churn", 1)
    client.registry.create_model_version(
        "churn", known.source, model_id=known.model_id, tags={}, description="", by=By("x")
    )
    assert client.get_model_version("churn", 2).digest is None
    found = resolve("models:/churn/2")
    assert found.digest == client.get_logged_model(known.model_id).digest
    says = change(version)
    with pytest.raises(ModelChanged, match=says):
        mlpack.load_model("models:/churn/2")


def test_a_version_without_any_digest_follows_the_ordinary_rules(mlruns, tmp_path):
    from mlpack.registry.entities import By

    mlpack.pyfunc.save_model(tmp_path / "saved", python_model=doubles)
    registry = mlpack.MlpackClient().registry
    registry.create_model_version(
        "old", str(tmp_path / "saved"), tags={}, description="", by=By("x"), make_name=True
    )
    assert resolve("models:/old/1").digest is None
    with pytest.warns(UserWarning, match="Load it only if you know"):
        mlpack.load_model("models:/old/1")


def test_files_behind_a_server_are_checked_when_they_come(mlruns, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPACK_CACHE", str(tmp_path / "cache"))
    with tracking_server(tmp_path / "ours") as address:
        mlpack.set_tracking_uri(address)
        with mlpack.start_run():
            mlpack.pyfunc.log_model("m", python_model=doubles, registered_model_name="churn")
        found = resolve("models:/churn/1")
        assert found.digest and "python_model.pkl" in found.files
        assert mlpack.load_model("models:/churn/1").predict([1]) == [2]
        kept = found.path
        # damage here is mended, damage there is refused
        (kept / "python_model.pkl").write_bytes(b"other")
        assert mlpack.load_model("models:/churn/1").predict([1]) == [2]
        shutil.rmtree(tmp_path / "cache")
        next((tmp_path / "ours").rglob("python_model.pkl")).write_bytes(b"other")
        with pytest.raises(ModelChanged, match=r"python_model\.pkl differs"):
            mlpack.load_model("models:/churn/1")
        assert not list((tmp_path / "cache").rglob("python_model.pkl"))


def test_the_second_check_reads_nothing(version, monkeypatch):
    monkeypatch.setattr(hashing, "_TICK_NS", 0)  # files may be younger than a tick here
    mlpack.load_model("models:/churn/1")
    read = []
    real = hashing._hash
    monkeypatch.setattr(hashing, "_hash", lambda handle: read.append(handle) or real(handle))
    mlpack.load_model("models:/churn/1")
    make_context(make_spec("models:/churn/1", "churn"))
    assert read == []


def test_an_image_says_which_version_it_holds(version):
    client = mlpack.MlpackClient()
    client.set_registered_model_alias("churn", "champion", 1)
    spec = make_spec("models:/churn@champion", "registry.example/image:2")
    assert (spec.registered_name, spec.registered_version) == ("churn", 1)
    [dockerfile] = [e.content for e in make_context(spec).entries if e.path == "Dockerfile"]
    text = dockerfile.decode()
    assert 'mlpack.model.name="churn"' in text and 'mlpack.model.version="1"' in text
    assert 'MLPACK_MODEL_NAME="models:/churn/1"' in text
    assert spec.expected_digest in text
    plain = make_context(BuildSpec(version, "image:2"))
    [dockerfile] = [e.content for e in plain.entries if e.path == "Dockerfile"]
    assert "mlpack.model.name" not in dockerfile.decode()
    assert 'MLPACK_MODEL_NAME="image"' in dockerfile.decode()
