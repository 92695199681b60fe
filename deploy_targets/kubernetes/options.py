"""What ``-C`` takes for the targets on Kubernetes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..options import option

_QUANTITY = r"\d+(\.\d+)?(m|[kKMGTPE]i?)?"
_HOST = r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Common to both targets."""

    context: str | None = option(None, "context of the kubeconfig; the current one", place=True)
    kubeconfig: Path | None = option(None, "kubeconfig file; KUBECONFIG by default", place=True)
    namespace: str | None = option(
        None,
        "namespace; the context's own by default",
        place=True,
        pattern=r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        like="models",
    )
    repository: str | None = option(
        None, "registry and folder to push images to, such as registry.example/team"
    )
    platform: str = option("linux/amd64", "of the cluster's nodes", pattern=r"linux/\w+(/v\d+)?")
    pull_secrets: tuple[str, ...] = option((), "secrets to pull the image with", split=",")
    output: Path | None = option(None, "write the manifests to this folder, and apply nothing")
    timeout: float = option(300.0, "seconds to wait until it answers", above=0)

    env: dict[str, str] = option({}, "variables of the container", secret=True, group="Container")
    env_from: tuple[str, ...] = option(
        (),
        "secret/NAME or configmap/NAME whose keys become variables",
        group="Container",
        split=",",
        pattern=r"(secret|configmap)/[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
        like="secret/tokens",
    )
    workers: int | None = option(
        None, "processes; one a CPU by default", group="Container", minimum=1
    )
    cpu: str = option("250m", "CPU to reserve", group="Container", pattern=_QUANTITY, like="500m")
    cpu_limit: str | None = option(
        None, "CPU at most; none by default", group="Container", pattern=_QUANTITY, like="2"
    )
    memory: str = option(
        "512Mi", "memory to reserve", group="Container", pattern=_QUANTITY, like="1Gi"
    )
    memory_limit: str | None = option(
        None, "memory at most; twice `memory`", group="Container", pattern=_QUANTITY, like="2Gi"
    )
    gpus: int = option(0, "GPUs of each replica", group="Container", minimum=0)
    gpu_resource: str = option("nvidia.com/gpu", "what a GPU is called", group="Container")

    service_account: str | None = option(None, "of the pods", group="Placement")
    node_selector: dict[str, str] = option({}, "labels of the nodes to run on", group="Placement")
    tolerations: tuple[Any, ...] = option((), "as Kubernetes has them (YAML)", group="Placement")
    priority_class: str | None = option(None, "of the pods", group="Placement")
    labels: dict[str, str] = option({}, "further labels of all that is made", group="Placement")
    annotations: dict[str, str] = option({}, "further annotations of the pods", group="Placement")


@dataclass(frozen=True, kw_only=True)
class KubernetesOptions(ClusterOptions):
    """Of the target ``kubernetes``."""

    replicas: int = option(2, "pods; the least when scaling", minimum=0, group="Scaling")
    max_replicas: int | None = option(
        None, "pods at most: scales by CPU between `replicas` and this", minimum=1, group="Scaling"
    )
    target_cpu: int = option(
        70, "percent of the reserved CPU to scale at", minimum=1, maximum=1000, group="Scaling"
    )
    service_type: str = option(
        "ClusterIP", "of the Service", ("ClusterIP", "NodePort", "LoadBalancer"), group="Network"
    )
    service_port: int = option(80, "of the Service", minimum=1, maximum=65535, group="Network")
    host: str | None = option(
        None, "host name for an Ingress", group="Network", pattern=_HOST, like="churn.example.com"
    )
    path: str = option("/", "path of the Ingress", group="Network", pattern=r"/[\w./~-]*")
    ingress_class: str | None = option(None, "of the Ingress", group="Network")
    tls_secret: str | None = option(None, "certificate of the Ingress", group="Network")
    ingress_annotations: dict[str, str] = option({}, "of the Ingress", group="Network")


@dataclass(frozen=True, kw_only=True)
class KServeOptions(ClusterOptions):
    """Of the target ``kserve``."""

    way: str = option(
        "image",
        "our image, or KServe's own server for MLflow models over the v2 protocol",
        ("image", "mlflow"),
    )
    storage_uri: str | None = option(
        None,
        "where KServe's server finds the model, for way=mlflow",
        pattern=r"(s3|gs|https?|pvc|hf|abfss|wasbs)://\S+",
        like="s3://bucket/folder",
    )
    runtime: str | None = option(None, "ServingRuntime for way=mlflow; KServe's choice by default")
    canary_percent: int | None = option(
        None,
        "share of requests for the new version; the rest stays with what runs",
        minimum=0,
        maximum=100,
        group="Traffic",
    )
    min_replicas: int = option(1, "pods at least; 0 to scale to none", minimum=0, group="Scaling")
    max_replicas: int | None = option(None, "pods at most", minimum=1, group="Scaling")
    scale_metric: str | None = option(
        None, "what to scale by", ("cpu", "memory", "concurrency", "rps"), group="Scaling"
    )
    scale_target: int | None = option(None, "value to scale at", minimum=1, group="Scaling")
    deployment_mode: str | None = option(
        None,
        "how KServe runs it; the cluster's default",
        ("Serverless", "RawDeployment", "Knative", "Standard"),
    )
