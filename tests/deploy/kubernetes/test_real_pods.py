"""A whole cycle with pods that are real containers of a real image, under load."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import BuiltImage
from mlpack.deploy_targets.kubernetes.kserve import KServeTarget
from mlpack.deploy_targets.kubernetes.target import KubernetesTarget
from mlpack.errors import DeployFailed, InvalidInput
from mlpack.tests.deploy.kubernetes.conftest import Cluster, request

pytestmark = pytest.mark.docker


@pytest.fixture
def images(iris_image: BuiltImage, docker_engine: Any) -> tuple[str, str]:
    """The same image under two names, as two versions of a model are to a cluster.

    The names stay: another worker may have taken the image's own since, and an image goes with
    its last name.
    """
    names = ("mlpack-test/kubernetes:1", "mlpack-test/kubernetes:2")
    for name in names:
        docker_engine.images.get(iris_image.id).tag(name)
    return names


def test_no_request_fails_over_an_update_and_a_rollback(
    real_cluster: Cluster, images: tuple[str, str], iris_model: Path
) -> None:
    target = KubernetesTarget()
    body = (iris_model / "serving_input_example.json").read_bytes()
    made = target.create(request(images[0], replicas=1, workers=1))
    assert made.status == "healthy"
    with pytest.raises(InvalidInput):
        target.predict("churn", b"{}", "application/json")

    answered, failed = [0], []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                target.predict("churn", body, "application/json")
                answered[0] += 1
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    target.update(request(images[1], replicas=1, workers=1))
    back = target.rollback("churn")
    over.set()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert answered[0] > 10
    assert back.image == images[0]
    assert any("mlpack" in line or "gunicorn" in line for line in target.logs("churn"))
    target.delete("churn")
    real_cluster.api.settle()
    assert real_cluster.runtime.running == {}


def test_a_container_that_ends_is_told_with_its_log(
    real_cluster: Cluster, images: tuple[str, str]
) -> None:
    with pytest.raises(DeployFailed) as caught:
        KubernetesTarget().create(
            request(images[0], replicas=1, env={"MLPACK_MODEL_DIGEST": "sha256:" + "0" * 64})
        )
    assert "it ends as soon as it is started" in caught.value.reason
    assert any("digest" in line or "recorded" in line for line in caught.value.log)


def test_kserve_runs_the_image(
    real_cluster: Cluster, images: tuple[str, str], iris_model: Path
) -> None:
    target = KServeTarget()
    assert target.create(request(images[0], workers=1)).status == "healthy"
    body = (iris_model / "serving_input_example.json").read_bytes()
    assert b"predictions" in target.predict("churn", body, "application/json").body
    target.delete("churn")
    real_cluster.api.settle()


def test_the_image_is_built_and_pushed_once(
    cluster: Cluster, iris_model: Path, iris_image: BuiltImage, tmp_path: Path
) -> None:
    from mlpack.builders.base import BuildSpec
    from mlpack.tests.builders.remote.servers import registry

    target = KubernetesTarget()
    spec = BuildSpec(iris_model, "mlpack-churn", trust=True)
    with registry(tmp_path / "registry") as running:
        asked = {"repository": f"{running.host}/team", "replicas": 1}
        assert target.plan(request(spec, **asked)).steps[0].startswith("build the image and push")
        made = target.create(request(spec, **asked))
        assert made.image.startswith(f"{running.host}/team/churn@sha256:")
        pod = cluster.find("Deployment")["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == made.image
        # the registry has it: nothing is built, nothing is to do
        again = target.plan(request(spec, **asked))
        assert again.action == "none"
        assert target.plan(request(spec, **{**asked, "cpu": "1"})).steps[0] == (
            f"use the image {made.image}"
        )
