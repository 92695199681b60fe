"""The manifests of the target ``kubernetes``. Pure: nothing is asked or sent here."""

from __future__ import annotations

from ...builders.settings import PORT
from .common import Manifest, Notes, container, metadata, pod, selector
from .options import KubernetesOptions

# seconds that a pod goes on answering after it was told to end, because the nodes learn only
# then that it is to be left out; and the time that it has in all
_LEAVING = 5
_GRACE = 60


def manifests(
    name: str,
    image: str,
    options: KubernetesOptions,
    notes: Notes,
    replicas: int | None = None,
) -> list[Manifest]:
    """Everything that a deployment consists of, in the order to apply.

    Args:
        name: of the deployment.
        image: reference, by digest where it is known.
        options: of the target.
        notes: to keep beside it.
        replicas: that an autoscaler has it run now; by default as the options say.
    """
    found = [_service(name, options)]
    if _several(options):
        found.append(_disruption_budget(name, options))
    found.append(_deployment(name, image, options, notes, replicas))
    if options.max_replicas is not None:
        found.append(_autoscaler(name, options))
    if options.host is not None:
        found.append(_ingress(name, options))
    return found


def _several(options: KubernetesOptions) -> bool:
    return options.replicas > 1 or (options.max_replicas or 0) > 1


def _deployment(
    name: str, image: str, options: KubernetesOptions, notes: Notes, replicas: int | None
) -> Manifest:
    main = container("model", image, options)
    # in exec form: there may be no shell
    wait = ["python", "-S", "-c", f"import time; time.sleep({_LEAVING})"]
    main["lifecycle"] = {"preStop": {"exec": {"command": wait}}}
    spec = {**pod(options), "containers": [main], "terminationGracePeriodSeconds": _GRACE}
    if _several(options):
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector(name)},
            }
        ]
    about = metadata(name, options)
    template = {
        "metadata": {
            "labels": about["labels"],
            # in the template, so that each revision that the cluster keeps says what it was
            "annotations": {**options.annotations, **notes.annotations()},
        },
        "spec": spec,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": about,
        "spec": {
            "replicas": max(replicas or 0, options.replicas),
            "selector": {"matchLabels": selector(name)},
            "revisionHistoryLimit": 5,
            "progressDeadlineSeconds": max(60, round(options.timeout)),
            "strategy": {
                "type": "RollingUpdate",
                # a pod goes only when another is ready
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": template,
        },
    }


def _service(name: str, options: KubernetesOptions) -> Manifest:
    port = {
        "name": "http",
        "port": options.service_port,
        "targetPort": PORT,
        "protocol": "TCP",
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, options),
        "spec": {"type": options.service_type, "selector": selector(name), "ports": [port]},
    }


def _disruption_budget(name: str, options: KubernetesOptions) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(name, options),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(name)}},
    }


def _autoscaler(name: str, options: KubernetesOptions) -> Manifest:
    used = {"type": "Utilization", "averageUtilization": options.target_cpu}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name, options),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": max(1, options.replicas),
            "maxReplicas": options.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": used}}],
        },
    }


def _ingress(name: str, options: KubernetesOptions) -> Manifest:
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    path = {"path": options.path, "pathType": "Prefix", "backend": backend}
    spec: Manifest = {"rules": [{"host": options.host, "http": {"paths": [path]}}]}
    if options.ingress_class:
        spec["ingressClassName"] = options.ingress_class
    if options.tls_secret:
        spec["tls"] = [{"hosts": [options.host], "secretName": options.tls_secret}]
    more = {"annotations": dict(options.ingress_annotations)} if options.ingress_annotations else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(name, options, **more),
        "spec": spec,
    }
