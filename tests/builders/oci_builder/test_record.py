"""Builds of logged and registered models are on record beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import mlpack
from mlpack.builders.base import BuildSpec, Progress
from mlpack.builders.oci.build import OciBuilder
from mlpack.cli.build import make_spec
from mlpack.registry.client import MlpackClient
from mlpack.registry.lineage import lineage


def test_lineage_tells_the_image(spec: BuildSpec, mlruns: Path) -> None:
    with mlpack.start_run():
        mlpack.set_tag("mlflow.source.git.commit", "9d22bc1" + "0" * 33)
        logged = mlpack.pyfunc.log_model(
            python_model=lambda model_input: model_input, name="m", registered_model_name="churn"
        )
    asked = make_spec("models:/churn/1", "x")
    assert asked.model_id == logged.model_id
    assert asked.revision == "9d22bc1" + "0" * 33
    spec = replace(spec, model_id=asked.model_id, registered_name="churn", registered_version=1)
    made = OciBuilder().build(spec)
    (image,) = lineage(MlpackClient(), "churn/1").images
    assert image["reference"] == made.name
    assert (image["digest"], image["platforms"]) == (made.digest, ["linux/amd64"])
    assert (image["builder"], image["of"]) == ("oci", "churn/1")
    OciBuilder().build(spec)
    assert len(lineage(MlpackClient(), "churn/1").images) == 1


def test_a_store_that_does_not_answer_spoils_no_build(
    spec: BuildSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPACK_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_MAX_RETRIES", "0")
    seen: list[Progress] = []
    OciBuilder().build(replace(spec, model_id="m-" + "0" * 32), seen.append)
    (notice,) = [event.message for event in seen if "not on record" in event.message]
    assert "127.0.0.1:9" in notice
