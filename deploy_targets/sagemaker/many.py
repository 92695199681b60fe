"""Many models behind one endpoint that mlpack's own image serves: see `serve.multi_model`.

    s3://bucket/prefix/<deployment>/churn.tar.gz       a model, asked for as churn.tar.gz
    s3://bucket/prefix/<deployment>/requirements.txt   what the image was built with

SageMaker fetches a model when it is first asked for. The container trusts those whose digests are
in its environment, so a model that is added is vouched for by an update of the endpoint, in which
its image, its variants and all other settings stay. SageMaker keeps what it has fetched; that is
why a model is never overwritten by another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from ...builders.base import BuildSpec, Progress, Report
from ...errors import InvalidInput, InvalidState
from ...flavors import integrity
from ..base import DeployRequest
from . import model_data
from .aws import Aws, is_missing
from .image import Source
from .options import SagemakerOptions
from .state import Endpoint
from .wanted import Wanted

ARCHIVE, _REQUIREMENTS = ".tar.gz", "requirements.txt"
_DIGESTS = "MLPACK_MODEL_DIGESTS"
_PER_VARIABLE = 14  # a value has at most 1,024 characters
# of objects in S3, so that nothing else is removed, and a model is known without fetching it
_DEPLOYMENT, _DIGEST = "mlpack-deployment", "mlpack-digest"


@dataclass(frozen=True)
class Joining:
    """A model that joins others, or is the first.

    Attributes:
        options: as they were given, and what stays of the endpoint.
        address: where the model goes.
        digest: of the model.
        environment: of the container.
        missing: the model is not there yet.
        source: the endpoint's image; None: it is to be built.
        replaces: the SageMaker model whose place a changed one takes; '' makes new variants.
    """

    options: SagemakerOptions
    address: str
    digest: str
    environment: dict[str, str]
    missing: bool
    source: Source | None = None
    replaces: str = ""


def is_ours(request: DeployRequest, options: SagemakerOptions) -> bool:
    """Whether an image of mlpack's is to serve many models."""
    return bool(options.multi_model) and isinstance(request.image, BuildSpec)


def join(
    aws: Aws,
    request: DeployRequest,
    options: SagemakerOptions,
    existing: Endpoint | None,
    report: Report,
) -> Joining:
    """What it takes to serve a model beside others; changes nothing.

    Raises:
        InvalidInput: another model has its name, or it needs what the image lacks.
        InvalidState: there is no such endpoint to add it to.
    """
    spec = request.image
    assert isinstance(spec, BuildSpec) and options.multi_model
    folder = model_data.folder(options.multi_model, request.name)
    name = (options.target_model or request.name).removesuffix(ARCHIVE)
    address = f"{folder}{name}{ARCHIVE}"
    digest = spec.expected_digest or integrity.digest(integrity.manifest(spec.model))
    there = _metadata(aws, address)
    if there is not None and there.get(_DIGEST) != digest:
        raise InvalidInput(
            f"{address} is another model already. SageMaker keeps what it has fetched, so it is "
            "not overwritten. Name this one: -C target_model=…"
        )
    options = replace(options, multi_model=folder)
    served = _served(aws, existing, folder)
    known: dict[str, str] = dict((served or {}).get("PrimaryContainer", {}).get("Environment", {}))
    vouched = bool(spec.expected_digest or spec.trust)
    if not vouched:
        report(
            Progress(
                "notice",
                f"Nobody vouches for {name!r}: the endpoint loads it only if it holds data only, "
                "neither pickles nor code. --trust vouches for it.",
            )
        )
    # digests of all models stay, whichever way this one comes
    trusted = _trust(known, [digest] if vouched else [])
    first = {"MLPACK_MULTI_MODEL": "1", "MLPACK_MODEL_DIGEST": ""}
    if options.mode == "replace":
        environment = {**first, **trusted, **options.env}
        return Joining(options, address, digest, environment, there is None)
    if options.mode != "add" or existing is None or served is None:
        raise InvalidState(
            f"There is no endpoint {request.name!r} of many models below {folder} to add one to. "
            "Deploy the first with -C mode=replace; a canary is not for these."
        )
    _check_requirements(aws, spec, folder)
    kept = {key: each for key, each in known.items() if not _is_list(key)}
    image = str(served["PrimaryContainer"]["Image"])
    network = served.get("VpcConfig") or {}
    return Joining(
        replace(
            options,
            subnets=tuple(network.get("Subnets", ())),
            security_groups=tuple(network.get("SecurityGroupIds", ())),
            network_isolation=bool(served.get("EnableNetworkIsolation")),
        ),
        address,
        digest,
        {**kept, **trusted, **options.env},
        there is None,
        Source(image.rpartition(":")[2], image),
        str(served["ModelName"]),
    )


