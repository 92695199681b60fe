"""The manifests: valid for any cluster, safe by default, refused when they make no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from mlpack.deploy_targets.kubernetes import output
from mlpack.deploy_targets.kubernetes.checks import amount, check
from mlpack.deploy_targets.kubernetes.common import Notes, hidden, twice
from mlpack.deploy_targets.kubernetes.inference import inference_service
from mlpack.deploy_targets.kubernetes.manifests import manifests
from mlpack.deploy_targets.kubernetes.options import KServeOptions, KubernetesOptions
from mlpack.deploy_targets.options import read_options
from mlpack.errors import AlreadyExists, InvalidInput

IMAGE = "registry.example/churn@sha256:" + "1" * 64
EVERYTHING: dict[str, Any] = {
    "namespace": "models",
    "replicas": 2,
    "max_replicas": 5,
    "host": "churn.example.com",
    "path": "/churn",
    "ingress_class": "nginx",
    "tls_secret": "cert",
    "ingress_annotations": {"a.example/b": "c"},
    "service_type": "LoadBalancer",
    "service_port": 8000,
    "env": {"TOKEN": "hunter2"},
    "env_from": "secret/tokens,configmap/settings",
    "pull_secrets": "one,two",
    "workers": 2,
    "cpu": "500m",
    "cpu_limit": "2",
    "memory": "1Gi",
    "gpus": 1,
    "service_account": "scorer",
    "node_selector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "priority_class": "high",
    "labels": {"team": "a"},
    "annotations": {"x.example/y": "z"},
}


def options(**given: Any) -> KubernetesOptions:
    return read_options(KubernetesOptions, given, "kubernetes")


def made(**given: Any) -> dict[str, Any]:
    found = manifests("churn", IMAGE, options(**given), Notes({"a": "b"}, "w"))
    return {each["kind"]: each for each in found}


@pytest.mark.parametrize("version", ["1.29", "1.33", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("given", [{}, {"replicas": 1}, EVERYTHING], ids=["plain", "one", "all"])
def test_every_manifest_is_valid(given: dict[str, Any], version: str) -> None:
    for each in made(**given).values():
        kubernetes_validate.validate(each, version, strict=True)


def test_what_is_made() -> None:
    assert list(made(replicas=1)) == ["Service", "Deployment"]
    assert list(made()) == ["Service", "PodDisruptionBudget", "Deployment"]
    assert list(made(**EVERYTHING)) == [
        "Service",
        "PodDisruptionBudget",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
    ]


def test_pods_have_no_privileges_and_go_only_when_others_are_ready() -> None:
    deployment = made()["Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] and security["runAsNonRoot"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    assert container["resources"]["limits"]["memory"] == "1024Mi"
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


def test_an_account_is_named_for_its_token() -> None:
    pod = made(service_account="scorer")["Deployment"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True


def test_selectors_find_the_pods() -> None:
    found = made(**EVERYTHING)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    chosen = [
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
    ]
    assert all(each.items() <= labels.items() for each in chosen)
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "churn"


def test_the_autoscalers_number_stays() -> None:
    notes = Notes()
    found = manifests("churn", IMAGE, options(replicas=2, max_replicas=9), notes, replicas=7)
    deployment = next(each for each in found if each["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 7


def test_values_of_variables_are_not_shown() -> None:
    assert "hunter2" in str(made(**EVERYTHING))
    assert "hunter2" not in str([hidden(each) for each in made(**EVERYTHING).values()])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"canary_percent": 10, "min_replicas": 0, "max_replicas": 3},
        {"scale_metric": "concurrency", "scale_target": 5, "deployment_mode": "Serverless"},
        {"way": "mlflow", "storage_uri": "s3://b/m", "runtime": "r", "env": {"A": "b"}},
        {**{k: EVERYTHING[k] for k in ("env", "env_from", "pull_secrets", "gpus", "tolerations")}},
    ],
)
def test_every_inference_service_is_valid(
    given: dict[str, Any], check_inference_service: Any
) -> None:
    read = read_options(KServeOptions, given, "kserve")
    found = inference_service("churn", IMAGE, read, Notes({"a": "b"}, "w"), "{}")
    assert check_inference_service(found) == ""


def test_the_check_of_inference_services_is_strict(check_inference_service: Any) -> None:
    found = inference_service("churn", IMAGE, KServeOptions(), Notes())
    found["spec"]["predictor"]["containers"][0]["imagee"] = "x"
    assert check_inference_service(found) == ".spec.predictor.containers[0].imagee is unknown"
    found = inference_service("churn", IMAGE, KServeOptions(), Notes())
    found["spec"]["predictor"]["minReplicas"] = "1"
    assert "no int" in check_inference_service(found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cpu": "0"}, "more than nothing"),
        ({"memory": "512"}, "which are bytes"),
        ({"memory": "1Gi", "memory_limit": "512Mi"}, "below what 'memory' reserves, 1Gi"),
        ({"replicas": 3, "max_replicas": 2}, "below the 3"),
        ({"env": {"A B": "1"}}, "cannot name a variable"),
        ({"labels": {"team": "a b"}}, "a label's value"),
        ({"node_selector": {"-x": "a"}}, "a key is"),
        ({"tls_secret": "c"}, "needs 'host'"),
        ({"ingress_class": "c"}, "needs the option 'host'"),
        ({"pull_secrets": "A_b"}, "cannot name an object"),
        ({"cpu": "lots"}, "500m"),
        ({"replicas": "two"}, "integer"),
        ({"replica": "2"}, "Did you mean 'replicas'"),
        ({"service_type": "External"}, "one of ClusterIP"),
        ({"namespace": "A"}, "namespace"),
    ],
)
def test_what_no_cluster_would_take(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        check("churn", options(**given))


@pytest.mark.parametrize("name", ["1churn", "Churn", "churn_1", "-churn", "c" * 60, ""])
def test_names_that_no_service_may_have(name: str) -> None:
    with pytest.raises(InvalidInput):
        check(name, options())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"way": "mlflow", "storage_uri": "file:///etc"}, "storage_uri"),
        ({"way": "image", "storage_uri": "s3://b/m"}, "way=mlflow"),
        ({"way": "mlflow", "storage_uri": "s3://b/m", "workers": 2}, "'workers'"),
        ({"scale_metric": "rps"}, "scale_target"),
        ({"canary_percent": 101}, "canary_percent"),
    ],
)
def test_what_kserve_would_not_take(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        check("churn", read_options(KServeOptions, given, "kserve"))


def test_quantities() -> None:
    assert [amount(each) for each in ("500m", "2", "1Gi", "1k")] == [0.5, 2, 2**30, 1000]
    assert [twice(each) for each in ("512Mi", "1.5G")] == ["1024Mi", "3G"]


def test_files_for_gitops(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    output.write(list(made(host="a.example", env={}).values()), folder)
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert kustomization["resources"] == [
        "service.yaml",
        "poddisruptionbudget.yaml",
        "deployment.yaml",
        "ingress.yaml",
    ]
    for name in kustomization["resources"]:
        kubernetes_validate.validate(yaml.safe_load((folder / name).read_text()), "1.33", True)
    # what is not wanted any more goes, so that nobody applies it
    output.write(list(made(replicas=1).values()), folder)
    assert {each.name for each in folder.iterdir()} == {
        "service.yaml",
        "deployment.yaml",
        "kustomization.yaml",
    }
    (folder / "mine.yaml").write_text("a: 1")
    with pytest.raises(AlreadyExists, match="other files"):
        output.write(list(made().values()), folder)


def test_files_hold_no_values_that_may_be_secret(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="env_from=secret"):
        output.write(list(made(env={"TOKEN": "x"}).values()), tmp_path / "a")
    read = read_options(KServeOptions, {"env": {"TOKEN": "x"}}, "kserve")
    with pytest.raises(InvalidInput, match="TOKEN"):
        output.write([inference_service("c", IMAGE, read, Notes())], tmp_path / "b")


def test_a_kustomization_of_a_stranger_deletes_nothing_outside(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "keep").write_text("x")
    (folder / "kustomization.yaml").write_text("resources: ['../keep', 7]")
    output.write(list(made(replicas=1).values()), folder)
    assert (tmp_path / "keep").exists()
