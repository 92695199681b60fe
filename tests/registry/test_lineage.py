"""From a version to everything that made it, and back; over a database, our server and MLflow's."""

import json
import shutil

import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound
from mlpack.registry.lineage import lineage
from mlpack.registry.origins import versions_of
from mlpack.registry.provenance import Environment, environment_of, source_of, split_requirement
from mlpack.tests.registry.two_versions import (  # noqa: F401 - fixtures
    FIRST,
    SECOND,
    any_store,
    made,
    mlflow_address,
)
from mlpack.tracking.entities import Dataset


@pytest.fixture
def client(made):  # noqa: F811 - the fixture
    return mlpack.MlpackClient()


only_folder = pytest.mark.parametrize("any_store", ["folder"], indirect=True)


def numbers(found):
    return [version.version for version in found]


def test_a_version(client, made):  # noqa: F811 - the fixture
    client.set_registered_model_alias(made.name, "best", 2)
    found = lineage(client, f"{made.name}@best")
    assert (found.version.version, found.version.aliases) == (2, ["best"])
    assert (found.run.info.run_name, found.run.info.status) == ("run 2", "FINISHED")
    assert found.run.info.run_id == found.run_id == found.version.run_id == made.runs[1]
    assert found.experiment.name == f"experiment-{made.data[6:]}"
    assert found.model.model_id == found.model_id == found.version.model_id
    [dataset] = found.datasets
    assert (dataset.name, dataset.digest, dataset.context, dataset.source) == (
        *(made.data, made.digests[1], "training", "data/rows.csv"),
    )
    code = found.code
    assert (code.commit, code.branch, code.dirty) == (SECOND, "main", True)
    assert code.name.endswith("train.py")
    assert found.environment.python and found.environment.digest.startswith("sha256:")
    assert any("scikit-learn==" in line for line in found.environment.requirements)
    if made.store != "mlflow":  # which keeps no digests
        assert found.digest == found.version.digest
    assert (found.images, found.deployments, found.gone) == ([], [], {})
    told = json.loads(json.dumps(found.to_dict()))
    assert told["version"]["version"] == 2 and told["code"]["commit"] == SECOND
    assert told["run"]["run_id"] == made.runs[1] and told["experiment"]["name"]


def test_any_address_has_a_lineage(client, made, tmp_path):  # noqa: F811 - the fixture
    version = client.get_model_version(made.name, 1)
    for address in (
        version,
        f"models:/{made.name}/1",
        f"runs:/{made.runs[0]}/model",
        f"models:/{version.model_id}",
        version.model_id,
    ):
        found = lineage(client, address)
        assert found.run_id == made.runs[0] and found.environment.requirements
        assert (found.version is None) == (not str(address).startswith(("models:/t", "Model")))
    folder = mlpack.artifacts.download_artifacts(f"models:/{made.name}/1", dst_path=tmp_path / "f")
    found = lineage(client, folder)
    assert (found.run_id, found.version) == (made.runs[0], None) and found.run is not None


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("{name}", "names a registered model and no version"),
        ("{name}/9", "9"),
        ("{name}@nobody", "no alias 'nobody'"),
        ("{name}/Production", "Production"),
        ("no-such/1", "no-such"),
        ("./nowhere", "nowhere"),
        ("runs:/{run}", "names no model"),
        ("runs:/{run}/none", "MLmodel"),
        ("models:/m-" + "0" * 32, "m-00"),
        ("", "empty"),
        ("gopher://x", "scheme"),
    ],
)
def test_what_is_not_there(client, made, address, says):  # noqa: F811 - the fixture
    with pytest.raises((InvalidInput, NotFound, mlpack.errors.BadModel), match=says):
        lineage(client, address.format(name=made.name, run=made.runs[0]))


def test_a_run_that_was_deleted_is_said_to_be(client, made):  # noqa: F811 - the fixture
    client.delete_run(made.runs[0])
    found = lineage(client, f"{made.name}/1")
    assert "can be restored" in found.gone["run"] and found.run.info.run_name == "run 1"
    assert numbers(versions_of(client, dataset=made.data)) == [2, 1]


@only_folder  # removes files of the store itself
def test_parts_that_are_gone_are_said_to_be(client, made, tmp_path):  # noqa: F811 - the fixture
    version = client.get_model_version(made.name, 1)
    shutil.rmtree(client.get_logged_model(version.model_id).artifact_location)
    found = lineage(client, f"{made.name}/1")
    assert found.gone["files"].startswith("gone") and found.environment is None
    assert found.run.info.run_name == "run 1" and found.model.model_id == version.model_id
    lost = mlpack.MlpackClient(tmp_path / "another store", registry_uri=client.registry_uri)
    found = lineage(lost, f"{made.name}/1")
    assert set(found.gone) == {"files", "model", "run"} and found.experiment is None
    assert found.run is None and found.run_id == made.runs[0]
    assert found.model is None and found.model_id == version.model_id
    assert found.version.version == 1 and found.digest == version.digest
    assert found.to_dict()["run"] == {"run_id": made.runs[0]}


