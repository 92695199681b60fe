"""Addresses in object stores, and connections to them with what the environment says.

The variables are those of the services' own tools; nothing is kept or logged.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidInput, MissingDependency
from ..uris import safe_relative

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_ACCOUNT = re.compile(r"([a-z0-9]{3,24})\.(blob|dfs)\.([a-z0-9.-]+)")
# an answer may take as long as it needs, as long as something comes; a wrong address is said soon
_CLIENT = {"timeout": "1 day", "read_timeout": "5 minutes", "connect_timeout": "5 s"}
_RETRIES = 5
_SERVICES = {
    "s3": "Amazon S3",
    "gs": "Google Cloud Storage",
    "az": "Azure Blob Storage",
}
SCHEMES = ("s3", "gs", "az", "abfss", "wasbs")
_ENVIRONMENT = ("AWS_", "AZURE_", "GOOGLE_", "MLFLOW_", "STORAGE_EMULATOR_HOST")
_open: dict[Any, Any] = {}


@dataclass(frozen=True)
class Place:
    """A prefix of a bucket.

    Attributes:
        kind: "s3", "gs" or "az".
        bucket: or container.
        prefix: without slashes at its ends.
        name: the address as it was given.
        account: of Azure, when the address names one.
        endpoint: of Azure, when the address names an account.
    """

    kind: str
    bucket: str
    prefix: str
    name: str
    account: str | None = None
    endpoint: str | None = None

    @property
    def service(self) -> str:
        """What people call the service."""
        return _SERVICES[self.kind]

    def is_below(self, root: Place) -> bool:
        """Whether it is another place or a part of it."""
        one, other = ((p.kind, p.bucket, p.account, p.endpoint) for p in (self, root))
        return one == other and f"{self.prefix}/".startswith(f"{root.prefix}/".lstrip("/"))


def locate(uri: str) -> Place:
    """Read an address.

    Raises:
        InvalidInput: it is malformed.
    """
    scheme, _, rest = uri.partition("://")
    scheme = scheme.lower()
    host, _, path = rest.partition("/")
    prefix = safe_relative(path.strip("/")) if path.strip("/") else ""
    if scheme in ("wasbs", "abfss"):
        container, _, machine = host.partition("@")
        known = _ACCOUNT.fullmatch(machine)
        kind = "blob" if scheme == "wasbs" else "dfs"
        if not known or known[2] != kind or not _BUCKET.fullmatch(container):
            raise InvalidInput(
                f"{uri!r} is not of the form "
                f"{scheme}://<container>@<account>.{kind}.core.windows.net/<path>."
            )
        endpoint = f"https://{known[1]}.blob.{known[3]}"
        return Place("az", container, prefix, uri, known[1], endpoint)
    if "@" in host:
        # not repeated: what stands before it may be a password
        raise InvalidInput(f"Credentials do not belong into an address of {_SERVICES[scheme]}.")
    if not _BUCKET.fullmatch(host):
        raise InvalidInput(f"{uri!r} is not of the form {scheme}://<bucket>/<path>.")
    return Place(scheme, host, prefix, uri)


def connect(place: Place) -> Any:
    """A connection, one for all places in a bucket as long as the environment stays the same.

    Raises:
        InvalidInput: the environment contradicts itself or the address.
        MissingDependency: a package that this needs is not installed.
    """
    try:
        from obstore import store
        from obstore.exceptions import BaseError
    except ImportError:
        raise MissingDependency(
            f"Files in {place.service} need another package: pip install 'mlpack-toolkit[cloud]'"
        ) from None
    environment = {k: v for k, v in os.environ.items() if k.startswith(_ENVIRONMENT)}
    known = (place.kind, place.bucket, place.endpoint, *sorted(environment.items()))
    if known in _open:
        return _open[known]
    options = {"s3": _s3, "gs": _gcs, "az": _azure}[place.kind](place, environment)
    kinds = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}
    plain = any(
        str(v).startswith("http://") for k, v in options.items() if "url" in k or "end" in k
    )
    client = _CLIENT | {"allow_http": plain} | options.pop("client_options", {})
    try:
        made: Any = kinds[place.kind](
            place.bucket, client_options=client, retry_config={"max_retries": _RETRIES}, **options
        )
    except (BaseError, ValueError) as error:
        # not its text: it may quote a key
        raise InvalidInput(
            f"{place.service} cannot be used with what the environment says "
            f"({type(error).__name__}): look at {_variables(place)}."
        ) from None
    _open[known] = made
    return made


def _variables(place: Place) -> str:
    return {
        "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL",
        "gs": "GOOGLE_APPLICATION_CREDENTIALS",
        "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and "
        "AZURE_STORAGE_ACCESS_KEY",
    }[place.kind]


def credentials_hint(place: Place) -> str:
    """Which variables hold the credentials."""
    return {
        "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        "gs": "GOOGLE_APPLICATION_CREDENTIALS",
        "az": "AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCESS_KEY",
    }[place.kind]


def _s3(place: Place, environment: Mapping[str, str]) -> dict[str, Any]:
    get = environment.get
    options: dict[str, Any] = {}
    client: dict[str, Any] = {}
    endpoint = (
        get("MLFLOW_S3_ENDPOINT_URL") or get("AWS_ENDPOINT_URL_S3") or get("AWS_ENDPOINT_URL")
    )
    if endpoint:
        if urlsplit(endpoint).scheme not in ("http", "https"):
            raise InvalidInput("The endpoint of S3 in the environment is not an http(s) address.")
        options["aws_endpoint_url_s3"] = endpoint.rstrip("/")
    if get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE") == "virtual":
        options["virtual_hosted_style_request"] = True
        if endpoint:
            options["aws_endpoint_url_s3"] = endpoint.rstrip("/").replace(
                "://", f"://{place.bucket}.", 1
            )
    if get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1"):
        client["allow_invalid_certificates"] = True
    if bundle := get("AWS_CA_BUNDLE"):
        client["root_certificate"] = Path(bundle).read_bytes()
    options |= _encryption(get("MLFLOW_S3_UPLOAD_EXTRA_ARGS"))
    if not _has_own_credentials(environment) and _uses_profiles(environment):
        provider = _boto3_credentials(get("AWS_PROFILE"))
        options["credential_provider"] = provider
        if not (get("AWS_REGION") or get("AWS_DEFAULT_REGION")) and "region" in provider.config:
            options["region"] = provider.config["region"]
    return options | {"client_options": client}


def _encryption(extra: str | None) -> dict[str, str]:
    """What MLflow's variable of arguments for uploads says, as far as it is about encryption."""
    if not extra:
        return {}
    names = {
        "ServerSideEncryption": "server_side_encryption",
        "SSEKMSKeyId": "sse_kms_key_id",
    }
    try:
        given = json.loads(extra)
        return {names[key]: str(value) for key, value in given.items()}
    except (ValueError, KeyError, AttributeError):
        raise InvalidInput(
            "MLFLOW_S3_UPLOAD_EXTRA_ARGS must be a JSON object, and mlpack knows "
            f"{' and '.join(names)} in it only."
        ) from None


