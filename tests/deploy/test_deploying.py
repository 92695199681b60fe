"""From a command or Python's client to a target: the example of a third party's target does it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import mlpack
from mlpack.cli.main import cli
from mlpack.deploy_targets import discovery
from mlpack.deploy_targets.base import Deployment, DeployRequest, Plan, Prediction, say
from mlpack.deploy_targets.discovery import split_uri, target_names
from mlpack.deploy_targets.options import REQUIRED, option, read_options
from mlpack.errors import (
    AlreadyExists,
    DeployFailed,
    InvalidInput,
    NotFound,
    StorageFailed,
)
from mlpack.registry.client import MlpackClient
from mlpack.registry.lineage import lineage


@dataclass(frozen=True, kw_only=True)
class CloudOptions:
    region: str = option("here-1", "where", place=True)
    size: int = option(REQUIRED, "how large", minimum=1)
    token: str | None = option(None, "to enter", secret=True)


@dataclass
class Cloud:
    """A target in memory that keeps what it is asked for."""

    name = "cloud"
    options = CloudOptions
    there: dict[str, Deployment] = field(default_factory=dict)
    paid: tuple[str, ...] = ("1 × large, until deleted",)
    fault: str = ""
    tells: bool = True
    regions: list[str] = field(default_factory=list)

    def __call__(self) -> "Cloud":
        return self

    def at(self, place: dict[str, Any]) -> "Cloud":
        self.regions.append(place["region"])
        return self

    def plan(self, request: DeployRequest) -> Plan:
        read_options(CloudOptions, request.options, self.name)
        now = self.there.get(request.name)
        if now and now.model_uri == request.model_uri:
            return Plan("none", [], {}, self.paid)
        return Plan("update" if now else "create", ["make it"], {"size": 1}, self.paid)

    def create(self, request: DeployRequest, report: Any) -> Deployment:
        say(report, "Making it")
        if self.fault:
            raise DeployFailed(self.fault, [f"log of {self.fault}"], "Try -C size=2.")
        told = {"image_digest": "sha256:1", "place": self.regions[-1]}
        if self.tells:
            told["model_name"] = request.registered_name
            told["model_version"] = request.registered_version
        made = Deployment(
            request.name, self.name, "healthy", "https://x", request.model_uri,
            request.model_digest, "image", "now", told,
        )  # fmt: skip
        self.there[request.name] = made
        return made

    update = create

    def rollback(self, name: str, report: Any) -> Deployment:
        return self.get(name)

    def delete(self, name: str, report: Any, *, force: bool = False) -> None:
        self.get(name)
        del self.there[name]

    def list(self) -> list[Deployment]:
        return [*self.there.values()]

    def get(self, name: str) -> Deployment:
        if name not in self.there:
            raise NotFound(f"There is no {name}.")
        return self.there[name]

    def predict(self, name: str, body: bytes, content_type: str) -> Prediction:
        return Prediction(json.dumps({"predictions": [content_type]}).encode(), "application/json")

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        yield from ["one", "two"][-(tail or 0) :]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A target that is found as a plug-in's is."""
    made = Cloud()

    class Entry:
        name = "cloud"

        def load(self) -> Callable[[], Cloud]:
            return lambda: made

    monkeypatch.setattr(discovery, "entry_points", lambda group: [Entry()])
    return made


@pytest.fixture
def churn(mlruns: Path, iris_model: Path) -> str:
    """Two registered versions, with an example."""
    from sklearn.linear_model import LogisticRegression

    example = np.array([[5.1, 3.5], [1.0, 2.0]])
    for _ in range(2):
        with mlpack.start_run():
            mlpack.sklearn.log_model(
                LogisticRegression().fit(example, [0, 1]),
                name="m",
                registered_model_name="churn",
                input_example=example,
            )
    return "models:/churn/1"


def run(*arguments: str, **given: Any) -> Result:
    return CliRunner().invoke(cli, [*arguments], **given)


def deploy(uri: str, *arguments: str) -> Result:
    return run("deploy", "-m", uri, "-t", "cloud", "-n", "c", "-C", "size=1", *arguments)


def notes(address: str) -> list[dict[str, Any]]:
    return lineage(MlpackClient(), address).deployments


def test_what_costs_money_is_not_made_unasked(cloud: Cloud, churn: str) -> None:
    done = deploy(churn)
    assert isinstance(done.exception, InvalidInput)
    assert "1 × large, until deleted" in done.exception.message
    assert "--yes" in done.exception.message
    assert not cloud.there
    shown = deploy(churn, "--dry-run")
    assert "costs money: 1 × large" in shown.stdout
    assert not cloud.there
    assert deploy(churn, "--yes").exit_code == 0
    assert cloud.there