@only_folder  # changes files of the store itself
def test_files_that_changed_are_said_to_have(client, made):  # noqa: F811 - the fixture
    model = client.get_logged_model(client.get_model_version(made.name, 1).model_id)
    with open(f"{model.artifact_location}/requirements.txt", "a") as file:
        file.write("evil==1\n")
    assert "requirements.txt" in lineage(client, f"{made.name}/1").gone["files"]


def test_a_copy_has_the_lineage_of_its_origin(client, made):  # noqa: F811 - the fixture
    copied = client.copy_model_version(f"models:/{made.name}/2", f"{made.name}-copy")
    again = client.copy_model_version(copied.model_uri, f"{made.name}-copy")
    found = lineage(client, again)
    assert found.run_id == made.runs[1] and found.gone == {}
    assert found.environment.requirements and found.model is not None


def test_back_from_a_dataset(client, made):  # noqa: F811 - the fixture
    first, second = made.digests
    assert numbers(versions_of(client, dataset=made.data)) == [2, 1]
    assert numbers(versions_of(client, dataset=first)) == [1]
    assert numbers(versions_of(client, dataset=f"{made.data}@{second}")) == [2]
    assert versions_of(client, dataset=f"other@{second}") == []
    assert versions_of(client, dataset="no such data") == []


def test_a_name_and_a_digest_are_of_one_dataset(client, made):  # noqa: F811 - the fixture
    rows = mlpack.data.from_pandas(__import__("pandas").DataFrame({"z": [1.0]}), name="other")
    mlpack.data.log_input(rows, run_id=made.runs[0])
    assert numbers(versions_of(client, dataset=f"other@{rows.digest}")) == [1]
    assert versions_of(client, dataset=f"{made.data}@{rows.digest}") == []


# MLflow's server searches models by other things only
@pytest.mark.parametrize("any_store", ["folder", "server"], indirect=True)
def test_back_from_a_dataset_that_only_a_metric_names(client, made):  # noqa: F811 - the fixture
    model_id = client.get_model_version(made.name, 2).model_id
    client.log_metric(
        made.runs[1], "auc", 0.5, model_id=model_id, dataset_name="held out", dataset_digest="d7"
    )
    for dataset in ("held out", "d7", "held out@d7"):
        assert numbers(versions_of(client, dataset=dataset)) == [2]
    assert versions_of(client, dataset="held out@d8") == []


def test_back_from_a_commit(client, made):  # noqa: F811 - the fixture
    mine = {"dataset": made.data}  # the same commits are on MLflow's server from other tests
    assert numbers(versions_of(client, commit=FIRST[:7], **mine)) == [1]
    assert numbers(versions_of(client, commit=SECOND.upper(), **mine)) == [2]
    assert versions_of(client, commit="f" * 40, **mine) == []
    for bad in ("a1b2c3", "", "HEAD", "%%%%%%%%", "a1b2c3d' OR"):
        with pytest.raises(InvalidInput, match="no commit"):
            versions_of(client, commit=bad)


def test_back_from_a_run_or_a_script(client, made):  # noqa: F811 - the fixture
    assert numbers(versions_of(client, run=made.runs[0])) == [1]
    script = f"{made.data[6:]}/train.py"
    assert numbers(versions_of(client, source=script)) == [2, 1]
    assert numbers(versions_of(client, source=f"/src/{script}", commit=SECOND[:9])) == [2]
    address = client.get_model_version(made.name, 1).source
    assert numbers(versions_of(client, source=address)) == [1]
    with pytest.raises(NotFound):
        versions_of(client, run="0" * 32)
    with pytest.raises(InvalidInput, match="Give a dataset"):
        versions_of(client)
    with pytest.raises(InvalidInput, match="is empty"):
        versions_of(client, source=" ")
    with pytest.raises(InvalidInput, match="quotes"):
        versions_of(client, dataset="""both ' and " """)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ('{"uri": "s3://b/k"}', "s3://b/k"),
        ('{"url": "https://x/y.csv"}', "https://x/y.csv"),
        ('{"tags": {"mlflow.source.name": "train.py"}}', "train.py"),
        ('{"path": "squad", "split": "train"}', "squad"),
        ('{"something": 1}', '{"something": 1}'),
        ("{}", None),
        ("[1]", "[1]"),
        ("no json", "no json"),
        ("", None),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_where_a_dataset_came_from(source, place):
    assert source_of(Dataset("d", "1", "x", source)) == place


def test_an_environment():
    assert environment_of(None, None) is None
    assert environment_of(None, "3.11") == Environment("3.11")
    found = environment_of(b"numpy==1\n\nscipy\xff==2\n", "3.11")
    assert found.requirements == ["numpy==1", "scipy�==2"]
    assert found.digest == environment_of(b"numpy==1\n\nscipy\xff==2\n", None).digest
    assert split_requirement("Scikit_Learn[x] ==1.2 ; a") == ("scikit-learn", "[x] ==1.2 ; a")
    assert split_requirement("-c constraints.txt") == ("-c constraints.txt", "")
