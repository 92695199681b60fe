"""A cloud of Azure on one port of the loopback, over TLS: metadata, Entra ID, ARM, scoring, ACR.

The target reaches it as it reaches any cloud that is not Microsoft's public one: by
``ARM_CLOUD_METADATA_URL`` and a service principal in variables.
"""

from __future__ import annotations

import itertools
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from mlpack.tests.deploy.azureml.front import ACR_USER, SOON, Answer, Ask, Fault, error, handler
from mlpack.tests.deploy.azureml.workspace import Problem, Resource, Workspace

TENANT, CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "client-of-tests", "s3cret-of-them"
SUBSCRIPTION = "12345678-1234-1234-1234-123456789abc"
GROUP, WORKSPACE, REGISTRY = "rg-tests", "ws-tests", "acrtests"
PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
REGISTRY_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.ContainerRegistry/registries/{REGISTRY}"
)
VERSIONS = {
    "2022-02-01-preview", "2023-04-01-preview", "2023-08-01-preview", "2023-10-01",
    "2024-10-01-preview", "2024-10-01", "2023-07-01", "2024-01-01-preview",
}  # fmt: skip


class Cloud:
    """The whole of it; `close` stops what it started."""

    def __init__(
        self,
        context: ssl.SSLContext,
        run: Callable[[Cloud, Resource, Any], Any],
        registry_port: int,
    ) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self, context))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        self.login_server = f"127.0.0.1:{self.port}"
        self.registry_port, self._start = registry_port, run
        self.storage: Any = None
        self.peer_python = ""
        self.engine: Any = None
        self.on_machines: dict[str, str] = {}
        self.acr_tokens: set[str] = set()
        self._turn = itertools.count()
        self.reset()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        """A cloud in which nothing has happened, but for what is in its registry."""
        self.tokens: dict[str, str] = {}
        self.acr_pull = self.registry_attached = True
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, str]] = []
        self.mirrored: list[str] = []
        scoring = f"{self.url}/inference/{{name}}/score"
        self.workspace = Workspace(
            PATH, scoring, lambda _, made, told: self._start(self, made, told)
        )

    def close(self) -> None:
        self.workspace.close()
        self.server.shutdown()
        self.server.server_close()

    def acr_login(self) -> dict[str, str] | None:
        """What the endpoint's identity pulls with; None without the role."""
        if not self.acr_pull:
            return None
        token = f"pull-{uuid.uuid4().hex}"
        self.acr_tokens.add(token)
        return {"username": ACR_USER, "password": token}

    def writes(self, since: int = 0) -> list[str]:
        """The calls that change something, in order."""
        return [f"{m} {p}" for m, p in self.calls[since:] if m in ("PUT", "DELETE", "PATCH")]

    # -- answers -----------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], ask: Ask) -> Answer:
        if path == "/metadata/endpoints":
            return Answer(200, self._metadata())
        if path.startswith(f"/{TENANT}/"):
            return self._entra(path, ask)
        if path.startswith("/inference/"):
            return self._score(path, ask)
        if path == "/oauth2/exchange":
            return self._exchange(ask)
        return self._arm(method, path, query, ask)

    def _metadata(self) -> Any:
        return [
            {
                "name": "CloudOfTests",
                "portal": "https://portal.azure.test",
                "resourceManager": self.url,
                "authentication": {"loginEndpoint": self.url, "tenant": "common"},
                "suffixes": {"storage": self.storage.suffix if self.storage else "core.test"},
            }
        ]

    def _entra(self, path: str, ask: Ask) -> Answer:
        base = f"{self.url}/{TENANT}"
        if path.endswith("openid-configuration"):
            return Answer(
                200,
                {
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "issuer": f"{base}/v2.0",
                },
            )
        form = {key: each[0] for key, each in parse_qs(ask.body.decode()).items()}
        if form.get("client_secret") != SECRET or form.get("client_id") != CLIENT:
            said = "AADSTS7000215: Invalid client secret provided."
            return Answer(401, {"error": "invalid_client", "error_description": said})
        token = f"token-{uuid.uuid4().hex}"
        self.tokens[token] = form["scope"]
        return Answer(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _exchange(self, ask: Ask) -> Answer:
        form = {key: each[0] for key, each in parse_qs(ask.body.decode()).items()}
        if form.get("grant_type") != "access_token" or form.get("service") != self.login_server:
            return Answer(400, {"errors": [{"code": "BAD_REQUEST"}]})
        if form.get("access_token") not in self.tokens:
            return Answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
        token = f"refresh-{uuid.uuid4().hex}"
        self.acr_tokens.add(token)
        return Answer(200, {"refresh_token": token})

    def _arm(self, method: str, path: str, query: dict[str, str], ask: Ask) -> Answer:
        scope = self.tokens.get(ask.bearer)
        if scope is None or self.url not in scope:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return Answer(401, error("InvalidAuthenticationToken", "The token expired."), challenge)
        if query.get("api-version") not in VERSIONS:
            version = query.get("api-version")
            raise Problem(400, "InvalidApiVersionParameter", f"No api-version {version}.")
        if path.lower() == REGISTRY_PATH.lower():
            return Answer(200, {"properties": {"loginServer": self.login_server}})
        if not path.lower().startswith(PATH.lower()):
            raise Problem(404, "ResourceNotFound", f"The resource {path} was not found.")
        return self._in_workspace(method, PATH + path[len(PATH) :], ask)

    def _in_workspace(self, method: str, path: str, ask: Ask) -> Answer:
        below = path[len(PATH) :].strip("/").split("/")
        if below == [""]:
            return Answer(200, _workspace(REGISTRY_PATH if self.registry_attached else None))
        if below[0] == "operations":
            return self._operation(below[1], "location" in below)
        if below[0] == "datastores":
            return self._datastore(method, below)
        if below[0] in ("environments", "models"):
            return self._asset(method, path, below, ask)
        if below[0] in ("onlineEndpoints", "batchEndpoints"):
            return self._endpoint(method, path, below, ask)
        raise Problem(404, "ResourceNotFound", f"The resource {path} was not found.")

    def _operation(self, name: str, is_location: bool) -> Answer:
        told = self.workspace.operations[name]
        if is_location:
            return Answer(202 if told["status"] == "InProgress" else 200, None, SOON)
        return Answer(200, told, SOON)

    def _datastore(self, method: str, below: list[str]) -> Answer:
        if method == "POST":
            return Answer(200, {"secretsType": "AccountKey", "key": self.storage.key})
        store = {
            "id": f"{PATH}/datastores/workspaceblobstore",
            "name": "workspaceblobstore",
            "type": "datastores",
            "properties": {
                "datastoreType": "AzureBlob",
                "accountName": self.storage.account,
                "containerName": self.storage.container,
                "endpoint": self.storage.suffix,
                "protocol": "https",
                "isDefault": True,
                "credentials": {"credentialsType": "AccountKey"},
                "tags": {},
                "properties": {},
            },
        }
        return Answer(200, store if len(below) > 1 else {"value": [store]})

    def _asset(self, method: str, path: str, below: list[str], ask: Ask) -> Answer:
        if len(below) == 4 and method == "PUT":
            made = self.workspace.put_asset(path, below[0], ask.json)
            return Answer(201, made.shown())
        if len(below) == 3:
            active = [each.shown() for each in self.workspace.below(path)
                      if not each.body["properties"].get("isArchived")]  # fmt: skip
            return Answer(200, {"value": active})
        if len(below) == 2:
            if not self.workspace.below(f"{path}/versions"):
                raise Problem(404, "NotFound", f"No {below[0]} of the name {below[1]}.")
            return Answer(200, {"id": path, "name": below[1], "properties": {"properties": {}}})
        return Answer(200, self.workspace.need(path).shown())

    def _endpoint(self, method: str, path: str, below: list[str], ask: Ask) -> Answer:
        kind, space = below[0], self.workspace
        if method == "POST":
            return self._action(path, below, ask)
        if method == "PUT":
            put = space.put_deployment if "deployments" in below else space.put_endpoint
            status, made, operation = put(path, kind, ask.json)
            return Answer(status, made.shown(), self._long(operation))
        if method == "DELETE":
            gone = space.delete(path)
            return Answer(202, None, self._long(gone)) if gone else Answer(204, None)
        if len(below) in (1, 3):
            return Answer(200, {"value": [each.shown() for each in space.below(path)]})
        return Answer(200, space.need(path).shown())

    def _action(self, path: str, below: list[str], ask: Ask) -> Answer:
        found = self.workspace.need(path.rpartition("/")[0])
        if below[-1] == "listKeys":
            key = self.workspace.keys[found.name]
            return Answer(200, {"primaryKey": key, "secondaryKey": f"{key}-2"})
        if below[-1] == "token":
            token = f"aml-{uuid.uuid4().hex}"
            self.tokens[token] = f"endpoint:{found.name}"
            return Answer(200, {"accessToken": token, "expiryTimeUtc": 0, "tokenType": "Bearer"})
        if below[-1] == "getLogs":
            if found.machine is None:
                raise Problem(404, "NotFound", "The container has not started.")
            return Answer(200, {"content": found.machine.logs(int(ask.json["tail"]))})
        raise Problem(404, "NotFound", path)

    def _long(self, operation: str) -> dict[str, str]:
        base = f"{self.url}{PATH}/operations/{operation}"
        version = "?api-version=2023-04-01-preview"
        return {
            "Azure-AsyncOperation": base + version,
            "Location": f"{base}/location{version}",
            **SOON,
        }

    # -- scoring -----------------------------------------------------------------------------

    def _score(self, path: str, ask: Ask) -> Answer:
        name = path.split("/")[2]
        endpoint = self.workspace.find(f"{PATH}/onlineEndpoints/{name}")
        if endpoint is None:
            return Answer(404, {"message": "Not found"})
        mode = endpoint.body["properties"]["authMode"].lower()
        allowed = {
            "key": ask.bearer == self.workspace.keys[name],
            "amltoken": self.tokens.get(ask.bearer) == f"endpoint:{name}",
            "aadtoken": "ml.azure" in self.tokens.get(ask.bearer, ""),
        }[mode]
        if not allowed:
            return Answer(401, {"message": "key_auth_access_denied"})
        chosen = ask.headers.get("azureml-model-deployment") or self._by_traffic(endpoint)
        found = self.workspace.find(f"{endpoint.id}/deployments/{chosen}")
        if found is None or found.machine is None or found.state != "Succeeded":
            return Answer(404, {"message": "No valid deployment to route to."})
        for mirror in endpoint.body["properties"].get("mirrorTraffic") or {}:
            self.mirrored.append(mirror)
        status, body, content_type = found.machine.ask(ask.body, ask.headers)
        headers = {"Content-Type": content_type, "azureml-model-deployment": str(chosen)}
        if status != 200:
            headers["ms-azureml-model-error-statuscode"] = str(status)
            status = 424
        return Answer(status, body, headers)

    def _by_traffic(self, endpoint: Resource) -> str | None:
        """Deployments in turn, each as often of a hundred as its share says."""
        at = next(self._turn) * 37 % 100
        for name, share in (endpoint.body["properties"].get("traffic") or {}).items():
            at -= share
            if at < 0:
                return str(name)
        return None


def _workspace(registry: str | None) -> dict[str, Any]:
    return {
        "id": PATH,
        "name": WORKSPACE,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": "westeurope",
        "tags": {},
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": "p", "tenantId": TENANT},
        "properties": {
            "containerRegistry": registry,
            "workspaceId": "w",
            "storageAccount": f"/subscriptions/{SUBSCRIPTION}/storage",
            "keyVault": f"/subscriptions/{SUBSCRIPTION}/vault",
        },
    }


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    """What a call gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")
