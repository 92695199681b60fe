"""Which workspace, in which cloud: options, variables, ``config.json``, the Azure CLI's files."""

from __future__ import annotations

import configparser
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidInput

# What each part is called in the options, config.json, variables, and the CLI's defaults.
_PARTS = {
    "subscription_id": ("subscription_id", ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION")),
    "resource_group": (
        "resource_group",
        ("AZURE_RESOURCE_GROUP", "AZURE_DEFAULTS_GROUP", "AZUREML_ARM_RESOURCEGROUP"),
    ),
    "workspace": (
        "workspace_name",
        ("AZUREML_WORKSPACE_NAME", "AZURE_DEFAULTS_WORKSPACE", "AZUREML_ARM_WORKSPACE_NAME"),
    ),
}
METADATA_URL = "ARM_CLOUD_METADATA_URL"
# they become parts of addresses
SUBSCRIPTION = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
GROUP = r"[\w().-]{0,89}[\w()-]"
WORKSPACE = r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}"
_PATTERNS = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace": WORKSPACE}


@dataclass(frozen=True)
class Place:
    """A workspace.

    Attributes:
        subscription_id: of Azure.
        resource_group: in it.
        workspace: in that.
    """

    subscription_id: str
    resource_group: str
    workspace: str

    @property
    def path(self) -> str:
        """Below the resource manager's address."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.workspace}"


@dataclass(frozen=True)
class Cloud:
    """A cloud of Azure: the public one, a national one, or one of somebody's own.

    Attributes:
        name: as ``az cloud list`` has it.
        resource_manager: address of ARM.
        login: of Entra ID, which gives tokens.
        resource: that tokens for scoring are for.
        portal: of people.
        storage: how names of storage accounts end.
        registries: how names of container registries end.
    """

    name: str
    resource_manager: str
    login: str
    resource: str
    portal: str
    storage: str
    registries: str

    @property
    def scope(self) -> str:
        """What tokens for ARM are for."""
        return f"{self.resource_manager}/.default"


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://ml.azure.com",
            "https://portal.azure.com",
            "core.windows.net",
            "azurecr.io",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://ml.azure.cn",
            "https://portal.azure.cn",
            "core.chinacloudapi.cn",
            "azurecr.cn",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://ml.azure.us",
            "https://portal.azure.us",
            "core.usgovcloudapi.net",
            "azurecr.us",
        ),
    )
}


def find_place(options: Mapping[str, Any]) -> Place:
    """The workspace that options, or else the user's configuration, name.

    Options win over variables, those over ``config.json`` (the option ``config_file``, or the
    nearest in this folder, its ``.azureml``, or above, as `MLClient.from_config` looks), and that
    over the Azure CLI's defaults.

    Raises:
        InvalidInput: a part is nowhere, or a file cannot be read; says what to do.
    """
    given = options.get("config_file")
    file = _read_json(Path(given), must=True) if given else {}
    sources = [file, _variables(), *([] if given else [_nearest_config()]), _cli_defaults()]
    found = {}
    for part, (key, variables) in _PARTS.items():
        value = options.get(part) or next((s[key] for s in sources if s.get(key)), None)
        if not value:
            raise InvalidInput(
                f"Which Azure ML workspace? There is no {part}. Give -C {part}=…, set "
                f"{variables[0]}, put a config.json here (the studio offers it for download), or "
                "let the Azure CLI know: az configure --defaults group=… workspace=…"
            )
        found[part] = str(value)
        if not re.fullmatch(_PATTERNS[part], found[part]):
            raise InvalidInput(f"{found[part]!r} cannot be the {part} of an Azure ML workspace.")
    return Place(**found)


def find_cloud(name: str | None) -> Cloud:
    """The cloud of that name, or else of the user's configuration.

    Raises:
        InvalidInput: nobody knows a cloud of that name.
    """
    url = os.environ.get(METADATA_URL)
    wanted = name or os.environ.get("AZUREML_CURRENT_CLOUD")
    if wanted in CLOUDS:
        return CLOUDS[wanted]
    if url:
        return _from_metadata(url, wanted)
    wanted = wanted or _cli_config().get("cloud", "name", fallback="AzureCloud")
    if wanted not in CLOUDS:
        raise InvalidInput(
            f"The cloud {wanted!r} is none of {', '.join(CLOUDS)}. Say where its metadata is: "
            f"{METADATA_URL}=https://management.example/metadata/endpoints?api-version=2022-09-01"
        )
    return CLOUDS[wanted]


def _from_metadata(url: str, wanted: str | None) -> Cloud:
    """A cloud from the document with which each resource manager describes itself."""
    from .arm import fetch

    told = fetch(url)
    clouds = [_described(each) for each in (told if isinstance(told, list) else [told])]
    fitting = [each for each in clouds if each.name == wanted] or [
        each for each in clouds if wanted is None and url.startswith(each.resource_manager)
    ]
    if not fitting:
        names = ", ".join(each.name for each in clouds)
        raise InvalidInput(f"{METADATA_URL} knows no cloud {wanted or url!r}. It has: {names}.")
    return fitting[0]


def _described(told: Any) -> Cloud:
    try:
        portal = str(told["portal"]).rstrip("/")
        suffix = ".".join(portal.split(".")[2:]) or "com"
        return Cloud(
            name=str(told["name"]),
            resource_manager=str(told["resourceManager"]).rstrip("/"),
            login=str(told["authentication"]["loginEndpoint"]).rstrip("/"),
            resource=f"https://ml.azure.{suffix}",
            portal=portal,
            storage=str(told["suffixes"]["storage"]),
            registries=str(told["suffixes"].get("acrLoginServer") or ""),
        )
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"What {METADATA_URL} leads to lacks {error}.") from None


def _variables() -> dict[str, str]:
    return {
        key: next(filter(None, map(os.environ.get, names)), "") for key, names in _PARTS.values()
    }


def _nearest_config() -> dict[str, Any]:
    for folder in _upwards(Path.cwd()):
        for file in (folder / "config.json", folder / ".azureml" / "config.json"):
            found = _read_json(file)
            if {"subscription_id", "resource_group", "workspace_name"} <= found.keys():
                return found
    return {}


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _read_json(file: Path, must: bool = False) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        if must:
            raise InvalidInput(f"{file} cannot be read as JSON: {error}.") from None
        return {}
    return found if isinstance(found, dict) else {}


def _cli_folder() -> Path:
    return Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")


def _cli_config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(_cli_folder() / "config", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return configparser.ConfigParser()
    return parser


def _cli_defaults() -> dict[str, str]:
    """What ``az configure --defaults`` and ``az account set`` wrote."""
    config = _cli_config()
    profile = _read_json(_cli_folder() / "azureProfile.json")
    subscriptions = profile.get("subscriptions")
    chosen = [
        str(each.get("id", ""))
        for each in (subscriptions if isinstance(subscriptions, list) else [])
        if isinstance(each, dict) and each.get("isDefault")
    ]
    return {
        "subscription_id": (chosen or [""])[0],
        "resource_group": config.get("defaults", "group", fallback=""),
        "workspace_name": config.get("defaults", "workspace", fallback=""),
    }
