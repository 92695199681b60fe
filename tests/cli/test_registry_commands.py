"""``mlpack models …`` about registered models, as a person and a script use it."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

import mlpack
from mlpack.cli.main import cli
from mlpack.cli.registered import with_aliases
from mlpack.cli.registry_names import complete_model
from mlpack.errors import BadModel, Conflict, InvalidInput, InvalidState, MlpackError, NotFound
from mlpack.registry.entities import ModelVersion, RegisteredModel
from mlpack.tests.rest_server import tracking_server

EVIL = "\x1b[31mred\x1b[0m\u202e\x9b2J"


@pytest.fixture(params=["folder", "server"])
def store(request, mlruns, tmp_path_factory):
    """A folder and our server in turn, with two versions of "churn"."""
    if request.param == "folder":
        _fill()
        yield mlruns
        return
    with tracking_server(tmp_path_factory.mktemp("server")) as address:
        mlpack.set_tracking_uri(address)
        _fill()
        yield address
        mlpack.set_tracking_uri("")


def _fill():
    for number in (1, 2):
        with mlpack.start_run(run_name=f"run {number}"):
            rows = pd.DataFrame({"a": [float(number)]})
            mlpack.log_input(mlpack.data.from_pandas(rows, source="rows.csv", name="rows"))
            mlpack.log_param("C", number)
            mlpack.log_metric("auc", 0.5 + number / 8)
            mlpack.pyfunc.log_model(
                "m",
                python_model=lambda model_input: model_input,
                input_example=rows,
                registered_model_name="churn",
            )


def call(*arguments, answer=None):
    """What a command prints; its errors are raised."""
    done = CliRunner().invoke(
        cli, ["models", *map(str, arguments)], input=answer, catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.stdout


def told(*arguments):
    return json.loads(call(*arguments, "--json"))


def client():
    return mlpack.MlpackClient()


def test_list_and_versions(store):
    call("alias", "churn/2", "champion")
    head, line = call("list").splitlines()
    assert head.split() == ["NAME", "NEWEST", "STAGES", "ALIASES", "CHANGED", "DESCRIPTION"]
    assert line.split()[:3] == ["churn", "2", "@champion=2"]
    [model] = told("list", "--filter", "name LIKE 'chu%'")
    assert model["name"] == "churn" and model["aliases"] == {"champion": 2}
    assert told("list", "--filter", "name = 'none'") == []
    assert [line.split()[0] for line in call("versions", "churn").splitlines()[1:]] == ["2", "1"]
    assert [version["version"] for version in told("versions", "churn")] == [2, 1]
    with pytest.raises(InvalidInput, match="filter"):
        call("list", "--filter", "name ~ 1")
    with pytest.raises(NotFound, match="none"):
        call("versions", "none")
    with pytest.raises(InvalidInput, match="names a version"):
        call("versions", "churn/2")


def test_more_than_a_page(store):
    for number in range(4):
        client().create_registered_model(f"m{number}")
    done = CliRunner().invoke(cli, ["models", "list", "--max-results", "2"])
    assert len(done.stdout.splitlines()) == 3 and "more: --all" in done.stderr
    assert len(told("list", "--max-results", "2")) == 2
    assert len(told("list", "--max-results", "2", "--all")) == 5
    assert [v["version"] for v in told("versions", "churn", "--max-results", "1")] == [2]


def test_show(store):
    call("describe", "churn", "# Who leaves\nand why")
    call("tag", "churn/2", "checked=yes")
    text = call("show", "churn")
    assert "# Who leaves" in text and "and why" in text and "\n2 " in text
    assert [v["version"] for v in told("show", "churn")["newest_versions"]] == [2, 1]
    for address in ("churn/2", "models:/churn/2", "churn/latest"):
        text = call("show", address)
        assert "checked = yes" in text and "a: double" in text and "as recorded" in text
        found = told("show", address)
        assert found["version"]["version"] == 2 and found["problem"] is None
        assert found["digest"] == found["recorded_digest"] and "MLmodel" in found["files"]
    model_id = client().get_model_version("churn", 1).model_id
    assert told("show", model_id)["model_id"] == model_id
    with pytest.raises(NotFound, match="registered model 'nobody'"):
        call("show", "nobody")


def test_a_version_whose_files_are_gone_is_still_shown(mlruns):
    _fill()
    model = client().get_logged_model(client().get_model_version("churn", 1).model_id)
    os.rename(model.artifact_location, f"{model.artifact_location}-elsewhere")
    text = call("show", "churn/1")
    assert "churn/1" in text and "gone" in text and "sha256:" in text
    assert told("show", "churn/1")["problem"]
    assert "files: gone" in call("lineage", "churn/1")


def test_register(store, tmp_path):
    with mlpack.start_run() as run:
        mlpack.pyfunc.log_model("m", python_model=lambda model_input: model_input)
    uri = f"runs:/{run.info.run_id}/m"
    made = told(
        *("register", uri, "new", "--description", "first", "--tag", "a=b=c"),
        *("--alias", "best", "--note", "because"),
    )
    assert (made["name"], made["version"], made["aliases"]) == ("new", 1, ["best"])
    assert made["description"] == "first" and made["tags"] == {"a": "b=c"}
    assert made["digest"].startswith("sha256:")
    assert {entry["note"] for entry in told("history", "new/1")} == {"because"}
    assert call("register", uri, "models:/new") == "Registered new/2\n"
    for bad in ("latest", "no alias"):
        with pytest.raises(InvalidInput, match="alias"):
            call("register", uri, "never", "--alias", bad)
    with pytest.raises(BadModel, match="no model at"):
        call("register", f"runs:/{run.info.run_id}/none", "never")
    with pytest.raises(NotFound, match="never"):
        call("show", "never")  # nothing half done


def test_promote_asks_before_it_archives(store):
    assert call("promote", "churn/1", "production") == "churn/1 is in Production\n"
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        call("promote", "churn/2", "Production", answer="n\n")
    with pytest.raises(InvalidInput, match="--yes answers"):
        call("promote", "churn/2", "Production")
    assert client().get_model_version("churn", 1).current_stage == "Production"
    call("promote", "churn/2", "Production", "--note", "won", answer="y\n")
    assert client().get_model_version("churn", 1).current_stage == "Archived"
    assert told("promote", "churn/1", "Staging")["current_stage"] == "Staging"
    call("promote", "churn/1", "Production", "--keep-existing")
    assert client().get_model_version("churn", 2).current_stage == "Production"
    assert told("promote", "churn/2", "None", "--yes")["current_stage"] == "None"


def test_who_expects_something_else_is_told(store):
    call("promote", "churn/1", "Production", "--expect", "0")
    with pytest.raises(Conflict, match="version 1"):
        call("promote", "churn/2", "Production", "--expect", "0", "--yes")
    call("promote", "churn/2", "Production", "--expect", "1")  # which answers the question, too
    call("alias", "churn/1", "champion", "--expect", "0")
    with pytest.raises(Conflict):
        call("alias", "churn/2", "champion", "--expect", "2")
    assert told("alias", "churn/2", "champion", "--expect", "1")["aliases"] == ["champion"]


def test_a_promotion_that_comes_between_question_and_answer_wins(mlruns, monkeypatch):
    _fill()
    call("promote", "churn/1", "Production")

    def slow_answer(*_, **__):
        client().create_model_version("churn", client().get_model_version("churn", 1).source)
        client().transition_model_version_stage("churn", 3, "Production")
        return True

    monkeypatch.setattr("click.confirm", slow_answer)
    with pytest.raises(Conflict, match="3"):
        call("promote", "churn/2", "Production")
    assert client().get_model_version("churn", 2).current_stage == "None"


def test_aliases(store):
    assert call("alias", "churn/2", "@champion") == "churn@champion is churn/2\n"
    call("alias", "churn@champion", "second")
    assert client().get_model_version_by_alias("churn", "second").version == 2
    assert call("unalias", "churn@second", "--note", "no use") == "Removed churn@second\n"
    with pytest.raises(NotFound, match="no alias 'second'"):
        call("unalias", "churn@second")
    with pytest.raises(InvalidInput, match="not allowed"):
        call("alias", "churn/2", "a b")
    assert CliRunner().invoke(cli, ["models", "unalias", "churn"]).exit_code == 2


def test_describe_tag_and_untag(store, tmp_path):
    (tmp_path / "README.md").write_text("# Größe")
    call("describe", "churn/1", "--file", tmp_path / "README.md", "--note", "read me")
    assert client().get_model_version("churn", 1).description == "# Größe"
    assert told("describe", "churn/1", "")["description"] == ""
    assert told("tag", "churn", "a=1", "b=2")["tags"] == {"a": "1", "b": "2"}
    assert told("untag", "churn", "a", "none")["tags"] == {"b": "2"}
    assert told("tag", "churn/latest", "k=")["tags"] == {"k": ""}
    assert told("untag", "churn/2", "k", "--note", "no use")["tags"] == {}
    again = CliRunner().invoke(cli, ["models", "untag", "churn/2", "k"])  # so scripts may repeat it
    assert again.exit_code == 0 and again.stderr == "churn/2 has no tag k\n"
    assert told("history", "churn/2")[0]["note"] == "no use"
    runner = CliRunner()
    (tmp_path / "latin").write_bytes(b"\xff")
    for wrong in (
        ["describe", "churn"],
        ["describe", "churn", "x", "--file", str(tmp_path / "README.md")],
        ["describe", "churn", "--file", str(tmp_path / "latin")],
        ["tag", "churn"],
        ["tag", "churn", "novalue"],
        ["untag", "churn"],
    ):
        assert runner.invoke(cli, ["models", *wrong]).exit_code == 2, wrong


def test_copy_and_rename(store):
    call("tag", "churn/2", "k=v", "--note", "checked by hand")
    assert ("tag k: nothing → v", "checked by hand") in [
        tuple(line.split("  ")[-2:]) for line in call("history", "churn/2").splitlines()
    ]
    copied = told("copy", "churn/latest", "live", "--note", "passed")
    assert (copied["name"], copied["version"], copied["tags"]) == ("live", 1, {"k": "v"})
    assert call("rename", "live", "models:/prod", "--note", "clearer") == "Renamed live to prod\n"
    with pytest.raises(NotFound):
        call("show", "live/1")
    assert told("history", "prod")[0]["kind"] == "renamed"
    assert {"passed", "clearer"} <= {entry["note"] for entry in told("history", "prod")}
    with pytest.raises(MlpackError, match="prod"):
        call("rename", "churn", "prod")


def test_delete_asks_first(store):
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        call("delete", "churn/1", answer="\n")
    call("alias", "churn/1", "old")
    done = CliRunner().invoke(cli, ["models", "delete", "churn@old"], input="y\n")
    assert "Delete churn/1, at which @old points?" in done.stderr
    assert done.stdout == "Deleted churn/1\n"
    call("promote", "churn/2", "Staging")
    with pytest.raises(InvalidState, match="Staging"):
        call("delete", "churn/2", "--yes")
    with pytest.raises(InvalidState, match="Staging"):
        call("delete", "churn", "--yes")
    call("promote", "churn/2", "Archived")
    assert told("delete", "churn", "--yes", "--note", "done with it") == {
        "deleted": {"name": "churn", "version": None}
    }
    with pytest.raises(NotFound):
        call("show", "churn")


def test_history(store):
    call("promote", "churn/2", "Staging", "--note", "looks good")
    call("alias", "churn/1", "champion")
    call("alias", "churn/2", "champion", "--note", "won")
    call("describe", "churn", "Who leaves", "--note", "asked for")
    text = call("history", "churn")
    for line in ("stage: None → Staging", "@champion: 1 → 2", "description: Who leaves"):
        assert line in text
    assert "looks good" in text and "asked for" in text
    assert text.splitlines()[-1].split()[-1] in ("made", "registered")
    of_one = told("history", "churn/1")
    assert {entry["kind"] for entry in of_one} == {"created", "alias"}
    assert all(entry["user_id"] and entry["timestamp"] for entry in of_one)


def test_lineage(store):
    run = client().get_model_version("churn", 2).run_id
    text = call("lineage", "churn/2")
    first, *lines = text.splitlines()
    assert first == "churn/2"
    assert any(line.startswith(f"├── run: run 2 ({run}), FINISHED") for line in lines)
    assert any("dataset: rows (digest " in line and "from rows.csv" in line for line in lines)
    assert any(line.startswith("└── environment: Python 3") for line in lines)
    found = told("lineage", "models:/churn/2")
    assert found["run"]["run_id"] == run and found["datasets"][0]["name"] == "rows"
    assert (found["images"], found["deployments"], found["gone"]) == ([], [], {})


def test_the_way_back(store):
    one, two = (client().get_model_version("churn", number) for number in (1, 2))
    _, *lines = call("lineage", "--dataset", "rows").splitlines()
    assert [line.split()[0] for line in lines] == ["churn/2", "churn/1"]
    [found] = told("lineage", "--run", one.run_id)
    assert (found["name"], found["version"]) == ("churn", 1)
    digest = client().get_run(two.run_id).inputs.dataset_inputs[0].dataset.digest
    assert [v["version"] for v in told("lineage", "--dataset", f"rows@{digest}")] == [2]
    assert told("lineage", "--commit", "f" * 40) == []
    done = CliRunner().invoke(cli, ["models", "lineage", "--dataset", "none"])
    assert (done.exit_code, done.stdout) == (0, "") and "No versions" in done.stderr
    for wrong in ([], ["churn/1", "--dataset", "rows"]):
        assert CliRunner().invoke(cli, ["models", "lineage", *wrong]).exit_code == 2


def test_diff(store):
    text = call("diff", "churn/1", "churn/2")
    lines = [line.split() for line in text.splitlines()]
    assert ["~", "C", "1", "2"] in lines
    assert ["~", "auc", "0.625", "0.75", "+0.125"] in lines
    assert "The same: " in text and "cloudpickle" not in text
    assert "cloudpickle" in call("diff", "churn/1", "churn/2", "--all")
    assert max(map(len, text.splitlines())) <= 140
    found = told("diff", "churn/1", "models:/churn/latest")
    [param] = found["sections"]["params"]
    assert param == {"key": "C", "left": "1", "right": "2", "changed": True}
    assert not found["same"] and told("diff", "churn/1", "churn/1")["same"]
    assert call("diff", "churn/1", "churn/1").startswith("The same: version, origin")


def test_what_others_wrote_commands_no_terminal(store):
    call("describe", "churn", EVIL)
    call("describe", "churn/1", EVIL, "--note", EVIL)
    call("tag", "churn/1", f"k={EVIL}")
    for command in (
        ["list"],
        ["show", "churn"],
        ["show", "churn/1"],
        ["versions", "churn"],
        ["history", "churn"],
        ["lineage", "churn/1"],
        ["lineage", "--dataset", "rows"],
        ["diff", "churn/1", "churn/2"],
    ):
        text = call(*command)
        assert "red" in text or "diff" in command, command
        assert not set(text) & {"\x1b", "\u202e", "\x9b"}, command
        assert call(*command, "--json").isascii()
    assert told("show", "churn")["description"] == EVIL


def test_the_shell_completes_names_and_versions(store):
    client().create_registered_model("chair")
    assert complete_model(None, None, "ch") == ["chair", "churn"]
    assert complete_model(None, None, "churn/") == ["churn/2", "churn/1"]
    assert complete_model(None, None, "x'\"") == []
    mlpack.set_tracking_uri("http://127.0.0.1:1")
    assert complete_model(None, None, "") == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "churn/1"), 1, "no registered model 'churn'"),
        (("promote", "churn/1", "Live"), 2, "production"),
        (("promote", "churn", "Production"), 1, "no version of it"),
        (("alias", "churn/", "x"), 1, "names no registered model"),
        (("lineage", "churn/99999999999999999999999"), 1, "error"),
        (("diff", "./a", "./b"), 1, "a"),
        (("delete", "churn/1", "--yes"), 1, "no registered model 'churn'"),
        (("register", "./nowhere", "churn"), 1, "nowhere"),
        (("history", "x" * 300), 1, "256"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, arguments, code, says):
    done = subprocess.run(
        [sys.executable, "-m", "mlpack", "models", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MLPACK_TRACKING_URI": ""},
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert says in done.stderr and "Traceback" not in done.stderr and done.stdout == ""
    assert code == 2 or len(done.stderr.strip().splitlines()) == 1
    assert not any(tmp_path.iterdir()), "asking must not make a store"


def test_versions_have_their_aliases_wherever_they_come_from():
    model = RegisteredModel("m", 1, 1, aliases={"old": 1, "champion": 2, "also": 2})
    found = [
        ModelVersion("m", 3, 1, 1),
        ModelVersion("m", 2, 1, 1),
    ]  # as MLflow's servers do
    assert [v.aliases for v in with_aliases(found, model)] == [[], ["also", "champion"]]
