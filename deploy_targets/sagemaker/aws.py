"""AWS as the user has configured it, and its errors in our words."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ...errors import (
    Busy,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    Unauthenticated,
)

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
    "InvalidAccessKeyId",
    "IncompleteSignature",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown"}
_THROTTLED |= {"RequestLimitExceeded", "ThrottledException"}
_LOG_IN = "Log in with `aws sso login` or `aws configure`, or choose a profile with AWS_PROFILE."


class Aws:
    """One session: its clients, region and account."""

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        import boto3

        with translated():
            # other SDKs and the command line know AWS_REGION, this one does not
            region = region or os.environ.get("AWS_REGION")
            self.session = boto3.Session(region_name=region, profile_name=profile)
        self.region = self._checked_region()

    def client(self, service: str) -> Any:
        """A client; each is made once."""
        if service not in self._clients:
            from botocore.config import Config

            settings: dict[str, Any] = {"user_agent_extra": "mlpack", "connect_timeout": 10}
            if service == "sagemaker-runtime":
                settings["read_timeout"] = 70  # SageMaker itself allows 60
            if not {"AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"} & os.environ.keys():
                settings["retries"] = {"mode": "adaptive", "total_max_attempts": 8}
            with translated():
                self._clients[service] = self.session.client(service, config=Config(**settings))
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    @cached_property
    def account(self) -> str:
        """The number of the account that the credentials are of."""
        return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def partition(self) -> str:
        """``aws``, ``aws-cn``, …"""
        return str(self.session.get_partition_for_region(self.region))

    def arn(self, kind: str, name: str) -> str:
        """The ARN of something of SageMaker's."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{kind}/{name}"

    def _checked_region(self) -> str:
        region = self.session.region_name
        if not region:
            raise InvalidInput(
                "No AWS region is set. Say -C region=eu-central-1, or set AWS_REGION, or "
                "`aws configure set region …`."
            )
        known = [
            each
            for partition in self.session.get_available_partitions()
            for each in self.session.get_available_regions("sagemaker", partition)
        ]
        elsewhere = any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ)
        if region not in known and not elsewhere:
            near = difflib.get_close_matches(region, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else ""
            raise InvalidInput(
                f"This boto3 knows no region {region!r} with SageMaker. {hint} "
                "If the region is new, upgrade boto3."
            )
        return str(region)


def code(error: BaseException) -> str:
    """The code of an AWS error, '' of another one."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def message(error: BaseException) -> str:
    """What AWS said, in one line."""
    response = getattr(error, "response", None) or {}
    return " ".join(str(response.get("Error", {}).get("Message", "") or error).split())


def is_missing(error: BaseException) -> bool:
    """Does the error say that there is no such thing?"""
    if code(error) in ("NoSuchEntity", "ResourceNotFound", "ResourceNotFoundException"):
        return True
    if code(error) in ("RepositoryNotFoundException", "ImageNotFoundException"):
        return True
    if code(error) in ("ObjectNotFoundException", "404", "NoSuchKey", "NoSuchBucket"):
        return True
    text = message(error).lower()
    return code(error) == "ValidationException" and (
        "could not find" in text or "does not exist" in text
    )


def is_denied(error: BaseException) -> bool:
    """Does the error say that the user may not do this?"""
    return code(error) in _DENIED


def is_taken(error: BaseException) -> bool:
    """Does the error say that the name is in use?"""
    text = message(error).lower()
    return "already exist" in text or code(error).endswith("AlreadyExistsException")


@contextmanager
def translated() -> Iterator[None]:
    """AWS's errors as ours."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as boto

    try:
        yield
    except boto.ProfileNotFound as error:
        raise InvalidInput(f"{error}. `aws configure list-profiles` lists what there is.") from None
    except boto.NoRegionError:
        raise InvalidInput("No AWS region is set. Say -C region=…, or set AWS_REGION.") from None
    except (
        boto.NoCredentialsError,
        boto.PartialCredentialsError,
        boto.CredentialRetrievalError,
        boto.NoAuthTokenError,
    ):
        raise Unauthenticated(f"There are no AWS credentials. {_LOG_IN}") from None
    except (boto.SSOError, boto.TokenRetrievalError):
        raise Unauthenticated(f"The AWS single sign-on has expired. {_LOG_IN}") from None
    except boto.ClientError as error:
        raise _ours(error) from None
    except boto.ParamValidationError as error:
        raise InvalidInput(str(error)) from None
    except (boto.HTTPClientError, boto.ConnectionError) as error:
        raise EngineUnavailable(
            f"AWS does not answer ({str(error).rstrip('.')}). Is the network there, and the "
            "region right? The same command, run again, goes on where this one stopped."
        ) from None
    except (boto.BotoCoreError, Boto3Error) as error:
        raise DeployFailed(f"AWS cannot be used: {error}") from None


def _ours(error: Any) -> Exception:
    from .explain import hint_for

    name, said, operation = code(error), message(error), error.operation_name
    if name in _EXPIRED:
        return Unauthenticated(
            f"The AWS credentials have expired. {_LOG_IN} Then run the same command again: it "
            "goes on where this one stopped."
        )
    if name in _UNKNOWN:
        return Unauthenticated(f"AWS does not accept the credentials ({said}). {_LOG_IN}")
    if name in _DENIED:
        return DeployFailed(
            f"AWS does not allow {operation}: {said}",
            advice="The rights that mlpack needs are listed in docs/deploy_sagemaker.md.",
        )
    if name in _THROTTLED:
        return Busy(f"AWS says that {operation} is asked too often. Try again in a minute.")
    hint = hint_for(said)
    return DeployFailed(f"AWS refused {operation}: {said}", advice=hint)
