"""Watching a rollout: what the cluster is doing now, and why it does not get further."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...errors import Conflict, DeployFailed, MlpackError
from ..base import Report, say
from .cluster import Cluster
from .common import WANTED, Manifest

# What a container waits for and will not get by waiting.
_HOPELESS = {
    "ErrImagePull": "its image cannot be pulled",
    "ImagePullBackOff": "its image cannot be pulled",
    "InvalidImageName": "its image has no valid name",
    "ImageInspectError": "its image cannot be used",
    "ErrImageNeverPull": "its image is not on the node",
    "CreateContainerConfigError": "it names a Secret or ConfigMap that is not there",
    "CreateContainerError": "it could not be made",
    "RunContainerError": "it could not be started",
    "CrashLoopBackOff": "it ends as soon as it is started",
}
_ADVICE = {
    "ErrImagePull": "Can the nodes reach the registry? A private one needs -C pull_secrets=NAME "
    "(kubectl create secret docker-registry NAME …); an image of another processor needs "
    "-C platform=….",
    "CreateContainerConfigError": "Look at -C env_from=…; kubectl get secrets,configmaps lists "
    "what there is.",
    "CrashLoopBackOff": "Try the same image here: mlpack deploy --target local. If its log ends "
    "with 'Killed', or with nothing, give it more memory: -C memory=2Gi.",
    "OOMKilled": "Give it more memory: -C memory=2Gi.",
    "Unschedulable": "No node has room for a pod: reserve less (-C cpu=…, -C memory=…), run "
    "fewer (-C replicas=…), or add nodes. A taint needs -C tolerations=….",
    "": "kubectl describe pods -l app.kubernetes.io/name=NAME tells more; a model that is slow to "
    "load needs -C timeout=….",
}
_ADVICE["ImagePullBackOff"] = _ADVICE["ErrImagePull"]
_TAIL = 15
_LONGEST_PAUSE = 3.0


def wait_for_deployment(
    cluster: Cluster, applied: Manifest, labels: Mapping[str, str], timeout: float, report: Report
) -> Manifest:
    """Return when all pods of a Deployment are new and ready.

    Args:
        cluster: where.
        applied: the Deployment as it was applied.
        labels: of its pods.
        timeout: seconds.
        report: told what the cluster is doing.

    Raises:
        DeployFailed: it gets no further, or time is up.
        Conflict: somebody else changed it meanwhile.
    """
    name = applied["metadata"]["name"]
    generation = applied["metadata"].get("generation", 0)
    wanted = _noted(applied)
    deadline, pause, told = time.monotonic() + timeout, 0.1, ""
    while True:
        found = cluster.find("Deployment", name)
        if found is None or _noted(found) != wanted:
            raise Conflict(f"Somebody else changed the deployment {name!r} meanwhile.")
        status = found.get("status") or {}
        count = int(found["spec"].get("replicas", 1))
        ready = int(status.get("availableReplicas") or 0)
        new = int(status.get("updatedReplicas") or 0)
        seen = int(status.get("observedGeneration") or 0) >= generation
        if seen and new >= count and ready >= count and int(status.get("replicas") or 0) <= count:
            return found
        message = f"{new} of {count} pods are new, {ready} answer" if seen else "Not seen yet"
        trouble = _trouble(cluster, labels, wanted)
        if trouble.hopeless or _gave_up(status) or time.monotonic() > deadline:
            why = trouble.text or f"{message} after {timeout:g} s"
            raise failed(cluster, name, why, trouble, labels)
        if trouble.text:
            message += f"; {trouble.text}"
        if message != told:
            say(report, message)
            told = message
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


class Trouble:
    """What keeps a pod from answering.

    Attributes:
        text: in words; '' if it is just not ready yet.
        reason: Kubernetes' word.
        pod: its name.
        container: its name.
        hopeless: waiting will not help.
    """

    def __init__(
        self, text: str = "", reason: str = "", pod: str = "", container: str = "",
        hopeless: bool = False,
    ) -> None:  # fmt: skip
        self.text, self.reason, self.pod = text, reason, pod
        self.container, self.hopeless = container, hopeless


def failed(
    cluster: Cluster, name: str, why: str, trouble: Trouble, labels: Mapping[str, str]
) -> DeployFailed:
    """The reason in one line, the log's end, and what to try."""
    advice = _ADVICE.get(trouble.reason, _ADVICE[""]).replace("NAME tells", f"{name} tells")
    return DeployFailed(f"{name} does not answer: {why}.", _log(cluster, trouble, labels), advice)


def _trouble(cluster: Cluster, labels: Mapping[str, str], wanted: str) -> Trouble:
    """The gravest of the new pods' troubles."""
    found = [
        trouble_of(pod)
        for pod in cluster.all_of("Pod", labels)
        if (pod["metadata"].get("annotations") or {}).get(WANTED) == wanted
    ]
    return next((t for t in found if t.hopeless), next((t for t in found if t.text), Trouble()))


def trouble_of(pod: Manifest) -> Trouble:
    """What keeps one pod from answering."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for each in status.get("containerStatuses") or ():
        state = each.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        before = (each.get("lastState") or {}).get("terminated") or {}
        reason = str(waiting.get("reason") or ended.get("reason") or "")
        container = str(each.get("name"))
        if "OOMKilled" in (before.get("reason"), ended.get("reason")):
            return Trouble("it ran out of memory", "OOMKilled", name, container, hopeless=True)
        if reason in _HOPELESS:
            said = str(waiting.get("message") or "").split("\n")[0][:300].rstrip(". ")
            text = _HOPELESS[reason] + (f" ({said})" if said else "")
            # the first failure to pull may be the registry's bad moment
            return Trouble(text, reason, name, container, hopeless=reason != "ErrImagePull")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            said = str(condition.get("message") or "no node has room").rstrip(". ")[:300]
            return Trouble(said, str(condition.get("reason") or "Unschedulable"), name)
    return Trouble()


def _gave_up(status: Mapping[str, Any]) -> bool:
    return any(
        (each.get("type"), each.get("status"), each.get("reason"))
        == ("Progressing", "False", "ProgressDeadlineExceeded")
        for each in status.get("conditions") or ()
    )


def _noted(deployment: Manifest) -> str:
    template = deployment["spec"]["template"]["metadata"]
    return str((template.get("annotations") or {}).get(WANTED, ""))


def _log(cluster: Cluster, trouble: Trouble, labels: Mapping[str, str]) -> list[str]:
    pods = (
        [trouble.pod] if trouble.pod else [p["metadata"]["name"] for p in newest(cluster, labels)]
    )
    for pod in pods[:1]:
        try:
            container = trouble.container or "model"
            return [line for line in cluster.log(pod, container, _TAIL, False) if line.strip()]
        except MlpackError:
            continue  # a container that never started has none
    return []


def _names(objects: list[Manifest]) -> list[str]:
    return [each["metadata"]["name"] for each in objects]


def newest(cluster: Cluster, labels: Mapping[str, str]) -> list[Manifest]:
    """The pods of a deployment, the newest first."""
    pods = cluster.all_of("Pod", labels)
    return sorted(
        pods, key=lambda each: str(each["metadata"].get("creationTimestamp")), reverse=True
    )