def upload(aws: Aws, request: DeployRequest, wanted: Wanted, report: Report) -> None:
    """Put a model below the endpoint's prefix, and with the first what its image is built with."""
    spec, options = request.image, wanted.options
    assert isinstance(spec, BuildSpec) and wanted.data_url and options.multi_model
    told = {_DEPLOYMENT: wanted.name, _DIGEST: wanted.model_digest or ""}
    model_data.ensure(aws, spec.model, wanted.data_url, options.kms_key, report, told)
    if wanted.replaces:
        return
    bucket, key = model_data.split(options.multi_model + _REQUIREMENTS)
    aws.client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body="".join(f"{line}\n" for line in sorted(_requirements(spec))).encode(),
        ContentType="text/plain",
        Metadata={_DEPLOYMENT: wanted.name},
    )


def remove(aws: Aws, name: str, folders: Iterable[str], report: Report) -> None:
    """Remove what mlpack put below a deployment's prefixes, and nothing else."""
    for folder in sorted(set(folders)):
        if not folder.endswith(f"/{name}/"):
            continue  # a prefix that the user fills
        for address in list(_objects(aws, folder)):
            if (_metadata(aws, address) or {}).get(_DEPLOYMENT) == name:
                model_data.remove(aws, [address], report)


def _served(aws: Aws, existing: Endpoint | None, folder: str) -> Mapping[str, Any] | None:
    """The SageMaker model of an endpoint that serves the models of a folder."""
    for variant in (existing.config if existing else {}).get("ProductionVariants", ()):
        try:
            found: Mapping[str, Any] = aws.client("sagemaker").describe_model(
                ModelName=variant["ModelName"]
            )
        except ClientError as error:
            if not is_missing(error):
                raise
            continue
        container = found.get("PrimaryContainer") or {}
        if container.get("Mode") == "MultiModel" and container.get("ModelDataUrl") == folder:
            return found
    return None


def _is_list(variable: str) -> bool:
    return re.fullmatch(rf"{_DIGESTS}(_\d+)?", variable) is not None


def _trust(known: Mapping[str, str], more: list[str]) -> dict[str, str]:
    """Variables that hold the digests that are there, in their order, and more."""
    variables = sorted(filter(_is_list, known), key=lambda each: (len(each), each))
    digests = [each for key in variables for each in known[key].split(",") if each]
    digests += [each for each in more if each not in digests]
    return {
        _DIGESTS + (f"_{at // _PER_VARIABLE}" if at else ""): ",".join(
            digests[at : at + _PER_VARIABLE]
        )
        for at in range(0, len(digests), _PER_VARIABLE)
    }


def _requirements(spec: BuildSpec) -> set[str]:
    file = spec.requirements or spec.model / "requirements.txt"
    if not file.is_file():
        return set()
    lines = (re.split(r"(?:^|\s)#", line)[0].strip() for line in file.read_text().splitlines())
    return {re.sub(r"\s+", "", line).lower() for line in lines if line}


def _check_requirements(aws: Aws, spec: BuildSpec, folder: str) -> None:
    noted = model_data.read(aws, folder + _REQUIREMENTS)
    if noted is None:
        raise InvalidState(
            f"{folder}{_REQUIREMENTS} is gone, which says what the endpoint's image was built "
            "with. Deploy with -C mode=replace."
        )
    if lacking := sorted(_requirements(spec) - set(noted.decode().split("\n"))):
        raise InvalidInput(
            f"The endpoint's image was not built with {', '.join(lacking[:10])}, which this model "
            "requires. Save it with the same versions, or deploy it to an endpoint of its own."
        )


def _metadata(aws: Aws, address: str) -> Mapping[str, str] | None:
    bucket, key = model_data.split(address)
    try:
        found: Mapping[str, str] = aws.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return found


def _objects(aws: Aws, folder: str) -> Iterator[str]:
    bucket, prefix = model_data.split(folder)
    pages = aws.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        yield from (f"s3://{bucket}/{each['Key']}" for each in page.get("Contents", ()))
