"""The target ``kubernetes`` over the official client, against an API server of our own."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpack.builders.base import Progress
from mlpack.deploy_targets import deploying
from mlpack.deploy_targets.discovery import get_target
from mlpack.deploy_targets.kubernetes.target import KubernetesTarget
from mlpack.errors import (
    AlreadyExists,
    Conflict,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    InvalidState,
    NotFound,
    Unauthenticated,
)
from mlpack.tests.deploy.kubernetes.api_server import TOKEN, VIEWER, Refused
from mlpack.tests.deploy.kubernetes.conftest import IMAGE, SECOND, Cluster, kubeconfig, request

pytestmark = pytest.mark.cloud
TARGET = KubernetesTarget()


def test_a_whole_cycle(cluster: Cluster) -> None:
    assert TARGET.plan(request()).action == "create"
    said: list[str] = []
    made = TARGET.create(request(), lambda event: said.append(event.message))
    assert (made.status, made.endpoint) == ("healthy", "http://churn.models.svc")
    assert made.model_uri == "models:/churn/1"
    assert made.details["image_digest"] == "sha256:" + "1" * 64
    assert made.details["place"] == "test/models"
    assert "Applying the Deployment churn" in said

    answer = TARGET.predict("churn", b'{"inputs": [1]}', "application/json")
    told = json.loads(answer.body)
    assert (told["path"], told["body"]) == ("/invocations", '{"inputs": [1]}')
    assert next(TARGET.logs("churn", tail=1)).endswith("Traceback: no such file")

    assert TARGET.plan(request()).action == "none"
    assert TARGET.plan(request(SECOND)).action == "update"
    updated = TARGET.update(request(SECOND))
    assert updated.image == SECOND
    assert updated.details["previous_image"] == IMAGE

    back = TARGET.rollback("churn")
    assert (back.image, back.status) == (IMAGE, "healthy")
    assert TARGET.rollback("churn").image == SECOND  # and forth again

    assert [each.name for each in TARGET.list()] == ["churn"]
    TARGET.delete("churn")
    assert TARGET.list() == []
    assert not [key for key in cluster.api.objects if key[0] not in ("ReplicaSet",)]
    with pytest.raises(NotFound, match="no 'churn'"):
        TARGET.get("churn")


def test_a_plan_changes_nothing_and_asks_the_cluster(cluster: Cluster) -> None:
    plan = TARGET.plan(request(env={"TOKEN": "hunter22"}))
    assert cluster.api.objects == {}
    assert [path for method, path in cluster.api.requests if method == "PATCH"]
    shown = json.dumps(plan.to_dict())
    assert '"TOKEN"' in shown and "hunter22" not in shown
    assert plan.paid == () or plan.paid == []
    paid = TARGET.plan(request(gpus=1, service_type="LoadBalancer")).paid
    assert list(paid) == [
        "2 × 1 nvidia.com/gpu, until deleted",
        "a load balancer of the cluster's cloud, until deleted",
    ]


def test_what_the_cluster_refuses_is_known_before_anything_is_made(cluster: Cluster) -> None:
    with pytest.raises(Unauthenticated, match="exceeded quota"):
        TARGET.plan(request(labels={"team": "quota"}))
    assert cluster.api.objects == {}


def test_objects_that_are_no_longer_asked_for_go(cluster: Cluster) -> None:
    TARGET.create(request(host="churn.example.com", max_replicas=4))
    assert TARGET.get("churn").endpoint == "http://churn.example.com"
    assert cluster.find("Ingress") and cluster.find("HorizontalPodAutoscaler")
    TARGET.update(request(replicas=1))
    assert not cluster.find("Ingress") and not cluster.find("HorizontalPodAutoscaler")
    assert not cluster.find("PodDisruptionBudget")


def test_the_autoscalers_number_is_kept(cluster: Cluster) -> None:
    TARGET.create(request(max_replicas=6))
    cluster.api.update("Deployment", "models", "churn", "autoscaler", {"replicas": 4})
    TARGET.update(request(SECOND, max_replicas=6))
    assert cluster.find("Deployment")["spec"]["replicas"] == 4
    cluster.api.update("Deployment", "models", "churn", "autoscaler", {"replicas": 5})
    assert TARGET.rollback("churn").image == IMAGE
    assert cluster.find("Deployment")["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": "denied: not found"}},
            ("its image cannot be pulled (denied: not found)", "pull_secrets"),
        ),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, ("it ends as soon as", "--target local")),
        ({"terminated": {"reason": "OOMKilled"}}, ("out of memory", "memory=2Gi")),
        (
            {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "t"'}},
            ("Secret or ConfigMap", "env_from"),
        ),
    ],
)
def test_why_it_failed(cluster: Cluster, trouble: dict[str, Any], told: tuple[str, str]) -> None:
    cluster.runtime.troubles[IMAGE] = {"ready": False, **trouble}
    with pytest.raises(DeployFailed) as caught:
        TARGET.create(request())
    assert told[0] in caught.value.reason
    assert told[1] in caught.value.advice
    has_run = "waiting" not in trouble or trouble["waiting"]["reason"] == "CrashLoopBackOff"
    assert list(caught.value.log[-1:]) == (["Traceback: no such file"] if has_run else [])
    assert not cluster.find("Deployment") and not cluster.find("Service")  # nothing is left


def test_no_room_is_waited_for_until_time_is_up(cluster: Cluster) -> None:
    cluster.runtime.troubles[IMAGE] = {"ready": False, "unschedulable": "0/3 nodes: no cpu"}
    said: list[str] = []
    with pytest.raises(DeployFailed, match="0/3 nodes: no cpu") as caught:
        TARGET.create(request(timeout=5), lambda event: said.append(event.message))
    assert any("no cpu" in each for each in said)
    assert "reserve less" in caught.value.advice


def test_an_update_that_fails_is_put_back(cluster: Cluster) -> None:
    TARGET.create(request())
    cluster.runtime.troubles[SECOND] = {"ready": False, "waiting": {"reason": "CrashLoopBackOff"}}
    with pytest.raises(DeployFailed):
        TARGET.update(request(SECOND))
    assert TARGET.get("churn").image == IMAGE
    assert json.loads(TARGET.predict("churn", b"1", "text/csv").body)["predictions"] == [1]


def test_what_failed_is_nothing_to_go_back_to(cluster: Cluster) -> None:
    first, broken = IMAGE.replace("churn@", "first@"), SECOND
    TARGET.create(request(first))
    TARGET.update(request(IMAGE))
    cluster.runtime.troubles[broken] = {"ready": False, "waiting": {"reason": "CrashLoopBackOff"}}
    with pytest.raises(DeployFailed):
        TARGET.update(request(broken))
    assert TARGET.get("churn").details["previous_image"] == first
    assert TARGET.rollback("churn").image == first
    assert TARGET.rollback("churn").image == IMAGE


def test_a_rollback_leaves_nothing_behind_for_the_next_version(cluster: Cluster) -> None:
    """What a rollback brings back is managed by us as what was applied, so it can go again."""
    TARGET.create(request(env={"A": "1"}, labels={"team": "risk"}))
    TARGET.update(request(SECOND))
    deployment = cluster.find("Deployment")
    deployment["metadata"]["labels"]["theirs"] = "stays"
    assert TARGET.rollback("churn").image == IMAGE
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "A", "value": "1"}]
    TARGET.update(request(SECOND, memory="1Gi"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert not container.get("env")
    assert deployment["metadata"]["labels"]["theirs"] == "stays"
    about = deployment["spec"]["template"]["metadata"]
    assert "team" not in about["labels"]


def test_a_failed_update_puts_back_all_objects(cluster: Cluster) -> None:
    TARGET.create(request())
    cluster.runtime.troubles[SECOND] = {"ready": False, "waiting": {"reason": "CrashLoopBackOff"}}
    with pytest.raises(DeployFailed):
        TARGET.update(request(SECOND, service_port=90, host="churn.example.com"))
    assert cluster.find("Service")["spec"]["ports"][0]["port"] == 80
    assert not cluster.find("Ingress")
    while TARGET.get("churn").status != "healthy":
        pass  # its pods are being put back
    assert TARGET.plan(request()).action == "none"


def test_what_others_changed_is_put_right_by_the_same_again(cluster: Cluster) -> None:
    TARGET.create(request())
    TARGET.update(request(SECOND, service_port=90))
    TARGET.rollback("churn")  # of the pods; the Service is as the second wanted it
    assert TARGET.plan(request()).action == "update"
    TARGET.update(request())
    assert cluster.find("Service")["spec"]["ports"][0]["port"] == 80
    assert TARGET.plan(request()).action == "none"
    cluster.api.update("Deployment", "models", "churn", "kubectl-edit", {"replicas": 7})
    assert TARGET.plan(request()).action == "update"


def test_none_at_all_is_nothing_to_do_either(cluster: Cluster) -> None:
    assert TARGET.create(request(replicas=0)).status == "stopped"
    assert TARGET.plan(request(replicas=0)).action == "none"


def test_what_is_being_deleted(cluster: Cluster) -> None:
    TARGET.create(request())
    about = cluster.find("Deployment")["metadata"]
    about["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(InvalidState, match="is being deleted"):
        TARGET.plan(request(SECOND))
    assert TARGET.get("churn").status == "deleting"
    del about["deletionTimestamp"]
    about["finalizers"] = ["example.com/slow"]
    cluster.api.find("Deployment", "models", "churn")
    TARGET.delete("churn")  # waits until the controllers are done with it
    assert not cluster.find("Deployment")
    assert TARGET.create(request()).status == "healthy"


def test_there_is_nothing_before_the_first(cluster: Cluster) -> None:
    TARGET.create(request())
    with pytest.raises(InvalidState, match="no version before"):
        TARGET.rollback("churn")


def test_what_others_made_is_left_alone(cluster: Cluster) -> None:
    TARGET.create(request())
    for kind in ("Deployment", "Service"):
        cluster.find(kind)["metadata"]["labels"].pop("app.kubernetes.io/managed-by")
    for call in (TARGET.plan, TARGET.update):
        with pytest.raises(AlreadyExists, match="not made by mlpack"):
            call(request(SECOND))
    for act in (TARGET.delete, TARGET.get, TARGET.rollback):
        with pytest.raises(NotFound):
            act("churn")
    assert cluster.find("Deployment")
    TARGET.delete("churn", force=True)
    assert not cluster.find("Deployment") and not cluster.find("Service")


def test_a_name_that_is_taken(cluster: Cluster) -> None:
    TARGET.create(request())
    with pytest.raises(AlreadyExists):
        TARGET.create(request())
    with pytest.raises(NotFound, match="There are: churn"):
        TARGET.update(request(name="chrun"))


def test_without_waiting(cluster: Cluster) -> None:
    cluster.runtime.troubles[IMAGE] = {"ready": False}
    assert TARGET.create(request(wait=False)).status in ("starting", "unhealthy")


def test_credentials_and_rights(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = cluster.api.url
    with pytest.raises(Unauthenticated, match="does not allow it"):
        TARGET.plan(request(kubeconfig=kubeconfig(tmp_path, url, VIEWER)))
    with pytest.raises(Unauthenticated, match="Log in again"):
        TARGET.plan(request(kubeconfig=kubeconfig(tmp_path, url, "expired")))
    with pytest.raises(InvalidInput, match=r"no context 'prod'\. It has: test"):
        TARGET.plan(request(context="prod"))
    with pytest.raises(InvalidInput, match="No cluster is configured"):
        TARGET.plan(request(kubeconfig=tmp_path / "none"))
    with pytest.raises(NotFound, match="kubectl create namespace elsewhere"):
        TARGET.plan(request(namespace="elsewhere"))
    with pytest.raises(EngineUnavailable, match=r"not answer: Connection refused\. Is it running"):
        TARGET.plan(request(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:9", "down")))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable, match="not answer: the proxy of the env"):
        TARGET.plan(request())


def test_credentials_of_a_command_and_of_several_files(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": TOKEN}}
    command = {"apiVersion": version, "args": [json.dumps(credential)], "interactiveMode": "Never"}
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(yaml.safe_dump({**content, "users": [], "contexts": []}))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    for name in ("echo", "/nowhere/login"):
        users = [{"name": "u", "user": {"exec": {**command, "command": name}}}]
        second.write_text(yaml.safe_dump({**content, "users": users, "clusters": []}))
        if name == "echo":
            assert TARGET.list() == []
        else:
            with pytest.raises(InvalidInput, match=r"cannot be used: .*/nowhere/login"):
                TARGET.list()


def test_busy_and_broken_clusters(cluster: Cluster) -> None:
    def busy(method: str, path: str) -> None:
        raise Refused(429, "too many requests")

    cluster.api.faults.append(busy)
    with pytest.raises(EngineUnavailable, match="429"):
        TARGET.plan(request())
    cluster.api.faults[:] = []

    count = [0]

    def breaks(method: str, path: str) -> None:
        count[0] += method == "PATCH"
        if count[0] == 3:
            count[0] += 1
            raise ConnectionError

    cluster.api.faults.append(breaks)
    with pytest.raises(EngineUnavailable, match="does not answer"):
        TARGET.create(request())
    cluster.api.faults[:] = []
    # what a broken try made is gone, and the next one goes through
    assert TARGET.create(request()).status == "healthy"


def test_two_at_once(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.runtime.troubles[IMAGE] = {"ready": False}
    caught: list[Exception] = []
    started = threading.Event()

    def first() -> None:
        try:
            TARGET.create(request(), lambda event: started.set())
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(60)
    with pytest.raises(InvalidState, match="right now"):
        TARGET.create(request())
    # from another machine, where our lock is not seen
    while cluster.find("Deployment") is None:
        pass
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    TARGET.update(request(SECOND))
    thread.join(60)
    assert isinstance(caught[0], Conflict)
    # the one that lost puts nothing back over the one that won
    assert TARGET.get("churn").image == SECOND


def test_places(cluster: Cluster, tmp_path: Path) -> None:
    target = get_target("kubernetes", {"namespace": "default"})
    target.create(request(namespace="default"))
    assert [each.name for each in target.list()] == ["churn"]
    assert TARGET.list() == []
    done = deploying.deploy(TARGET, request(namespace="default"))
    assert done.plan.action == "none"


def test_a_token_does_not_go_through_the_clusters_proxy(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    TARGET.create(request())
    monkeypatch.setenv("MLPACK_DEPLOYMENT_TOKEN", "hunter2222222222")
    with pytest.raises(InvalidState, match="kubectl port-forward service/churn 8080:http"):
        TARGET.predict("churn", b"{}", "application/json")


def test_one_name_in_two_namespaces_can_be_changed_at_once(cluster: Cluster) -> None:
    other: list[Any] = []

    def meanwhile(event: Progress) -> None:
        if not other:
            other.append(KubernetesTarget({"namespace": "default"}).create(request()))

    assert TARGET.create(request(), meanwhile).details["place"] == "test/models"
    assert other[0].details["place"] == "test/default"


def test_logs_of_several_pods_together(cluster: Cluster) -> None:
    TARGET.create(request(replicas=3))
    lines = list(TARGET.logs("churn", follow=True))
    assert len(lines) == 9
    assert len({each.split("  ")[0] for each in lines}) == 3


def test_files_in_place_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    plan = TARGET.plan(request(output=tmp_path / "out"))
    assert plan.steps[-1].startswith("write the manifests")
    events: list[Progress] = []
    made = TARGET.create(request(output=tmp_path / "out"), events.append)
    assert (made.status, made.image) == ("unknown", IMAGE)
    assert (tmp_path / "out/kustomization.yaml").is_file()


def test_an_image_needs_a_registry(iris_model: Path) -> None:
    from mlpack.builders.base import BuildSpec

    with pytest.raises(InvalidInput, match="-C repository="):
        TARGET.plan(request(BuildSpec(iris_model, "x", trust=True)))
