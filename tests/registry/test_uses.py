"""Images and deployments of a model are recorded beside it, and told by its lineage."""

from pathlib import Path

import pytest

import mlpack
from mlpack.errors import NotFound
from mlpack.registry.client import MlpackClient
from mlpack.registry.lineage import lineage
from mlpack.registry.uses import IMAGE, Model, record_deployment, record_image


@pytest.fixture
def registered(mlruns: Path) -> Model:
    """A version of a registered model, logged by a run."""
    with mlpack.start_run():
        logged = mlpack.pyfunc.log_model(
            python_model=lambda model_input: model_input, name="m", registered_model_name="churn"
        )
    return Model(logged.model_id, "churn", 1)


def record(
    model: Model, reference: str = "registry.example/churn:1", digest: str = "sha256:1"
) -> bool:
    return record_image(model, reference, digest=digest, platforms=["linux/amd64"], builder="oci")


def test_both_are_told_by_the_lineage_of_version_and_logged_model(registered: Model) -> None:
    assert record(registered)
    assert record_deployment(registered, "local", "churn", {"status": "healthy"})
    for address in ("churn/1", f"models:/{registered.model_id}"):
        found = lineage(MlpackClient(), address)
        (image,), (deployment,) = found.images, found.deployments
        assert image["reference"] == "registry.example/churn:1"
        assert (image["digest"], image["platforms"]) == ("sha256:1", ["linux/amd64"])
        assert image["of"] == "churn/1" and image["when"] and image["by"]
        assert (deployment["target"], deployment["name"]) == ("local", "churn")


def test_the_same_again_is_one_record(registered: Model) -> None:
    record(registered)
    record(registered)
    record_deployment(registered, "local", "churn", {"status": "healthy"})
    record_deployment(registered, "local", "churn", {"status": "deleted"})
    found = lineage(MlpackClient(), "churn/1")
    assert len(found.images) == 1
    assert [each["status"] for each in found.deployments] == ["deleted"]


def test_the_record_is_bounded(registered: Model) -> None:
    for number in range(53):
        record(registered, digest=f"sha256:{number}")
    record_deployment(registered, "local", "churn", {"endpoint": "x" * 20_000})
    found = lineage(MlpackClient(), "churn/1")
    assert len(found.images) == 50
    assert len(found.deployments[0]["endpoint"]) < 8000


def test_a_version_without_a_logged_model(registered: Model) -> None:
    assert record(Model(None, "churn", 1))
    assert len(lineage(MlpackClient(), "churn/1").images) == 1
    tags = MlpackClient().get_model_version("churn", 1).tags
    assert [key for key in tags if key.startswith(IMAGE)]


def test_a_plain_folder_is_not_recorded_and_a_missing_version_is_said(mlruns: Path) -> None:
    assert not record(Model())
    assert not record(Model("m-" + "0" * 32))
    with pytest.raises(NotFound):
        record(Model(None, "nobody", 1))


def test_what_strangers_wrote_into_tags_is_passed_over(registered: Model) -> None:
    record(registered)
    client = MlpackClient()
    for number, text in enumerate(["{", "[]", "1", "[" * 5000]):
        client.set_logged_model_tags(str(registered.model_id), {f"{IMAGE}{number}": text})
    assert len(lineage(client, "churn/1").images) == 1