@pytest.mark.parametrize(("answer", "made"), [("y", True), ("n", False)])
def test_what_costs_money_is_asked_for_on_a_terminal(
    mlruns: Path, iris_model: Path, answer: str, made: bool
) -> None:
    code = (
        "from mlpack.tests.deploy.test_deploying import Cloud\n"
        "from mlpack.deploy_targets import discovery\n"
        "from mlpack.cli.main import main\n"
        "discovery._found = lambda: {'cloud': type('Entry', (), {'load': lambda self: Cloud})()}\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "deploy", "-m", str(iris_model), "-t", "cloud"]
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [*command, "-n", "c", "-C", "size=1"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.write(control, f"{answer}\n".encode())
    out, _ = process.communicate()
    os.close(terminal)
    shown = os.read(control, 10_000).decode()
    os.close(control)
    assert "this costs money while it runs" in shown
    assert "1 × large, until deleted" in shown
    assert (process.returncode == 0) is made
    assert (b"https://x" in out) is made


@pytest.mark.parametrize("tells", [True, False])
def test_the_life_of_a_deployment_is_on_record(cloud: Cloud, churn: str, tells: bool) -> None:
    cloud.tells = tells
    made = deploy(churn, "--yes", "--json")
    assert json.loads(made.stdout)["action"] == "create"
    (note,) = notes("churn/1")
    assert (note["target"], note["name"], note["state"]) == ("cloud", "c", "deployed")
    assert (note["endpoint"], note["image_digest"], note["of"]) == (
        "https://x",
        "sha256:1",
        "churn/1",
    )
    assert note["when"] and note["by"]

    again = deploy(churn, "--yes")
    assert again.exit_code == 0
    assert "Nothing to do" in again.stderr

    assert json.loads(deploy("models:/churn/2", "--yes", "--json").stdout)["action"] == "update"
    assert notes("churn/1")[0]["state"] == "replaced"
    assert notes("churn/2")[0]["state"] == "updated"
    assert "cloud/c" in run("models", "lineage", "churn/2").stdout

    assert run("deployments", "rollback", "-t", "cloud", "-n", "c").exit_code == 0
    assert notes("churn/2")[0]["state"] == "rolled back"
    assert run("deployments", "delete", "-t", "cloud", "-n", "c").exit_code == 0
    assert notes("churn/2")[0]["state"] == "deleted"

    listed = json.loads(run("deployments", "list", "--json").stdout)
    assert {(each["of"], each["state"]) for each in listed} == {
        ("churn/1", "replaced"),
        ("churn/2", "deleted"),
    }


def test_one_name_in_two_places_has_two_notes(cloud: Cloud, churn: str) -> None:
    for region in ("here-1", "there-1"):
        assert deploy(churn, "--yes", "-C", f"region={region}").exit_code == 0
        cloud.there.clear()  # each region has its own
    assert sorted(note["place"] for note in notes("churn/1")) == ["here-1", "there-1"]


def test_manifests_that_were_written_are_no_deployment(churn: str, tmp_path: Path) -> None:
    image = "registry.example/churn@sha256:" + "1" * 64
    where = ("-t", "kubernetes", "-n", "c", "--image", image, "--output", str(tmp_path / "out"))
    assert run("deploy", "-m", churn, *where).exit_code == 0
    (note,) = notes("churn/1")
    assert (note["state"], note["status"]) == ("written", "written")


def test_a_record_that_cannot_be_made_is_a_notice(
    cloud: Cloud, churn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpack.registry import uses

    def fail(*_: object, **__: object) -> None:
        raise StorageFailed("The disk is full.")

    monkeypatch.setattr(uses, "record_deployment", fail)
    done = deploy(churn, "--yes")
    assert done.exit_code == 0
    assert "could not be noted in tracking: The disk is full." in done.stderr


def test_a_failure_shows_reason_log_and_advice(cloud: Cloud, churn: str, mlruns: Path) -> None:
    cloud.fault = "Out of memory, token hunter22."
    done = deploy(churn, "--yes", "-C", "token=hunter22")
    error = done.exception
    assert isinstance(error, DeployFailed)
    assert (error.reason, error.log) == ("Out of memory, token ***.", ("log of " + error.reason,))
    assert "hunter22" not in done.output + str(error)
    code = (
        "from mlpack.cli import main\n"
        "from mlpack.errors import DeployFailed\n"
        "def cli(prog_name): raise DeployFailed('It is out.', ['a\\x1b[1m', 'b'], 'Wait.')\n"
        "main.cli = cli; main.main()"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 1
    assert shown.stderr == "error: It is out.\n  | a\n  | b\ntry: Wait.\n"


def test_settings_are_checked_before_the_model_is_sought(cloud: Cloud) -> None:
    for settings, told in (([], "needs -C size"), (["-C", "size=1", "-C", "sise=2"], "'size'")):
        done = run("deploy", "-m", "models:/none/1", "-t", "cloud", "-n", "c", *settings)
        assert isinstance(done.exception, InvalidInput)
        assert told in done.exception.message


def test_places_reach_the_commands_that_take_a_name(cloud: Cloud, churn: str) -> None:
    assert deploy(churn, "--yes").exit_code == 0
    assert run("deployments", "get", "-t", "cloud", "-n", "c", "-C", "region=b").exit_code == 0
    assert run("deployments", "list", "-t", "cloud:/?region=a").exit_code == 0
    made, by_name = cloud.regions[:-2], cloud.regions[-2:]
    assert by_name == ["b", "a"]
    assert made and set(made) == {"here-1"}  # where the options said, also for what takes a name
    bad = run("deployments", "list", "-t", "cloud", "-C", "size=1")
    assert isinstance(bad.exception, InvalidInput)


def test_update_is_deploy(cloud: Cloud, churn: str) -> None:
    where = ("-t", "cloud", "-n", "c", "-C", "size=1", "--yes", "--json")
    done = run("deployments", "update", "-m", churn, *where)
    assert json.loads(done.stdout)["action"] == "create"
    assert "Usage: mlpack deployments update" in run("deployments", "update", "--help").stdout


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("local", ("local", {})),
        ("local:/", ("local", {})),
        ("sagemaker:/eu-west-1", ("sagemaker", {"region": "eu-west-1"})),
        (
            "sagemaker:/eu-west-1/arn:aws:iam::1:role/x",
            ("sagemaker", {"region": "eu-west-1", "assume_role": "arn:aws:iam::1:role/x"}),
        ),
        ("kserve:/?namespace=a&context=b", ("kserve", {"namespace": "a", "context": "b"})),
    ],
)
def test_targets_with_a_place(uri: str, parts: tuple[str, dict[str, str]]) -> None:
    assert split_uri(uri) == parts


def test_predictions_of_files_and_of_the_example(cloud: Cloud, churn: str, tmp_path: Path) -> None:
    deploy(churn, "--yes")
    where = ("deployments", "predict", "-t", "cloud", "-n", "c")
    assert "application/json" in run(*where, "--example").stdout
    for name, kind in (("a.csv", "text/csv"), ("a.parquet", "parquet"), ("a.npy", "x-npy")):
        (tmp_path / name).write_bytes(b"1")
        assert kind in run(*where, "-i", str(tmp_path / name)).stdout
    (tmp_path / "a.txt").write_bytes(b"1")
    odd = run(*where, "-i", str(tmp_path / "a.txt"))
    assert isinstance(odd.exception, InvalidInput)
    assert "text/x" in run(*where, "-i", str(tmp_path / "a.txt"), "-c", "text/x").stdout
    assert run(*where).exit_code == 2


def test_settings_from_yaml(cloud: Cloud, churn: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("size: none\nregion: there\n")
    assert deploy(churn, "--yes", "--config", str(file)).exit_code == 0  # -C wins
    file.write_text("- 1")
    done = deploy(churn, "--config", str(file))
    assert isinstance(done.exception, InvalidInput)


def test_options_are_listed(cloud: Cloud) -> None:
    text = run("deploy", "-t", "cloud", "--help-options").stdout
    assert "size" in text and "required" in text
    listed = json.loads(run("deploy", "-t", "cloud", "--help-options", "--json").stdout)
    assert [each["name"] for each in listed] == ["region", "size", "token"]


@pytest.mark.parametrize("target", target_names())
def test_options_are_listed_without_the_clouds_clients(target: str) -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from mlpack.cli.main import cli\n"
        f"done = CliRunner().invoke(cli, ['deploy', '-t', {target!r}, '--help-options'])\n"
        "assert done.exit_code == 0, done.output\n"
        "heavy = {'boto3', 'botocore', 'azure.ai', 'azure.identity', 'kubernetes', 'docker'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_mlflows_users_type(cloud: Cloud, churn: str) -> None:
    from mlpack.deployments import get_deploy_client, set_deployments_target

    set_deployments_target("cloud")
    client = get_deploy_client()
    made = client.create_deployment("c", churn, flavor="python_function", config={"size": 2})
    assert made["name"] == "c"
    with pytest.raises(AlreadyExists):
        client.create_deployment("c", churn, config={"size": 2})
    client.update_deployment("c", model_uri="models:/churn/2", config={"size": 3})
    assert client.get_deployment("c")["model_uri"] == "models:/churn/2"
    with pytest.raises(NotFound):
        client.update_deployment("other", model_uri=churn, config={"size": 3})
    assert [each["name"] for each in client.list_deployments()] == ["c"]
    answer = client.predict("c", [[1.0, 2.0]])
    assert answer.get_predictions("ndarray").tolist() == ["application/json"]
    assert answer.get_predictions().shape == (1, 1)
    assert list(client.logs("c", tail=1)) == ["two"]
    client.delete_deployment("c")
    client.delete_deployment("c")  # as often as one likes
    with pytest.raises(InvalidInput, match="leave `endpoint` out"):
        client.list_deployments(endpoint="e")
