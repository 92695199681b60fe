"""A workspace of Azure ML as its REST API shows it, with the rules that the service enforces.

Long operations go through the states that the real ones go through; containers run for real.
"""

from __future__ import annotations

import datetime
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpack.tests.deploy.azureml.machines import Failed, Machine
from mlpack.tests.deploy.azureml.schema import Refused, check

SIZES = {"Standard_DS3_v2", "Standard_DS2_v2", "Standard_F4s_v2"}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
_BUSY = ("Creating", "Updating", "Deleting")
_MODELS = {
    "onlineEndpoints": ("OnlineEndpoint", "OnlineDeployment"),
    "batchEndpoints": ("BatchEndpoint", "BatchDeployment"),
}


class Problem(Exception):
    """An answer that is an error, as ARM words it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Resource:
    """Something that was put, with what the service adds."""

    id: str
    kind: str
    body: dict[str, Any]
    state: str = "Creating"
    machine: Machine | None = None
    answered: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    def shown(self) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC).isoformat()
        properties = {
            "properties": {},
            **self.body["properties"],
            **self.answered,
            "provisioningState": self.state,
        }
        stamp = {"createdAt": now, "createdBy": "t", "lastModifiedAt": now}
        return {
            "id": self.id,
            "name": self.name,
            "type": f"Microsoft.MachineLearningServices/workspaces/{self.kind}",
            **self.body,
            "tags": self.body.get("tags") or {},
            "properties": properties,
            "systemData": stamp,
        }


class Workspace:
    """Endpoints, deployments, environments and models.

    Args:
        path: its resource id.
        scoring: where endpoints answer; ``{name}`` stands for theirs.
        run: starts what a deployment runs.
    """

    def __init__(
        self, path: str, scoring: str, run: Callable[[Workspace, Resource, Any], Machine]
    ) -> None:
        self.path, self.scoring, self._run = path, scoring, run
        self.all: dict[str, Resource] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.quota = 20
        self.hold = threading.Event()  # clear: long operations do not end
        self.hold.set()
        self._lock = threading.RLock()

    def find(self, path: str) -> Resource | None:
        return self.all.get(path.lower())

    def need(self, path: str) -> Resource:
        found = self.find(path)
        if found is None:
            raise Problem(404, "ResourceNotFound", f"The resource {path} was not found.")
        return found

    def below(self, path: str) -> list[Resource]:
        prefix = path.lower() + "/"
        return [
            each
            for key, each in sorted(self.all.items())
            if key.startswith(prefix) and "/" not in key[len(prefix) :]
        ]

    # -- assets ------------------------------------------------------------------------------

    def put_asset(self, path: str, kind: str, body: Any) -> Resource:
        old = self.find(path)
        if old:  # read before: what the service itself set is passed over
            kept = {*old.body["properties"], "isArchived"}
            properties = {k: v for k, v in body["properties"].items() if k in kept}
            body = {**{k: v for k, v in body.items() if k in old.body}, "properties": properties}
        _check({"environments": "EnvironmentVersion", "models": "ModelVersion"}[kind], body)
        with self._lock:
            for fixed in ("image", "inferenceConfig", "modelUri", "modelType"):
                if old and old.body["properties"].get(fixed) != body["properties"].get(fixed):
                    raise Problem(
                        409, "Conflict", f"Asset already exists; {fixed} cannot be changed."
                    )
            made = Resource(path, kind, body, "Succeeded")
            if kind == "models":
                made.answered = {"flavors": {}}
            self.all[path.lower()] = made
            return made

    # -- endpoints ---------------------------------------------------------------------------

    def put_endpoint(self, path: str, kind: str, body: Any) -> tuple[int, Resource, str]:
        _check(_MODELS[kind][0], body)
        with self._lock:
            old = self.find(path)
            name = path.rpartition("/")[2]
            if not _NAME.fullmatch(name):
                raise Problem(400, "BadArgument", f"The endpoint name {name} is not valid.")
            if old and old.state in _BUSY:
                raise Problem(409, "Conflict", f"The endpoint {name} is in the state {old.state}.")
            self._check_identity(body)
            if kind == "onlineEndpoints":
                self._check_traffic(path, body["properties"])
            made = old or Resource(path, kind, body)
            made.body, made.state = body, "Updating" if old else "Creating"
            self.keys.setdefault(name, f"key-{uuid.uuid4().hex}")
            made.answered = {"scoringUri": self.scoring.format(name=name)}
            identity = body.get("identity") or {"type": "SystemAssigned"}
            made.body["identity"] = {**identity, "principalId": str(uuid.uuid4()), "tenantId": "t"}
            self.all[path.lower()] = made
        return (200 if old else 201), made, self._later(made, lambda: None)

    def _check_traffic(self, path: str, properties: Mapping[str, Any]) -> None:
        traffic = properties.get("traffic") or {}
        mirror = properties.get("mirrorTraffic") or {}
        known = {each.name for each in self.below(f"{path}/deployments")}
        for name in (*traffic, *mirror):
            if name not in known:
                raise Problem(400, "BadArgument", f"The deployment {name} does not exist.")
        if sum(traffic.values()) not in (0, 100):
            raise Problem(400, "BadArgument", f"Traffic must sum to 0 or 100: {traffic}")
        if len(mirror) > 1 or any(not 0 < share <= 50 for share in mirror.values()):
            raise Problem(400, "BadArgument", f"Mirror traffic goes to one, at most 50: {mirror}")
        if any(traffic.get(name) for name in mirror):
            raise Problem(400, "BadArgument", "A deployment cannot have live and mirror traffic.")
        if mirror and properties.get("compute"):
            raise Problem(400, "BadArgument", "Kubernetes endpoints have no mirror traffic.")

    def _check_identity(self, body: Mapping[str, Any]) -> None:
        identity = body.get("identity") or {}
        if identity.get("type") == "UserAssigned" and not identity.get("userAssignedIdentities"):
            raise Problem(400, "BadArgument", "UserAssigned needs userAssignedIdentities.")

    # -- deployments -------------------------------------------------------------------------

    def put_deployment(self, path: str, kind: str, body: Any) -> tuple[int, Resource, str]:
        _check(_MODELS[kind][1], body)
        with self._lock:
            endpoint = self.need(path.rpartition("/deployments/")[0])
            old = self.find(path)
            for each in (endpoint, old):
                if each and each.state in _BUSY:
                    raise Problem(409, "Conflict", f"{each.name} is in the state {each.state}.")
            properties = body["properties"]
            if kind == "onlineEndpoints":
                self._check_machines(path, body, bool(endpoint.body["properties"].get("compute")))
                properties.setdefault("scaleSettings", {"scaleType": "Default"})
            elif not self._is_compute(properties.get("compute")):
                raise Problem(400, "BadArgument", f"No compute {properties.get('compute')}.")
            self._check_assets(properties)
            made = Resource(path, kind, body, "Updating" if old else "Creating")
            self.all[path.lower()] = made

        def work() -> None:
            if kind == "onlineEndpoints":
                made.machine = self._run(self, made, lambda m: setattr(made, "machine", m))

        return (200 if old else 201), made, self._later(made, work)

    def _check_machines(self, path: str, body: Mapping[str, Any], kubernetes: bool) -> None:
        properties = body["properties"]
        if (properties["endpointComputeType"] == "Kubernetes") != kubernetes:
            raise Problem(400, "BadArgument", "The deployment's type is not the endpoint's.")
        if kubernetes:
            asked = {"containerResourceRequests": {"cpu": "100m", "memory": "0.5Gi"}}
            properties.setdefault("containerResourceRequirements", asked)
            return
        size, count = properties.get("instanceType"), (body.get("sku") or {}).get("capacity", 1)
        if size not in SIZES:
            raise Problem(
                400, "BadArgument", f"The VM size {size} is not supported in this region."
            )
        if (properties.get("scaleSettings") or {"scaleType": "Default"})["scaleType"] != "Default":
            raise Problem(400, "BadArgument", "Managed deployments have Default scaling alone.")
        used = sum(
            (each.body.get("sku") or {}).get("capacity", 1)
            for key, each in self.all.items()
            if "/onlineendpoints/" in key and "/deployments/" in key and key != path.lower()
        )
        if used + count > self.quota:
            raise Problem(
                400,
                "OutOfQuota",
                f"Not enough quota available for {size} in the subscription. Limit: {self.quota}.",
            )

    def _is_compute(self, compute: str | None) -> bool:
        return bool(compute) and str(compute).startswith(f"{self.path}/computes/")

    def _check_assets(self, properties: Mapping[str, Any]) -> None:
        model = properties.get("model")
        model = model.get("assetId") if isinstance(model, dict) else model
        named = [each for each in (properties.get("environmentId"), model) if each]
        if not named:
            raise Problem(400, "BadArgument", "A model or an environment is required.")
        for each in named:
            if self.find(each) is None:
                raise Problem(400, "BadArgument", f"The asset {each} does not exist.")

    # -- deletion ----------------------------------------------------------------------------

    def delete(self, path: str) -> str | None:
        with self._lock:
            found = self.find(path)
            if found is None:
                return None
            for each in (found, *self.below(f"{path}/deployments")):
                if each.state in _BUSY:
                    raise Problem(409, "Conflict", f"{each.name} is in the state {each.state}.")
            if "/deployments/" in path:
                self._check_unused(path, found)
            before, found.state = found.state, "Deleting"
        return self._later(found, lambda: self._gone(found), before)

    def _check_unused(self, path: str, found: Resource) -> None:
        endpoint = self.need(path.rpartition("/deployments/")[0]).body["properties"]
        used = {**(endpoint.get("traffic") or {}), **(endpoint.get("mirrorTraffic") or {})}
        default = (endpoint.get("defaults") or {}).get("deploymentName")
        if used.get(found.name) or default == found.name:
            raise Problem(
                400, "BadArgument", f"The deployment {found.name} has traffic; move that first."
            )

    def _gone(self, found: Resource) -> None:
        for each in (*self.below(f"{found.id}/deployments"), found):
            if each.machine:
                each.machine.stop()
            self.all.pop(each.id.lower(), None)

    # -- long operations ---------------------------------------------------------------------

    def _later(self, resource: Resource, work: Callable[[], None], before: str = "") -> str:
        operation = uuid.uuid4().hex
        self.operations[operation] = {"status": "InProgress"}

        def run() -> None:
            self.hold.wait(120)
            try:
                work()
            except Failed as error:
                resource.state = "Failed"
                told = {"code": error.code, "message": error.message}
                self.operations[operation] = {"status": "Failed", "error": told}
            except Exception as error:
                resource.state = "Failed"
                told = {"code": "InternalServerError", "message": repr(error)}
                self.operations[operation] = {"status": "Failed", "error": told}
            else:
                resource.state = "Succeeded"
                self.operations[operation] = {"status": "Succeeded"}

        threading.Thread(target=run, daemon=True).start()
        return operation

    def close(self) -> None:
        self.hold.set()
        for each in self.all.values():
            if each.machine:
                each.machine.stop()


def _check(model: str, body: Any) -> None:
    try:
        check(model, body)
    except Refused as error:
        raise Problem(400, "InvalidRequestContent", str(error)) from None
    tags = (body.get("tags") or {}) | ((body.get("properties") or {}).get("tags") or {})
    for key, value in tags.items():
        if len(key) > 512 or len(value) > 256 or set(key) & set("<>%&\\?/"):
            raise Problem(400, "InvalidTagNameCharacters", f"The tag {key!r} is not valid.")
