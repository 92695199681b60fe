"""What it means when a registry refuses or gives no answer, and what to do: one line each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import urllib3
from urllib3 import exceptions as kinds
from urllib3.exceptions import HTTPError, MaxRetryError

from ...errors import MlpackError, NotFound, RegistryFailed
from .addresses import Origin
from .connections import read_short
from .reference import Reference

_MAX_TEXT = 1 << 16
_ECR = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_QUOTA = re.compile(r"quota|storage limit|exceed.*(limit|storage)|insufficient storage", re.I)
_READ_ONLY = re.compile(r"read.?only|maintenance", re.I)
_LIMIT = re.compile(r"immutable|cannot be overwritten", re.I)


def refusal(
    reference: Reference,
    doing: str,
    response: urllib3.BaseHTTPResponse,
    secrets: Iterable[str] = (),
    known: bool = False,
) -> MlpackError:
    """The error that an answer means.

    Args:
        reference: what it is about.
        doing: what was tried, such as ``push``.
        response: its body is not read yet.
        secrets: that the registry might repeat.
        known: whether a login was shown.
    """
    status = response.status
    code, told = _told(response, secrets)
    where, repository = reference.registry, reference.name
    said = f" It says: {told}" if told else ""
    if status == 404 and code in ("NAME_UNKNOWN", "REPOSITORYNOTFOUND") and doing == "push":
        return NotFound(f"{where} has no repository {repository}. {_create(reference)}")
    if status == 404 and doing == "pull":
        return NotFound(f"There is no image {reference}.{said} Check its name and tag.")
    if status == 429:
        return RegistryFailed(
            f"{where} takes no more requests from here for now.{said} Try again later, or log in: "
            f"{login_command(where)}"
        )
    if _QUOTA.search(told) or status == 507:
        return RegistryFailed(
            f"The storage that {repository} may use is full.{said} Delete old images there, or ask "
            "for more."
        )
    if _LIMIT.search(told):
        return RegistryFailed(
            f"{reference} is there already and may not be replaced.{said} Take another tag."
        )
    if status == 405 or (status in (403, 503) and _READ_ONLY.search(told)):
        return RegistryFailed(f"{where} is read-only now and takes no images.{said}")
    if status in (401, 403):
        action = "push to" if doing == "push" else "pull from"
        why = "does not accept the login" if status == 401 and known else "does not let you"
        what = f" for {repository}" if status == 401 and known else f" {action} {repository}"
        # many say the same of what does not exist
        how = "Check its name, or log in" if doing == "pull" else "Log in"
        return RegistryFailed(f"{where} {why}{what}.{said} {how}: {login_command(where)}")
    if status == 413:
        return RegistryFailed(
            f"{where}, or a proxy in front of it, refuses a layer of {repository} as too large."
            f"{said} Raise its limit (nginx: client_max_body_size)."
        )
    if status == 404:
        return RegistryFailed(
            f"{where} does not know what a registry knows ({status}).{said} Is it the address of a "
            "registry?"
        )
    if status < 400:
        return RegistryFailed(
            f"{where} answers with {status} where a registry does not. Is it a registry's address?"
        )
    if status >= 500:
        return RegistryFailed(f"{where} fails ({status}) and did so again.{said} Try again later.")
    return RegistryFailed(f"{where} refuses to {doing} {repository} ({code or status}).{said}")


def failure(origin: Origin, error: BaseException) -> MlpackError:
    """What a failure to get an answer means. Never the library's text: it may hold secrets."""
    error = reason_of(error)
    where = str(origin)
    if isinstance(error, kinds.NameResolutionError):
        return RegistryFailed(f"No machine is known by the name in {where}. Check its spelling.")
    if isinstance(error, kinds.ProxyError):
        return RegistryFailed(
            f"The proxy in the environment does not lead to {where}. Check HTTPS_PROXY, or name "
            "the registry in NO_PROXY."
        )
    if isinstance(error, kinds.SSLError):
        return RegistryFailed(_about_tls(origin, error))
    if isinstance(error, kinds.ReadTimeoutError):
        return RegistryFailed(f"{where} does not answer. Try again later.")
    if isinstance(error, kinds.NewConnectionError | kinds.ConnectTimeoutError):
        return RegistryFailed(f"No registry answers at {where}. Is it running?")
    return RegistryFailed(f"The connection to {where} broke, and again when tried anew.")


def reason_of(error: BaseException) -> BaseException:
    """What made the library give up."""
    if isinstance(error, MaxRetryError) and error.reason is not None:
        return error.reason
    return error


def is_distrust(error: BaseException) -> bool:
    """Whether a certificate was shown that is not trusted."""
    return bool(_verdict(error))


def login_command(registry: str) -> str:
    """What to type to be let in."""
    if match := _ECR.fullmatch(registry):
        return (
            f"aws ecr get-login-password --region {match[1]} | docker login --username AWS "
            f"--password-stdin {registry}"
        )
    if registry.endswith(".azurecr.io"):
        return f"az acr login --name {registry.removesuffix('.azurecr.io')}"
    if registry.endswith(("-docker.pkg.dev", ".gcr.io")) or registry == "gcr.io":
        return f"gcloud auth configure-docker {registry}"
    return "docker login" + ("" if registry == "docker.io" else f" {registry}")


def _create(reference: Reference) -> str:
    if match := _ECR.fullmatch(reference.registry):
        return (
            f"Create it: aws ecr create-repository --region {match[1]} --repository-name "
            f"{reference.repository}"
        )
    return "Create it first, or check its name."


def _about_tls(origin: Origin, error: BaseException) -> str:
    cause = error.args[0] if error.args else error
    why = _verdict(error) or str(getattr(cause, "reason", "") or "it failed")
    place = f"/etc/docker/certs.d/{origin.host}:{origin.port}/ca.crt"
    if origin.port == 443:
        place = place.replace(":443", "")
    if not _verdict(error):
        return (
            f"No secure connection to {origin}: {why}. If it speaks plain http only, name it in "
            f"MLPACK_INSECURE_REGISTRIES={origin.host}:{origin.port}"
        )
    return (
        f"The certificate of {origin} is not trusted: {why}. If it is your own authority's, put "
        f"that one's certificate at {place} (or ~/.docker/certs.d/…), or name it in SSL_CERT_FILE."
    )


def _verdict(error: BaseException) -> str:
    """OpenSSL's on a certificate; empty if it was not that."""
    error = reason_of(error)
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "verify_message", ""))


def _told(response: urllib3.BaseHTTPResponse, secrets: Iterable[str]) -> tuple[str, str]:
    """The registry's code and message, in one line and without what we told it."""
    answer: Any = None
    with suppress(HTTPError, ValueError, RecursionError):
        answer = json.loads(read_short(response, _MAX_TEXT))
    errors = answer.get("errors") if isinstance(answer, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else answer
    if not isinstance(first, dict):
        return "", ""
    code = str(first.get("code") or "")[:60]
    text = str(first.get("message") or "")
    detail = first.get("detail")
    if isinstance(detail, str) and detail and detail not in text:
        text += f" ({detail})"
    for secret in secrets:
        text = text.replace(secret, "***")
    text = "".join(each if each.isprintable() else " " for each in text)[:300].strip()
    return re.sub(r"[^A-Za-z_]", "", code).upper(), text.rstrip(".") + ("." if text else "")
