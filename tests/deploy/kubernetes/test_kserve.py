"""The target ``kserve``, against an API server that checks with KServe's own models."""

from __future__ import annotations

import json

import pytest

from mlpack.deploy_targets.kubernetes.kserve import KServeTarget
from mlpack.errors import DeployFailed, InvalidInput, InvalidState, NotFound
from mlpack.tests.deploy.kubernetes.conftest import IMAGE, SECOND, Cluster, request

pytestmark = pytest.mark.cloud
TARGET = KServeTarget()


def test_a_whole_cycle(cluster: Cluster) -> None:
    assert TARGET.plan(request()).action == "create"
    made = TARGET.create(request())
    assert (made.status, made.endpoint) == ("healthy", "http://churn.models.example.com")
    answer = json.loads(TARGET.predict("churn", b"1,2", "text/csv").body)
    assert (answer["path"], answer["body"]) == ("/invocations", "1,2")
    assert TARGET.plan(request()).action == "none"

    TARGET.update(request(SECOND, canary_percent=10))
    found = cluster.find("InferenceService")
    assert found["spec"]["predictor"]["canaryTrafficPercent"] == 10
    assert TARGET.get("churn").details["canary_percent"] == 10
    assert len(cluster.api.of_kind("Pod", "models")) == 2
    TARGET.update(request(SECOND))  # all of it now
    assert "canaryTrafficPercent" not in cluster.find("InferenceService")["spec"]["predictor"]

    back = TARGET.rollback("churn")
    assert back.status == "healthy"
    assert list(TARGET.logs("churn", tail=1)) == ["Traceback: no such file"]
    TARGET.delete("churn")
    assert TARGET.list() == []


def test_back_and_forth(cluster: Cluster) -> None:
    TARGET.create(request())
    with pytest.raises(InvalidState, match="no version before"):
        TARGET.rollback("churn")
    TARGET.update(request(SECOND))
    assert TARGET.rollback("churn").image == IMAGE
    assert TARGET.rollback("churn").image == SECOND
    before = cluster.find("InferenceService")["metadata"]["annotations"]["mlpack.dev/previous"]
    assert before.count("mlpack.dev/previous") == 0  # it does not grow by each turn


def test_kserves_own_server(cluster: Cluster) -> None:
    made = TARGET.create(request(way="mlflow", storage_uri="s3://bucket/model"))
    model = cluster.find("InferenceService")["spec"]["predictor"]["model"]
    assert (model["modelFormat"], model["protocolVersion"]) == ({"name": "mlflow"}, "v2")
    assert made.status == "healthy"
    v2 = {"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "data": [1]}]}
    for body, path in ((v2, "/v2/models/churn/infer"), ({"inputs": [1]}, "/invocations")):
        answer = TARGET.predict("churn", json.dumps(body).encode(), "application/json")
        assert json.loads(answer.body)["path"] == path
    with pytest.raises(InvalidInput, match="storage_uri=s3"):
        TARGET.plan(request(way="mlflow"))


def test_an_update_that_fails_is_put_back(cluster: Cluster) -> None:
    TARGET.create(request())
    trouble = {"reason": "ImagePullBackOff", "message": "denied"}
    cluster.runtime.troubles[SECOND] = {"ready": False, "waiting": trouble}
    with pytest.raises(DeployFailed, match="denied"):
        TARGET.update(request(SECOND))
    assert TARGET.get("churn").image == IMAGE
    with pytest.raises(InvalidState, match="no version before"):  # what failed is none
        TARGET.rollback("churn")


def test_a_plan_shows_no_variables_of_the_version_before(cluster: Cluster) -> None:
    TARGET.create(request(env={"TOKEN": "hunter22"}))
    shown = json.dumps(TARGET.plan(request(SECOND)).to_dict())
    assert "mlpack.dev/previous" in shown and "hunter22" not in shown


def test_a_cluster_without_kserve(bare_cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="KServe is not installed"):
        TARGET.plan(request())
