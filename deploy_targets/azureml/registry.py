"""The container registry that an image goes to: whose it is, and a login that lasts for hours.

A token of Entra ID is exchanged for a refresh token of the registry, which logs in under a fixed
user name. Source: Microsoft Learn, "Azure Container Registry: authenticate with an OAuth 2.0
token" (POST /oauth2/exchange).
"""

from __future__ import annotations

from typing import Any

from ...builders.publish import Credentials, Published, publish
from ...errors import DeployFailed, InvalidState, NotFound, Unauthenticated
from ..base import Report, say
from .arm import Arm, send
from .options import AzureMLOptions
from .source import PLATFORM, Source

_USER = "00000000-0000-0000-0000-000000000000"


def login_server(arm: Arm, options: AzureMLOptions) -> str:
    """Where to push: the option ``acr``, or the workspace's registry.

    Raises:
        InvalidState: the workspace has none.
        NotFound: there is no such workspace.
    """
    if options.acr:
        return options.acr
    registry = (workspace(arm).get("properties") or {}).get("containerRegistry")
    if not registry:
        raise InvalidState(
            f"The workspace {arm.place} has no container registry yet. Name one with -C acr=…, or "
            "attach one: az ml workspace update --container-registry <id>"
        )
    try:
        found = (arm.registry(str(registry)).get("properties") or {}).get("loginServer")
    except DeployFailed:  # who may push need not be allowed to look at it
        found = None
    if not found and arm.cloud.name != "AzureCloud":
        raise InvalidState(f"The registry {registry} cannot be read. Name it with -C acr=…")
    return str(found or f"{str(registry).rpartition('/')[2].lower()}.azurecr.io")


def workspace(arm: Arm) -> dict[str, Any]:
    """The workspace itself.

    Raises:
        NotFound: there is none of that name.
    """
    found = arm.get()
    if found is None:
        raise NotFound(
            f"There is no Azure ML workspace {arm.place} in the subscription "
            f"{arm.place.subscription_id}, or these credentials may not see it."
        )
    return found


def reference(server: str, name: str, source: Source, options: AzureMLOptions) -> str:
    """What the image is called in the registry; the tag is the digest of what it is made from."""
    return f"{server}/{options.repository or f'mlpack/{name}'}:{source.tag}"


def put_image(
    arm: Arm, name: str, source: Source, options: AzureMLOptions, builder: str, report: Report
) -> str:
    """Build and push the image unless it is there; returns its name with its digest."""
    if source.pinned:
        return source.pinned
    assert source.image is not None
    server = login_server(arm, options)
    # a token for all of Azure goes to registries of Azure alone, not to any that an option names
    azures = not options.acr or server.endswith(f".{arm.cloud.registries or '.'}")
    credentials = login(arm, server) if azures else None
    wanted = reference(server, name, source, options)
    there = _digest_there(wanted, credentials)
    if there:
        say(report, f"{wanted} is in the registry already")
        return f"{wanted.rpartition(':')[0]}@{there}"
    say(report, f"Putting the image into {server}")
    published: Published = publish(
        source.image,
        wanted,
        credentials=credentials,
        platform=PLATFORM,
        builder=builder,
        report=report,
    )
    return published.pinned


def login(arm: Arm, server: str) -> Credentials:
    """A login of the registry.

    Raises:
        Unauthenticated: these credentials may not push to it.
    """
    token = arm.token(arm.cloud.scope)
    answer = send(
        "POST",
        f"https://{server}/oauth2/exchange",
        {"grant_type": "access_token", "service": server, "access_token": token},
    )
    if answer.status_code in (401, 403):
        raise Unauthenticated(
            f"The registry {server} does not let these credentials in. The role AcrPush on it "
            "allows pushing: az role assignment create --role AcrPush --assignee … --scope …"
        )
    if answer.status_code != 200:
        raise DeployFailed(f"The registry {server} answered {answer.status_code} to the login.")
    return Credentials(_USER, str(answer.json()["refresh_token"]))


def _digest_there(wanted: str, credentials: Credentials | None) -> str | None:
    from ...builders.remote.push import remote_digest

    return remote_digest(wanted, credentials)
