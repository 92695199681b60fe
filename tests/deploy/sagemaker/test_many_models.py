"""Many models behind one endpoint, served by mlpack's own image."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec
from mlpack.deploy_targets.sagemaker import many
from mlpack.deploy_targets.sagemaker.options import read
from mlpack.errors import InvalidInput, InvalidState

from .conftest import Named

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


@pytest.mark.usefixtures("only_documented_rights")
def test_a_life(named: Named, iris_image: object, iris_model: Path, tmp_path: Path) -> None:
    prefix = f"s3://{named.world.bucket}/many"
    example = (iris_model / "serving_input_example.json").read_bytes()

    def ask(target: str) -> object:
        answer = named.target.predict(
            named.name, example, "application/json", target_model=f"{target}.tar.gz"
        )
        return json.loads(answer.body)["predictions"]

    # one fits at a time, so that the endpoint has to unload the other
    size = sum(each.stat().st_size for each in iris_model.rglob("*") if each.is_file())
    env = {"MLPACK_MULTI_MODEL_MEMORY": str(int(size * 1.5)), "MLPACK_WORKERS": "1"}
    first = {"multi_model": prefix, "env": env, "instance_count": "2"}
    spec = BuildSpec(iris_model, "unused", trust=True)
    with pytest.raises(InvalidState, match="Deploy the first"):
        named.create(spec, **first, mode="add")
    named.create(spec, **first)
    assert ask(named.name) == [0, 0]
    assert named.target.plan(named.request(spec, **first)).action == "none"

    other = _copy(iris_model, tmp_path / "other", "another model")
    second = BuildSpec(other, "unused", trust=True)
    with pytest.raises(InvalidInput, match="Name this one: -C target_model"):
        named.target.plan(named.request(second, multi_model=prefix, mode="add"))
    adding = {"multi_model": prefix, "mode": "add", "target_model": "second"}
    before = named.world.ecr.digests(f"mlpack/{named.name}")
    assert named.target.plan(named.request(second, **adding)).action == "update"
    named.update(second, **adding)
    assert named.world.ecr.digests(f"mlpack/{named.name}") == before
    described = named.world.cloud.things["endpoint"][named.name]
    assert [each["CurrentInstanceCount"] for each in described["ProductionVariants"]] == [2]
    assert named.target.plan(named.request(second, **adding)).action == "none"
    assert [ask(each) for each in ("second", named.name, "second")] == [[0, 0]] * 3
    assert named.world.cloud.fleets[named.name]["main"].unloaded == 2

    # nobody vouches for this one; it is data only, so it needs no change of the endpoint
    third = BuildSpec(_copy(iris_model, tmp_path / "third", "a third"), "unused")
    config = named.target.get(named.name).details["endpoint_config"]
    plan = named.target.plan(named.request(third, **{**adding, "target_model": "third"}))
    assert plan.steps[-1] == "the endpoint stays as it is"
    named.update(third, **{**adding, "target_model": "third"})
    assert named.target.get(named.name).details["endpoint_config"] == config
    assert ask("third") == [0, 0]

    needy = _copy(iris_model, tmp_path / "needy", "more")
    with (needy / "requirements.txt").open("a") as file:
        file.write("xgboost==2.0.0\n")
    with pytest.raises(InvalidInput, match=r"xgboost==2\.0\.0"):
        named.update(BuildSpec(needy, "unused"), **{**adding, "target_model": "needy"})

    s3, place = named.world.client("s3"), f"many/{named.name}/"
    s3.put_object(Bucket=named.world.bucket, Key=f"{place}strangers.txt", Body=b"x")
    named.target.delete(named.name)
    listed = s3.list_objects_v2(Bucket=named.world.bucket, Prefix=place)["Contents"]
    assert [each["Key"] for each in listed] == [f"{place}strangers.txt"]
    s3.delete_object(Bucket=named.world.bucket, Key=f"{place}strangers.txt")
    assert named.left() == []


def test_digests_go_into_variables_of_the_length_that_aws_takes() -> None:
    digests = [f"sha256:{number:064x}" for number in range(40)]
    known: dict[str, str] = {}
    for each in digests:
        known = many._trust(known, [each])
    assert known == many._trust({}, digests) == many._trust(known, digests[:3])
    assert list(known) == [many._DIGESTS, f"{many._DIGESTS}_1", f"{many._DIGESTS}_2"]
    assert max(map(len, known.values())) <= 1024


def test_what_does_not_go_together() -> None:
    prefix = "s3://bucket/many"
    for options in (
        {"target_model": "x"},
        {"multi_model": prefix, "target_model": "../x"},
        {"multi_model": prefix, "model_data": prefix},
        {"multi_model": prefix, "batch_input": prefix, "batch_output": prefix},
    ):
        with pytest.raises(InvalidInput):
            read(options)


def _copy(model: Path, folder: Path, note: str) -> Path:
    shutil.copytree(model, folder)
    (folder / "note.txt").write_text(note)
    return folder
