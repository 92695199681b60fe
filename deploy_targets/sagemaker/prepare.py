"""From a request to what is wanted and what is there; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ...builders.base import BuildSpec, Report
from ...errors import InvalidInput, InvalidState
from ...flavors import integrity
from ..base import DeployRequest, check_name
from . import many, model_data, state, variants
from .aws import Aws
from .image import Source, identify
from .options import SagemakerOptions
from .role import check_role
from .state import Endpoint
from .wanted import Wanted

_BUCKETS = ("model_data", "multi_model", "async_output", "capture_uri", "batch_input")


@dataclass(frozen=True)
class Prepared:
    """All that a change needs to know."""

    wanted: Wanted
    source: Source
    existing: Endpoint | None
    missing: bool = False  # one of many models, that the endpoint could serve as it is


def prepare(
    aws: Aws, request: DeployRequest, options: SagemakerOptions, report: Report
) -> Prepared:
    """Check a request as far as that is possible without making anything.

    Raises:
        InvalidInput: something in it cannot be used.
        AlreadyExists: the name is taken by something that mlpack did not make.
        NotFound: the image does not exist.
        InvalidState: the endpoint is being deleted.
    """
    check_name(request.name)
    if options.account and options.account != aws.account:
        raise InvalidInput(
            f"The credentials are of the account {aws.account}, not of {options.account}."
        )
    role = check_role(aws, options.role, report)
    existing = state.find(aws, request.name)
    if existing and existing.status == "Deleting":
        raise InvalidState(
            f"The endpoint {request.name!r} is being deleted. Try again in a minute."
        )
    for name in (*_BUCKETS, "batch_output"):
        if address := getattr(options, name):
            model_data.check_bucket(aws, address, name, report)
    digest: str | None
    url: str | None
    if many.is_ours(request, options):
        joining = many.join(aws, request, options, existing, report)
        options, source = joining.options, joining.source or identify(aws, request, options)
        digest, environment, url = joining.digest, joining.environment, joining.address
        missing, replaces = joining.missing, joining.replaces
    else:
        source = identify(aws, request, options)
        digest, environment, url = _model(request, options)
        missing, replaces = False, ""
    wanted = Wanted(
        name=request.name,
        options=options,
        role=role,
        image_key=source.key,
        model_uri=request.model_uri,
        model_digest=digest,
        data_url=url,
        environment=environment,
        replaces=replaces,
    )
    placed = variants.place(wanted, existing)
    variants.check_shift(placed, existing)
    placed.check(aws.client("sagemaker").meta.service_model)
    return Prepared(placed, source, existing, missing)


def _model(
    request: DeployRequest, options: SagemakerOptions
) -> tuple[str | None, dict[str, str], str | None]:
    """Digest, environment and, when they are not in the image, the place of the model's data."""
    environment = dict(options.env)
    if not isinstance(request.image, BuildSpec):
        return request.model_digest, environment, None
    spec = request.image
    digest = spec.expected_digest or integrity.digest(integrity.manifest(spec.model))
    if not options.model_data:
        return digest, environment, None
    # the image may have been built with another version of the model
    vouched = digest if spec.expected_digest or spec.trust else ""
    title = spec.registered_name or request.name
    environment = {"MLPACK_MODEL_DIGEST": vouched, "MLPACK_MODEL_NAME": title, **environment}
    return digest, environment, model_data.url(options.model_data, request.name, digest)