def _has_own_credentials(environment: Mapping[str, str]) -> bool:
    """Credentials that the library reads from the environment by itself."""
    return any(
        environment.get(name)
        for name in (
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_SKIP_SIGNATURE",
        )
    )


def _uses_profiles(environment: Mapping[str, str]) -> bool:
    """Profiles, single sign-on: what the AWS command line keeps in files."""
    files = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
    return bool(environment.get("AWS_PROFILE")) or any(
        Path(environment.get(variable, f"~/.aws/{name}")).expanduser().is_file()
        for variable, name in files.items()
    )


def _boto3_credentials(profile: str | None) -> Any:
    try:
        boto3 = importlib.import_module("boto3")
        exceptions = importlib.import_module("botocore.exceptions")
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise MissingDependency(
            "The credentials of AWS are in a profile, which boto3 reads: pip install boto3 "
            "(or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
        ) from None
    try:
        return Boto3CredentialProvider(boto3.Session(profile_name=profile))
    except (exceptions.BotoCoreError, ValueError):
        named = f"the profile {profile!r}" if profile else "the default profile"
        raise InvalidInput(
            f"AWS finds no credentials in {named}. `aws sts get-caller-identity` shows whether "
            "the files below ~/.aws are right."
        ) from None


def _gcs(place: Place, environment: Mapping[str, str]) -> dict[str, Any]:
    if emulator := environment.get("STORAGE_EMULATOR_HOST"):
        url = emulator if "://" in emulator else f"http://{emulator}"
        return {"base_url": url.rstrip("/"), "bearer_token": "emulator"}
    return {}


def _azure(place: Place, environment: Mapping[str, str]) -> dict[str, Any]:
    get = environment.get
    if text := get("AZURE_STORAGE_CONNECTION_STRING"):
        return _connection_string(place, text)
    account = (
        place.account or get("AZURE_STORAGE_ACCOUNT_NAME") or get("AZURE_STORAGE_ACCOUNT") or ""
    )
    if not account:
        raise InvalidInput(
            f"{place.name!r} names no storage account. Set AZURE_STORAGE_CONNECTION_STRING or "
            "AZURE_STORAGE_ACCOUNT_NAME, or use "
            "wasbs://<container>@<account>.blob.core.windows.net/<path>."
        )
    options: dict[str, Any] = {"account_name": account}
    if endpoint := get("AZURE_STORAGE_ENDPOINT") or place.endpoint:
        options["endpoint"] = endpoint
    keys = ("ACCOUNT_KEY", "ACCESS_KEY", "MASTER_KEY", "SAS_KEY", "SAS_TOKEN", "TOKEN")
    own = [f"AZURE_STORAGE_{key}" for key in keys]
    own += ["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_USE_AZURE_CLI"]
    if not any(get(name) for name in own) and _has_module("azure.identity"):
        from obstore.auth.azure import AzureCredentialProvider

        options["credential_provider"] = AzureCredentialProvider()
    return options


def _connection_string(place: Place, text: str) -> dict[str, Any]:
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    account = parts.get("AccountName", place.account)
    if place.account and account != place.account:
        raise InvalidInput(
            f"{place.name!r} is in the account {place.account!r}, but "
            f"AZURE_STORAGE_CONNECTION_STRING is that of {account!r}."
        )
    protocol = parts.get("DefaultEndpointsProtocol", "https")
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    endpoint = parts.get("BlobEndpoint", f"{protocol}://{account}.blob.{suffix}")
    options = {"account_name": account, "endpoint": endpoint.rstrip("/")}
    if key := parts.get("AccountKey"):
        options["account_key"] = key
    elif token := parts.get("SharedAccessSignature"):
        options["sas_key"] = token
    else:
        raise InvalidInput(
            "AZURE_STORAGE_CONNECTION_STRING has neither AccountKey nor SharedAccessSignature."
        )
    return options


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
