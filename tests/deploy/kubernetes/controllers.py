"""What makes pods of the objects in an `ApiServer`, as a cluster's controllers and nodes do.

A pod is a real container of the Docker engine, with the security that its manifest asks for; or,
for tests of the targets alone, nothing but the state that a script gives it.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol

from mlpack.tests.deploy.kubernetes.api_server import ApiServer, Refused

REVISION = "deployment.kubernetes.io/revision"
ISVC = "serving.kserve.io/inferenceservice"


class Runtime(Protocol):
    """Runs the container of a pod."""

    def start(self, pod: dict[str, Any]) -> None: ...
    def state(self, pod: dict[str, Any]) -> dict[str, Any]:
        """``{"ready": bool}``, with ``waiting``, ``lastState`` or ``unschedulable`` if need be."""

    def stop(self, pod: dict[str, Any]) -> None: ...
    def ask(self, pod: dict[str, Any], path: str, body: bytes, kind: str) -> Any: ...
    def log(self, pod: dict[str, Any], query: dict[str, str]) -> Iterator[Any]: ...


class Scripted:
    """A runtime whose pods are ready at once, unless their image is in ``troubles``."""

    def __init__(self) -> None:
        self.troubles: dict[str, dict[str, Any]] = {}
        self.logs = ["started", "loading the model", "Traceback: no such file"]

    def start(self, pod: dict[str, Any]) -> None: ...

    def state(self, pod: dict[str, Any]) -> dict[str, Any]:
        containers = pod["spec"].get("containers") or [{}]
        return self.troubles.get(str(containers[0].get("image")), {"ready": True})

    def stop(self, pod: dict[str, Any]) -> None: ...

    def ask(self, pod: dict[str, Any], path: str, body: bytes, kind: str) -> Any:
        text = json.dumps({"predictions": [1], "path": path, "body": body.decode()})
        return 200, text.encode()

    def log(self, pod: dict[str, Any], query: dict[str, str]) -> Iterator[Any]:
        state = self.state(pod)
        if "waiting" in state and state["waiting"]["reason"] != "CrashLoopBackOff":
            name, why = pod["metadata"]["name"], state["waiting"]["reason"]
            said = f'container "model" in pod "{name}" is waiting to start: {why}'
            raise Refused(400, said, "BadRequest")
        tail = int(query.get("tailLines", 0))
        return self._lines(tail)

    def _lines(self, tail: int) -> Iterator[Any]:
        yield from self.logs[-tail:] if tail else self.logs


class Docker:
    """A runtime of real containers."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.running: dict[str, Any] = {}

    def start(self, pod: dict[str, Any]) -> None:
        spec = pod["spec"]["containers"][0]
        security = spec["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] > 0
        mounts = {each["mountPath"]: "mode=1777" for each in spec["volumeMounts"]}
        self.running[pod["metadata"]["name"]] = self.client.containers.run(
            spec["image"],
            spec["args"],
            detach=True,
            read_only=security["readOnlyRootFilesystem"],
            user=f"{security['runAsUser']}:{security['runAsGroup']}",
            cap_drop=security["capabilities"]["drop"],
            security_opt=["no-new-privileges"],
            tmpfs=mounts,
            environment={each["name"]: each["value"] for each in spec.get("env", ())},
            ports={f"{spec['ports'][0]['containerPort']}/tcp": ("127.0.0.1", None)},
            labels={"mlpack-test": "kubernetes"},
        )

    def state(self, pod: dict[str, Any]) -> dict[str, Any]:
        container = self.running[pod["metadata"]["name"]]
        container.reload()
        if container.status in ("exited", "dead"):
            return {"ready": False, "waiting": {"reason": "CrashLoopBackOff"}}
        probe = pod["spec"]["containers"][0]["readinessProbe"]["httpGet"]
        try:
            return {"ready": self._request(pod, "GET", probe["path"], None, "")[0] == 200}
        except (OSError, http.client.HTTPException):
            return {"ready": False}

    def stop(self, pod: dict[str, Any]) -> None:
        container = self.running.pop(pod["metadata"]["name"])
        container.stop(timeout=60)
        container.remove(force=True)

    def ask(self, pod: dict[str, Any], path: str, body: bytes, kind: str) -> Any:
        return self._request(pod, "POST", path, body, kind)

    def log(self, pod: dict[str, Any], query: dict[str, str]) -> Iterator[Any]:
        container = self.running[pod["metadata"]["name"]]
        tail: Any = int(query["tailLines"]) if "tailLines" in query else "all"
        yield from container.logs(stream=True, follow=query.get("follow") == "true", tail=tail)

    def close(self) -> None:
        for container in self.running.values():
            container.remove(force=True)

    def _request(
        self, pod: dict[str, Any], method: str, path: str, body: bytes | None, kind: str
    ) -> tuple[int, bytes]:
        container = self.running[pod["metadata"]["name"]]
        container.reload()
        ports = container.ports.get("8080/tcp")
        if not ports:
            raise OSError("no port yet")
        connection = http.client.HTTPConnection("127.0.0.1", int(ports[0]["HostPort"]), timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Controllers:
    """Keeps pods as Deployments and InferenceServices want them, in a thread of its own."""

    def __init__(self, api: ApiServer, runtime: Runtime) -> None:
        self.api, self.runtime = api, runtime
        self.serving: dict[str, int] = {}  # requests that a pod is answering
        self._stop = threading.Event()
        self._turn = 0
        api.forward, api.log, api.on_delete = self._forward, self._log, self._deleted
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for space in self.api.namespaces:
                for kind, act in (("Deployment", self._roll), ("InferenceService", self._infer)):
                    for each in self.api.of_kind(kind, space):
                        if not each["metadata"].get("deletionTimestamp"):
                            act(each)

    # --- Deployments ----------------------------------------------------------------------------

    def _roll(self, deployment: dict[str, Any]) -> None:
        current = self._replica_set(deployment)
        count = deployment["spec"]["replicas"]
        pods = self._pods(deployment, deployment["spec"]["selector"]["matchLabels"])
        new = [p for p in pods if p["metadata"]["revision"] == current["metadata"]["name"]]
        old = [p for p in pods if p not in new]
        ready = [p for p in pods if self._observe(p)]
        # never fewer that are ready than asked for, never more than one too many
        if len(new) < count and len(pods) < count + 1:
            self._make_pod(deployment, current["spec"]["template"], current["metadata"]["name"])
        elif old and (going := self._spare(old, ready, count)):
            self._end_pod(going)
        elif len(new) > count:
            self._end_pod(new[-1])
        status = deployment.setdefault("status", {})
        status |= {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(new),
            "availableReplicas": len(ready),
        }

    @staticmethod
    def _spare(old: list[Any], ready: list[Any], count: int) -> Any:
        """One that does not answer anyway, else one that is not needed any more."""
        idle = next((each for each in old if each not in ready), None)
        return idle or (old[0] if len(ready) > count else None)

    def _replica_set(self, deployment: dict[str, Any]) -> dict[str, Any]:
        about, template = deployment["metadata"], deployment["spec"]["template"]
        owned = [
            each
            for each in self.api.of_kind("ReplicaSet", about["namespace"])
            if each["metadata"]["ownerReferences"][0]["uid"] == about["uid"]
        ]
        revisions = [int(each["metadata"]["annotations"][REVISION]) for each in owned]
        newest = max(revisions, default=0)
        text = json.dumps(template, sort_keys=True)
        found = next((each for each in owned if each["_of"] == text), None)
        if found is not None:
            if int(found["metadata"]["annotations"][REVISION]) != newest:
                found["metadata"]["annotations"][REVISION] = str(newest + 1)
        else:
            name = f"{about['name']}-{newest + 1:x}abc"
            inner = json.loads(text)
            inner["metadata"]["labels"]["pod-template-hash"] = name
            found = {
                "kind": "ReplicaSet",
                "_of": text,
                "metadata": {
                    "name": name,
                    "namespace": about["namespace"],
                    "labels": inner["metadata"]["labels"],
                    "annotations": {REVISION: str(newest + 1)},
                    "ownerReferences": [{"kind": "Deployment", "uid": about["uid"]}],
                },
                "spec": {"template": inner},
            }
            self.api.put(found)
        number = found["metadata"]["annotations"][REVISION]
        about.setdefault("annotations", {})[REVISION] = number
        return found

    # --- InferenceServices ----------------------------------------------------------------------

    def _infer(self, service: dict[str, Any]) -> None:
        about, predictor = service["metadata"], service["spec"]["predictor"]
        revision = json.dumps(
            {key: value for key, value in predictor.items() if key != "canaryTrafficPercent"}
        )
        pods = self._pods(service, {ISVC: about["name"]})
        new = [p for p in pods if p["metadata"]["revision"] == revision]
        if not new:
            containers = predictor.get("containers") or [{"name": "kserve-container"}]
            template = {
                "metadata": {"labels": {ISVC: about["name"]}},
                "spec": {"containers": containers},
            }
            self._make_pod(service, template, revision)
            return
        ready = self._observe(new[0])
        share = predictor.get("canaryTrafficPercent")
        if ready and share is None:
            for pod in pods:
                if pod not in new:
                    self._end_pod(pod)
        status = service.setdefault("status", {})
        status["observedGeneration"] = about["generation"]
        status["conditions"] = [{"type": "Ready", "status": str(ready)}]
        status["deploymentMode"] = "RawDeployment"
        if ready:
            status["url"] = f"http://{about['name']}.{about['namespace']}.example.com"
            status["components"] = {
                "predictor": {"latestReadyRevision": new[0]["metadata"]["name"]}
            }

    # --- pods -----------------------------------------------------------------------------------

    def _pods(self, owner: dict[str, Any], labels: dict[str, str]) -> list[dict[str, Any]]:
        about = owner["metadata"]
        found = self.api.of_kind("Pod", about["namespace"], labels)
        return [each for each in found if each["metadata"]["owner"] == about["uid"]]

    def _make_pod(self, owner: dict[str, Any], template: dict[str, Any], revision: str) -> None:
        self._turn += 1
        pod = {
            "kind": "Pod",
            "metadata": {
                **template["metadata"],
                "name": f"{owner['metadata']['name']}-{self._turn}",
                "namespace": owner["metadata"]["namespace"],
                "revision": revision,
                "owner": owner["metadata"]["uid"],
            },
            "spec": template["spec"],
            "status": {},
        }
        self.runtime.start(pod)
        self.api.put(pod)

    def _end_pod(self, pod: dict[str, Any]) -> None:
        """As a node does: no new requests, a moment for those under way, then SIGTERM."""
        name = pod["metadata"]["name"]
        self.api.remove(pod)
        deadline = time.monotonic() + 30
        while self.serving.get(name) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.runtime.stop(pod)

    def _observe(self, pod: dict[str, Any]) -> bool:
        state = self.runtime.state(pod)
        name = (pod["spec"].get("containers") or [{"name": "main"}])[0]["name"]
        told: dict[str, Any] = {"name": name, "ready": bool(state.get("ready")), "state": {}}
        if "waiting" in state:
            told["state"] = {"waiting": state["waiting"]}
        if "terminated" in state:
            told["lastState"] = {"terminated": state["terminated"]}
        pod["status"] = {"containerStatuses": [told]}
        if "unschedulable" in state:
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            pod["status"]["conditions"] = [{**condition, "message": state["unschedulable"]}]
        pod["ready"] = told["ready"]
        return bool(told["ready"])

    def _deleted(self, found: dict[str, Any]) -> None:
        about = found["metadata"]
        if found["kind"] == "Deployment":
            labels = found["spec"]["selector"]["matchLabels"]
        elif found["kind"] == "InferenceService":
            labels = {ISVC: about["name"]}
        else:
            return
        for each in self.api.of_kind("ReplicaSet", about["namespace"]):
            if each["metadata"]["ownerReferences"][0]["uid"] == about["uid"]:
                self.api.remove(each)
        for pod in self.api.of_kind("Pod", about["namespace"], labels):
            if pod["metadata"]["owner"] == about["uid"]:
                self._end_pod(pod)

    def _forward(
        self, space: str, service: str, port: int, path: str, body: bytes, kind: str
    ) -> Any:
        found = self.api.find("Service", space, service)
        labels = found["spec"]["selector"] if found else {ISVC: service.removesuffix("-predictor")}
        with self.api.lock:
            ready = [p for p in self.api.of_kind("Pod", space, labels) if p.get("ready")]
            if not ready:
                raise Refused(503, f'no endpoints available for service "{service}"')
            self._turn += 1
            pod = ready[self._turn % len(ready)]
            name = pod["metadata"]["name"]
            self.serving[name] = self.serving.get(name, 0) + 1
        try:
            return self.runtime.ask(pod, path, body, kind)
        finally:
            with self.api.lock:
                self.serving[name] -= 1

    def _log(self, space: str, name: str, query: dict[str, str]) -> Iterator[Any]:
        pod = self.api.find("Pod", space, name)
        assert pod is not None
        return self.runtime.log(pod, query)
