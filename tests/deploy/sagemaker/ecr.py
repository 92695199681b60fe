"""ECR: its API in front of a real registry."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any

from .strict import Refused

_ACCEPT = "application/vnd.docker.distribution.manifest.v2+json, " \
    "application/vnd.oci.image.manifest.v1+json"  # fmt: skip


class Ecr:
    """The operations; one account and region.

    Args:
        host: of the registry.
        password: of its user AWS.
        arn: prefix of ARNs.
    """

    def __init__(self, host: str, password: str, arn: str) -> None:
        self.host, self.password, self.arn = host, password, arn
        self.repositories: dict[str, dict[str, Any]] = {}

    def find(self, image: str) -> bool:
        """Is an image, by digest, in here?"""
        name, _, digest = image.removeprefix(f"{self.host}/").partition("@")
        return name in self.repositories and self._manifest(name, digest) is not None

    def create_repository(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["repositoryName"]
        if name in self.repositories:
            raise Refused(
                "RepositoryAlreadyExistsException", f"The repository '{name}' already exists"
            )
        self.repositories[name] = {
            "repositoryName": name,
            "repositoryArn": f"{self.arn}:repository/{name}",
            "repositoryUri": f"{self.host}/{name}",
            "registryId": "123456789012",
            "createdAt": time.time(),
            "tags": body.get("tags", []),
            "asked": body,
        }
        return {"repository": self._shown(name)}

    def describe_repositories(self, body: dict[str, Any]) -> dict[str, Any]:
        names = body.get("repositoryNames") or list(self.repositories)
        return {"repositories": [self._shown(self._need(name)) for name in names]}

    def delete_repository(self, body: dict[str, Any]) -> dict[str, Any]:
        name = self._need(body["repositoryName"])
        if self._digests(name) and not body.get("force"):
            raise Refused("RepositoryNotEmptyException", f"{name} is not empty")
        shown = self._shown(name)
        for digest in self._digests(name):
            self._delete(name, digest)
        del self.repositories[name]
        return {"repository": shown}

    def list_tags_for_resource(self, body: dict[str, Any]) -> dict[str, Any]:
        name = self._need(body["resourceArn"].partition(":repository/")[2])
        return {"tags": self.repositories[name]["tags"]}

    def get_authorization_token(self, body: dict[str, Any]) -> dict[str, Any]:
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        return {
            "authorizationData": [
                {
                    "authorizationToken": token,
                    "expiresAt": time.time() + 43200,
                    "proxyEndpoint": f"http://{self.host}",
                }
            ]
        }

    def describe_images(self, body: dict[str, Any]) -> dict[str, Any]:
        name = self._need(body["repositoryName"])
        found = []
        for each in body.get("imageIds", ()):
            answer = self._manifest(name, each.get("imageTag") or each.get("imageDigest"))
            if answer is None:
                raise Refused("ImageNotFoundException", f"The image with {each} does not exist")
            digest, manifest = answer
            sizes = [layer["size"] for layer in manifest.get("layers", ())]
            found.append(
                {
                    "imageDigest": digest,
                    "imageSizeInBytes": sum(sizes),
                    "imageManifestMediaType": manifest["mediaType"],
                }
            )
        return {"imageDetails": found}

    def list_images(self, body: dict[str, Any]) -> dict[str, Any]:
        name = self._need(body["repositoryName"])
        found = [(tag, self._manifest(name, tag)) for tag in self._tags(name)]
        return {"imageIds": [{"imageTag": t, "imageDigest": m[0]} for t, m in found if m]}

    def batch_delete_image(self, body: dict[str, Any]) -> dict[str, Any]:
        name = self._need(body["repositoryName"])
        for each in body["imageIds"]:
            self._delete(name, each["imageDigest"])
        return {"imageIds": body["imageIds"], "failures": []}

    def digests(self, name: str) -> list[str]:
        """Of the images in a repository, without what belongs to them."""
        tags = [each for each in self._tags(name) if not each.startswith("sha256-")]
        return sorted({found[0] for each in tags if (found := self._manifest(name, each))})

    def _need(self, name: str) -> str:
        if name not in self.repositories:
            raise Refused(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry",
            )
        return name

    def _shown(self, name: str) -> dict[str, Any]:
        hidden = ("tags", "asked")
        return {k: v for k, v in self.repositories[name].items() if k not in hidden}

    def _tags(self, name: str) -> list[str]:
        try:
            found: list[str] = json.loads(self._ask(f"{name}/tags/list").read()).get("tags") or []
        except urllib.error.HTTPError:
            return []
        return found

    def _digests(self, name: str) -> list[str]:
        found = [self._manifest(name, tag) for tag in self._tags(name)]
        return sorted({each[0] for each in found if each})

    def _delete(self, name: str, digest: str) -> None:
        self._ask(f"{name}/manifests/{digest}", "DELETE").close()

    def _manifest(self, name: str, reference: str) -> tuple[str, dict[str, Any]] | None:
        try:
            with self._ask(f"{name}/manifests/{reference}") as answer:
                return answer.headers["Docker-Content-Digest"], json.loads(answer.read())
        except urllib.error.HTTPError:
            return None

    def _ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", method=method)
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Accept", _ACCEPT)
        return urllib.request.urlopen(request, timeout=60)
