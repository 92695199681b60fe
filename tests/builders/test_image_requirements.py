"""What an image installs, from what a model's folder says."""

import os
from pathlib import Path

import pytest

from mlpack.builders.requirements import read_requirements
from mlpack.errors import BadModel, InvalidInput


def write(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_lines_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, "numpy==2.1\n# note\nscipy>=1 ; python_version>'3'  # why\n\npandas[x]==2\n")
    found = read_requirements(tmp_path)
    assert found.lines == ["numpy==2.1", "scipy>=1 ; python_version>'3'", "pandas[x]==2"]
    assert found.notices == []


def test_a_pipe_would_be_empty_the_second_time(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="Write them to a file"):
        read_requirements(tmp_path, tmp_path / "pipe")


def test_the_peer_is_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, "mlflow==3.17.2\npandas==2.2\n")
    found = read_requirements(tmp_path)
    assert found.lines == ["pandas==2.2"]
    assert "mlflow==3.17.2 is left out" in found.notices[0]
    assert read_requirements(tmp_path, keep_mlflow=True).lines == ["mlflow==3.17.2", "pandas==2.2"]


def test_pandas_replaces_what_mlflow_would_have_brought(tmp_path: Path) -> None:
    write(tmp_path, "mlflow\ncloudpickle==3\n")
    found = read_requirements(tmp_path)
    assert found.lines == ["cloudpickle==3", "pandas"]
    assert any("pandas is added" in notice for notice in found.notices)
    write(tmp_path, "mlflow-skinny\ncloudpickle==3\n")
    assert read_requirements(tmp_path).lines == ["cloudpickle==3"]


@pytest.mark.parametrize("line", ["mlflow", "MLflow>=2", "mlflow[extras]==3", "mlflow_skinny==3"])
def test_the_peer_in_every_spelling(tmp_path: Path, line: str) -> None:
    write(tmp_path, f"{line}\nnumpy\npandas\n")
    assert read_requirements(tmp_path).lines == ["numpy", "pandas"]


def test_names_that_only_begin_alike_stay(tmp_path: Path) -> None:
    write(tmp_path, "mlflow-export-import\nmlpack-toolkit\nmlpack-extra\n")
    assert read_requirements(tmp_path).lines == ["mlflow-export-import", "mlpack-extra"]


def test_own_file_replaces_the_models(tmp_path: Path) -> None:
    write(tmp_path, "numpy\n")
    lock = write(tmp_path, "scipy==1 \\\n  --hash=sha256:aa\n", "lock.txt")
    assert read_requirements(tmp_path, lock).lines == ["scipy==1    --hash=sha256:aa"]


def test_included_files(tmp_path: Path) -> None:
    write(tmp_path, "-r more.txt\n-c constraints.txt\n--extra-index-url https://host/whl\n")
    write(tmp_path, "numpy\n", "more.txt")
    write(tmp_path, "numpy<3\n", "constraints.txt")
    found = read_requirements(tmp_path)
    assert found.lines == ["numpy", "--extra-index-url https://host/whl"]
    assert found.constraints == ["numpy<3"]


def test_a_model_cannot_include_files_of_the_machine(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    write(tmp_path, "secret\n", "outside.txt")
    for line in ("-r ../outside.txt", f"-r{tmp_path}/outside.txt", "-c ../outside.txt"):
        write(model, line)
        with pytest.raises(BadModel, match="outside its folder"):
            read_requirements(model)
    (model / "link.txt").symlink_to(tmp_path / "outside.txt")
    write(model, "-r link.txt")
    with pytest.raises(BadModel, match="outside its folder"):
        read_requirements(model)


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    write(tmp_path, "-r requirements.txt\n")
    with pytest.raises(InvalidInput, match="includes itself"):
        read_requirements(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://user:pass@host/simple",
        "pkg @ git+https://token@github.com/a/b",
        "pkg @ https://u:p@host/x.whl",
    ],
)
def test_credentials_are_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    write(tmp_path, line)
    with pytest.raises(InvalidInput, match="credentials") as caught:
        read_requirements(tmp_path)
    assert not any(secret in caught.value.message for secret in (":pass@", "token@", "u:p"))


def test_credentials_from_the_environment_are_fine(tmp_path: Path) -> None:
    line = "pkg @ git+https://${TOKEN}@github.com/a/b"
    write(tmp_path, line)
    assert read_requirements(tmp_path).lines == [line]


@pytest.mark.parametrize(
    "line", ["-e .", "./pkg", "/abs/pkg.whl", "pkg @ file:///x", "-f ./w", "-i file:///x"]
)
def test_places_on_one_machine_are_refused(tmp_path: Path, line: str) -> None:
    write(tmp_path, line)
    with pytest.raises(InvalidInput, match="one machine"):
        read_requirements(tmp_path)


def test_old_folders_have_only_conda(tmp_path: Path) -> None:
    text = "dependencies:\n- python=3.8\n- pip:\n  - mlflow\n  - numpy==1\n  - pandas==1\n"
    write(tmp_path, text, "conda.yaml")
    assert read_requirements(tmp_path).lines == ["numpy==1", "pandas==1"]
    write(tmp_path, "[", "conda.yaml")
    with pytest.raises(BadModel):
        read_requirements(tmp_path)


def test_none_at_all(tmp_path: Path) -> None:
    found = read_requirements(tmp_path)
    assert found.lines == []
    assert "no requirements" in found.notices[0]
