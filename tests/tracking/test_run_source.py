"""Where a run comes from, with real git repositories in all the shapes they have."""

import subprocess
import sys
import threading

import pytest

import mlpack
from mlpack.tracking import dirty
from mlpack.tracking.context import describe_source, git_head, git_remote


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "deep" / "er").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", "repository")
    (folder / "a.txt").write_text("a")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def head(folder):
    return git(folder, "rev-parse", "HEAD")


def test_a_branch(repository):
    assert git_head(repository) == (head(repository), "main")
    assert git_head(repository / "deep" / "er") == (head(repository), "main")
    git(repository, "checkout", "-q", "-b", "feature/a-b")
    assert git_head(repository) == (head(repository), "feature/a-b")


def test_packed_branches(repository):
    git(repository, "branch", "other-main")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git" / "refs" / "heads" / "main").exists()
    assert git_head(repository) == (head(repository), "main")


def test_a_detached_head(repository):
    git(repository, "checkout", "-q", "--detach")
    assert git_head(repository) == (head(repository), None)


def test_a_worktree(repository, tmp_path):
    git(repository, "worktree", "add", "-q", "-b", "beside", str(tmp_path / "beside"))
    (tmp_path / "beside" / "b.txt").write_text("b")
    git(tmp_path / "beside", "add", ".")
    git(tmp_path / "beside", "commit", "-q", "-m", "second")
    found = git_head(tmp_path / "beside")
    assert found == (head(tmp_path / "beside"), "beside")
    assert found[0] != head(repository)


def test_a_repository_without_a_commit(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", "empty")
    assert git_head(tmp_path / "empty") == (None, "main")


def test_no_repository(tmp_path):
    assert git_head(tmp_path / "nowhere") == (None, None)


@pytest.mark.parametrize(
    "content", ["", "nonsense", "ref: ", "ref: ../../../etc/passwd", "\x00", "ref: refs/heads/nope"]
)
def test_a_damaged_repository_is_not_an_error(repository, content):
    (repository / ".git" / "HEAD").write_text(content)
    assert git_head(repository)[0] is None


def test_a_damaged_pointer_is_not_an_error(tmp_path):
    for content in (b"\xff\xfe", b"gitdir: /nonexistent", b"nonsense"):
        (tmp_path / ".git").write_bytes(content)
        assert git_head(tmp_path) == (None, None)


def test_a_scripts_own_repository_counts_not_the_working_folders(repository, tmp_path):
    script = repository / "deep" / "train.py"
    script.write_text("import mlpack\nwith mlpack.start_run():\n    pass\n")
    subprocess.run([sys.executable, str(script)], check=True, cwd=tmp_path)
    [run] = mlpack.search_runs(output_format="list")
    assert run.data.tags["mlflow.source.git.commit"] == head(repository)
    assert run.data.tags["mlflow.source.git.branch"] == "main"
    assert run.data.tags["mlflow.source.name"] == str(script)
    assert run.data.tags["mlflow.source.type"] == "LOCAL"


def trained(repository):
    """The tags of a run of a script in the repository, once its process has ended."""
    script = repository / "deep" / "train.py"
    if not script.exists():
        script.write_text(
            "import mlpack\n"
            "from mlpack.tracking import dirty\n"
            "wait = dirty.wait\n"
            "dirty.wait = lambda seconds: wait(60)  # git takes its time on a busy machine\n"
            "with mlpack.start_run():\n    pass\n"
        )
    subprocess.run([sys.executable, str(script)], check=True, cwd=repository.parent)
    return mlpack.search_runs(output_format="list", max_results=1)[0].data.tags


def test_a_dirty_tree_is_recorded(repository):
    assert trained(repository)["mlflow.source.git.dirty"] == "false"  # untracked does not count
    (repository / "a.txt").write_text("b")
    assert trained(repository)["mlflow.source.git.dirty"] == "true"
    git(repository, "add", "a.txt")  # staged is not committed
    assert trained(repository)["mlflow.source.git.dirty"] == "true"
    git(repository, "commit", "-q", "-m", "second")
    assert trained(repository)["mlflow.source.git.dirty"] == "false"
    (repository / "a.txt").touch()  # newer, and the same
    assert trained(repository)["mlflow.source.git.dirty"] == "false"
    (repository / "a.txt").unlink()
    assert trained(repository)["mlflow.source.git.dirty"] == "true"


def test_the_changes_are_kept_for_those_who_ask(repository, monkeypatch):
    (repository / "a.txt").write_text("changed é\n")
    (repository / "new.txt").write_text("untracked")

    def kept():
        trained(repository)
        run = mlpack.search_runs(output_format="list", max_results=1)[0]
        files = mlpack.MlpackClient().list_artifacts(run.info.run_id)
        return [mlpack.artifacts.load_text(f"{run.info.artifact_uri}/{f.path}") for f in files]

    assert kept() == []
    monkeypatch.setenv("MLPACK_LOG_GIT_DIFF", "1")
    [told] = kept()
    assert "-a\n" in told and "+changed é\n" in told and "untracked" not in told
    monkeypatch.setattr(dirty, "_LARGEST", 30)
    assert dirty.diff(repository).endswith("\n… the rest is left out\n")
    git(repository, "commit", "-qam", "second")
    assert kept() == [] and dirty.diff(repository) is None


def test_without_git_nobody_says_dirty(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    tags = trained(repository)
    assert "mlflow.source.git.commit" in tags and "mlflow.source.git.dirty" not in tags


def test_runs_that_start_together_share_one_answer(repository, monkeypatch):
    asked, together = [], threading.Event()
    monkeypatch.setattr(
        dirty, "_is_dirty", lambda folder: asked.append(folder) or together.wait(60)
    )
    answers = []
    for _ in range(5):
        dirty.find_out(repository, answers.append)
    together.set()
    dirty.wait(60)
    assert (answers, asked) == ([True] * 5, [repository])


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("https://user:secret@host.example/a/b.git", "https://host.example/a/b.git"),
        ("git@host.example:a/b.git", "git@host.example:a/b.git"),
        ("../elsewhere", "../elsewhere"),
    ],
)
def test_the_address_of_the_repository(repository, tmp_path, given, recorded):
    assert git_remote(repository) is None
    git(repository, "remote", "add", "origin", given)
    git(repository, "remote", "add", "other", "https://other.example")
    assert git_remote(repository / "deep") == recorded
    git(repository, "worktree", "add", "-q", "-b", "beside", str(tmp_path / "beside"))
    assert git_remote(tmp_path / "beside") == recorded


def test_without_a_user_a_script_or_a_repository(monkeypatch, tmp_path):
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    monkeypatch.setattr(sys, "argv", [""])
    tags = describe_source()
    assert tags["mlflow.user"].isdecimal()
    assert tags["mlflow.source.name"] == "<console>"
    assert "mlflow.source.git.commit" not in tags


def test_a_users_own_tags_win():
    with mlpack.start_run(tags={"mlflow.user": "bot", "mlflow.source.name": "ci"}) as run:
        pass
    assert (run.info.user_id, run.data.tags["mlflow.source.name"]) == ("bot", "ci")
