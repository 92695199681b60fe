"""The target ``kubernetes``: a Deployment of pods that run our image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import InvalidState
from ..asking import TOKEN, answer_of, ask_server, authorization
from ..base import DeployRequest, Prediction, Report
from .cluster import Cluster
from .common import FAILED, IMAGE, URI, WANTED, Manifest, selector
from .flow import ClusterTarget
from .manifests import manifests
from .options import ClusterOptions, KubernetesOptions
from .owned import owned
from .rollout import wait_for_deployment

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


class KubernetesTarget(ClusterTarget[KubernetesOptions]):
    """The `DeployTarget` ``kubernetes``: Deployment, Service, and what they need beside them."""

    name = "kubernetes"
    options = KubernetesOptions
    kind = "Deployment"
    others = ("PodDisruptionBudget", "HorizontalPodAutoscaler", "Service", "Ingress")
    container = "model"

    def predict(self, name: str, body: bytes, content_type: str) -> Prediction:
        """See `DeployTarget.predict`.

        The request goes through the cluster's own proxy, unless there is a token to send along:
        the proxy takes a token for one of the cluster's.
        """
        with self._cluster() as cluster:
            self._need(cluster, name)
            if authorization():
                return ask_server(f"{_outside(cluster, name)}/invocations", body, content_type)
            service = cluster.find("Service", name) or {}
            ports = (service.get("spec") or {}).get("ports") or [{}]
            port = int(ports[0].get("port") or 80)
            answer = cluster.ask(name, port, "/invocations", body, content_type)
            return answer_of(answer, f"The deployment {name!r}")

    def _manifests(
        self,
        request: DeployRequest,
        options: KubernetesOptions,
        image: str,
        wanted: str,
        current: Manifest | None,
    ) -> Sequence[Manifest]:
        replicas = None
        if current is not None and options.max_replicas is not None:
            # the number is the autoscaler's; one that is left out would be set to 1
            replicas = int(current["spec"].get("replicas") or 0) or None
        notes = self._notes(request, image, wanted)
        return manifests(request.name, image, options, notes, replicas)

    def _noted(self, found: Manifest) -> str:
        return str(self._annotations(found).get(WANTED, ""))

    def _annotations(self, found: Manifest) -> Mapping[str, str]:
        return dict(found["spec"]["template"]["metadata"].get("annotations") or {})

    def _wait(
        self, cluster: Cluster, applied: Manifest, options: ClusterOptions, report: Report
    ) -> None:
        name = applied["metadata"]["name"]
        wait_for_deployment(cluster, applied, selector(name), options.timeout, report)

    def _put_back(self, cluster: Cluster, current: Manifest) -> Manifest:
        """The pods' template of the revision before, as the cluster itself keeps it."""
        name = current["metadata"]["name"]
        template = _previous_template(cluster, current)
        if template is None:
            raise InvalidState(f"The deployment {name!r} has had no version before this one.")
        manifest = owned(current)
        manifest["spec"] = {**manifest["spec"], "template": template}
        return cluster.apply(manifest)

    def _status(self, cluster: Cluster, found: Manifest) -> tuple[Any, str | None, dict[str, Any]]:
        name, status = found["metadata"]["name"], found.get("status") or {}
        count = int(found["spec"].get("replicas", 1))
        ready = int(status.get("availableReplicas") or 0)
        new = int(status.get("updatedReplicas") or 0)
        seen = int(status.get("observedGeneration") or 0) >= int(
            found["metadata"].get("generation") or 0
        )
        if count == 0:
            word = "stopped"
        elif not seen or new < count:
            word = "updating" if ready else "starting"
        else:
            word = "healthy" if ready >= count else ("updating" if ready else "unhealthy")
        previous = _previous_template(cluster, found)
        before = ((previous or {}).get("metadata") or {}).get("annotations") or {}
        details = {
            "replicas": f"{ready} of {count}",
            "revision": (found["metadata"].get("annotations") or {}).get(_REVISION),
            "previous_model_uri": before.get(URI),
            "previous_image": before.get(IMAGE),
        }
        told = {key: value for key, value in details.items() if value}
        return word, _endpoint(cluster, name), told

    def _pod_labels(self, name: str) -> Mapping[str, str]:
        return selector(name)

    def _paid(self, options: KubernetesOptions) -> Sequence[str]:
        paid = []
        if options.gpus:
            most = options.max_replicas or options.replicas
            paid.append(f"{most} × {options.gpus} {options.gpu_resource}, until deleted")
        if options.service_type == "LoadBalancer":
            paid.append("a load balancer of the cluster's cloud, until deleted")
        return paid


def _previous_template(cluster: Cluster, deployment: Manifest) -> Manifest | None:
    """Of the newest ReplicaSet before the current one that did not fail."""
    name = deployment["metadata"]["name"]
    now = int((deployment["metadata"].get("annotations") or {}).get(_REVISION) or 0)
    failed = (deployment["metadata"].get("annotations") or {}).get(FAILED)
    older: list[tuple[int, Manifest]] = []
    for each in cluster.all_of("ReplicaSet", selector(name)):
        owners = each["metadata"].get("ownerReferences") or []
        number = int((each["metadata"].get("annotations") or {}).get(_REVISION) or 0)
        noted = (each["spec"]["template"]["metadata"].get("annotations") or {}).get(WANTED)
        if number >= now or (failed and noted == failed):
            continue
        if any(o.get("uid") == deployment["metadata"].get("uid") for o in owners):
            older.append((number, each))
    if not older:
        return None
    template: Manifest = max(older, key=lambda pair: pair[0])[1]["spec"]["template"]
    about = template.get("metadata") or {}
    labels = {key: value for key, value in (about.get("labels") or {}).items() if key != _HASH}
    notes = dict(about.get("annotations") or {})
    return {**template, "metadata": {"labels": labels, "annotations": notes}}


def _outside(cluster: Cluster, name: str) -> str:
    endpoint = _endpoint(cluster, name)
    if endpoint is None or endpoint.partition("://")[2].startswith(f"{name}.{cluster.namespace}."):
        raise InvalidState(
            f"A request with a token ({TOKEN}) cannot go through the cluster's proxy, and "
            f"{name!r} has no address outside. Use: kubectl port-forward service/{name} 8080:http "
            "-n " + cluster.namespace
        )
    return endpoint


def _endpoint(cluster: Cluster, name: str) -> str | None:
    """The address from outside if there is one, else the one within the cluster."""
    ingress = cluster.find("Ingress", name)
    if ingress is not None and (rules := ingress["spec"].get("rules")):
        scheme = "https" if ingress["spec"].get("tls") else "http"
        paths = (rules[0].get("http") or {}).get("paths") or [{}]
        return f"{scheme}://{rules[0].get('host', '')}{paths[0].get('path', '/').rstrip('/')}"
    service = cluster.find("Service", name)
    if service is None:
        return None
    port = service["spec"]["ports"][0]["port"]
    suffix = "" if port == 80 else f":{port}"
    balanced = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if balanced:
        return f"http://{balanced[0].get('hostname') or balanced[0].get('ip')}{suffix}"
    return f"http://{name}.{cluster.namespace}.svc{suffix}"
