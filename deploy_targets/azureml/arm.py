"""Reading a workspace over Azure Resource Manager's REST API.

A plan, a look, a key need a GET or two; azure-ai-ml would take seconds to import for them. What
changes something goes through azure-ai-ml (sdk.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from .failures import azure_errors
from .place import CLOUDS, Cloud, Place

# the newest that are not previews
ML_VERSION = "2024-10-01"
_REGISTRY_VERSION = "2023-07-01"
_SECONDS = 70
ANSWER_SECONDS = 190  # a little more than an endpoint may allow a request


class Arm:
    """A workspace, to look at.

    Args:
        place: which.
        cloud: where that is.
        credential: a `TokenCredential` of azure-core; default: azure-identity's default chain
            (variables, workload and managed identity, the Azure CLI, …).
    """

    def __init__(self, place: Place, cloud: Cloud, credential: Any = None) -> None:
        self.place = place
        self.cloud = cloud
        self._credential = credential

    @cached_property
    def credential(self) -> Any:
        """What gives tokens."""
        if self._credential is not None:
            return self._credential
        from azure.identity import DefaultAzureCredential

        logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # we say it in one line
        own = self.cloud.name not in CLOUDS
        return DefaultAzureCredential(authority=self.cloud.login, disable_instance_discovery=own)

    def token(self, scope: str) -> str:
        """A token for something.

        Raises:
            Unauthenticated: there are no credentials, or they are not accepted.
        """
        with azure_errors("Signing in"):
            return str(self.credential.get_token(scope).token)

    def get(self, path: str = "", **query: str) -> dict[str, Any] | None:
        """A resource below the workspace, None if it is not there.

        Raises:
            Unauthenticated: see `token`.
            EngineUnavailable: there is no connection.
            DeployFailed: Azure refuses.
        """
        found: dict[str, Any] | None = self._ask("GET", self.place.path + path, query, ML_VERSION)
        return found

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        """What an action below the workspace answers; keys and tokens are actions.

        Raises:
            NotFound: the resource is not there.
        """
        with azure_errors("Asking Azure"):
            return self._ask("POST", self.place.path + path, {}, ML_VERSION, body) or {}

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Every member of a collection, page by page."""
        query: dict[str, str] = {}
        while True:
            page = self.get(path, **query) or {}
            yield from page.get("value", [])
            following = str(page.get("nextLink") or "")
            if "skiptoken=" not in following.lower():
                return
            from urllib.parse import parse_qsl, urlsplit

            pairs = parse_qsl(urlsplit(following).query)
            query = {key: value for key, value in pairs if key.lower() == "$skiptoken"}

    def registry(self, resource_id: str) -> dict[str, Any]:
        """A container registry, by its resource id."""
        return self._ask("GET", resource_id, {}, _REGISTRY_VERSION) or {}

    def _ask(
        self, method: str, path: str, query: dict[str, str], version: str, body: Any = None
    ) -> Any:
        from azure.core.rest import HttpRequest

        asked = urlencode({"api-version": version, **query})
        address = f"{self.cloud.resource_manager}{path}?{asked}"
        with azure_errors("Asking Azure"):
            request = HttpRequest(method, address, json=body)
            answer = self._client.send_request(request, read_timeout=_SECONDS)
            if answer.status_code == 404 and method == "GET":
                return None
            answer.raise_for_status()
            return answer.json() if answer.content else None

    @cached_property
    def _client(self) -> Any:
        from azure.core.pipeline.policies import RetryPolicy
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        authenticate = ARMChallengeAuthenticationPolicy(self.credential, self.cloud.scope)
        return ARMPipelineClient(
            self.cloud.resource_manager,
            policies=[RetryPolicy(retry_total=3, retry_backoff_factor=0.4), authenticate],
        )


def send(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """A request without ARM's token, with the certificates and proxies that Azure's clients use.

    Raises:
        EngineUnavailable: there is no connection.
    """
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest

    content = {"data": body} if isinstance(body, dict) else {"content": body}
    client: Any = PipelineClient(url, policies=[])
    with azure_errors("Connecting"), client:
        request = HttpRequest(method, url, headers=headers, **content)
        answer = client.send_request(request, read_timeout=ANSWER_SECONDS)
        answer.read()
        return answer


def fetch(url: str) -> Any:
    """The JSON at an address that needs no token."""
    with azure_errors("Reading the cloud's metadata"):
        answer = send("GET", url)
        answer.raise_for_status()
        return answer.json()
