"""The image into ECR, unless it is there."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ...builders.base import BuildSpec, Progress, Report
from ...builders.content import content_key
from ...errors import InvalidInput, NotFound, RegistryFailed
from ..base import DeployRequest
from . import naming
from .aws import Aws, is_denied, is_missing, is_taken
from .options import SagemakerOptions
from .wanted import Wanted

_IN_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[\w.-]+))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_OUR_TAG = re.compile(r"[0-9a-f]{32}")
_SERVERLESS_LIMIT = 10 * 10**9


@dataclass(frozen=True)
class Source:
    """Where an image comes from.

    Attributes:
        key: what it consists of, in hexadecimal; its tag in the repository.
        reference: where it is already, by digest; None if it is to be pushed.
        build: what to do in words, '' when it is only pushed.
        prepare: the image as it is pushed.
    """

    key: str
    reference: str | None = None
    build: str = ""
    prepare: Callable[[], BuildSpec | str] = field(default=lambda: "", repr=False)


def identify(aws: Aws, request: DeployRequest, options: SagemakerOptions) -> Source:
    """What image a request means; nothing is built.

    Raises:
        NotFound: there is no such image.
        InvalidInput: the image cannot be used.
    """
    image = request.image
    if isinstance(image, BuildSpec):
        platforms = image.platforms or (options.image_platform,)
        if tuple(platforms) != (options.image_platform,):
            raise InvalidInput(
                f"{options.instance_type} runs {options.image_platform}, not "
                f"{', '.join(platforms)}. Leave --platform out, or choose another instance type."
            )
        # with model data of its own any version of the model may come on top of the image
        apart = bool(options.model_data or options.multi_model)
        key = content_key(image, options.image_platform, with_model=not apart)
        return Source(key, None, "build the image", lambda: image)
    if options.model_data:
        raise InvalidInput("'model_data' needs the model; leave --image out.")
    if found := _IN_ECR.fullmatch(image):
        return _in_ecr(aws, image, found)
    if "@sha256:" in image:
        return Source(image.rpartition(":")[2], image)
    return _on_engine(image)


def ensure(aws: Aws, wanted: Wanted, source: Source, request: DeployRequest, report: Report) -> str:
    """The image's address by digest; built and pushed only if it is not in the repository.

    Raises:
        BuildFailed, RegistryFailed: it could not be made, or not be pushed.
        InvalidInput: it is too large.
    """
    from ...builders.publish import Credentials, publish

    if source.reference:
        return source.reference
    options = wanted.options
    repository = repository_name(wanted.name, options)
    address = _repository(aws, repository, wanted, report)
    tag = source.key[:32]
    digest = find_digest(aws, repository, tag)
    if digest:
        report(Progress("cached", f"The image is in {repository} already"))
    else:
        token = aws.client("ecr").get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
        report(Progress("part", f"Pushing the image to {address}"))
        try:
            digest = publish(
                source.prepare(),
                f"{address}:{tag}",
                credentials=Credentials(user, password),
                platform=options.image_platform,
                builder=request.builder,
                report=report,
            ).digest
        except RegistryFailed:
            # somebody else may have pushed the same in the meantime; tags are never moved
            digest = find_digest(aws, repository, tag) or ""
            if not digest:
                raise
        _check_image(aws, repository, digest, options)
    return f"{address}@{digest}"


def repository_name(name: str, options: SagemakerOptions) -> str:
    """Of ECR."""
    return options.repository or f"mlpack/{name}"


def find_digest(aws: Aws, repository: str, tag: str, registry: str | None = None) -> str | None:
    """The digest of a tag in a repository, None if there is none."""
    details = _details(aws, repository, tag, registry)
    return str(details["imageDigest"]) if details else None


def remove_repository(aws: Aws, name: str, report: Report) -> bool:
    """Remove the repository that was made for a deployment, and only that."""
    client, repository = aws.client("ecr"), f"mlpack/{name}"
    try:
        (found,) = client.describe_repositories(repositoryNames=[repository])["repositories"]
        tags = client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        if naming.tag_dict(tags).get(naming.DEPLOYMENT) != name:
            return False
        report(Progress("part", f"Removing the repository {repository}"))
        client.delete_repository(repositoryName=repository, force=True)
    except ClientError as error:
        if not is_missing(error):
            raise
        return False
    return True


def prune_images(aws: Aws, name: str, kept: set[str]) -> None:
    """Remove images of former versions from the repository that was made for a deployment.

    Args:
        kept: digests of images in use.
    """
    client, repository = aws.client("ecr"), f"mlpack/{name}"
    try:
        (found,) = client.describe_repositories(repositoryNames=[repository])["repositories"]
        tags = client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        if naming.tag_dict(tags).get(naming.DEPLOYMENT) != name:
            return
        pages = client.get_paginator("list_images").paginate(repositoryName=repository)
        old = {
            each["imageDigest"]
            for page in pages
            for each in page["imageIds"]
            # other tags, and none, are of what belongs to an image: its bill of materials
            if _OUR_TAG.fullmatch(each.get("imageTag", "")) and each["imageDigest"] not in kept
        }
        for digest in sorted(old):
            client.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])
    except ClientError as error:
        if not is_missing(error) and not is_denied(error):
            raise


def _repository(aws: Aws, repository: str, wanted: Wanted, report: Report) -> str:
    client, options = aws.client("ecr"), wanted.options
    for _ in range(2):
        try:
            (found,) = client.describe_repositories(repositoryNames=[repository])["repositories"]
            return str(found["repositoryUri"])
        except ClientError as error:
            if not is_missing(error):
                raise
        report(Progress("part", f"Making the ECR repository {repository}"))
        encryption = {"encryptionType": "AES256"}
        if options.kms_key:
            encryption = {"encryptionType": "KMS", "kmsKey": options.kms_key}
        # a repository that the user named may hold other things one day: it is never removed
        own = wanted.tags if options.repository is None else options.tags
        try:
            made = client.create_repository(
                repositoryName=repository,
                tags=naming.tag_list({**own}),
                imageTagMutability="IMMUTABLE",
                imageScanningConfiguration={"scanOnPush": True},
                encryptionConfiguration=encryption,
            )
            return str(made["repository"]["repositoryUri"])
        except ClientError as error:
            if not is_taken(error):  # by another deploy of the same
                raise
    raise RegistryFailed(f"The ECR repository {repository} comes and goes. Try again.")


def _details(aws: Aws, repository: str, tag: str, registry: str | None) -> dict[str, Any] | None:
    where = {"registryId": registry} if registry else {}
    ids = [{"imageDigest" if tag.startswith("sha256:") else "imageTag": tag}]
    try:
        answer = aws.client("ecr").describe_images(repositoryName=repository, imageIds=ids, **where)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    found: list[dict[str, Any]] = answer["imageDetails"]
    return found[0] if found else None


def _check_image(aws: Aws, repository: str, digest: str, options: SagemakerOptions) -> None:
    details = _details(aws, repository, digest, None) or {}
    kind = details.get("imageManifestMediaType", "")
    if "index" in kind or "list" in kind:
        raise InvalidInput(
            "The image is an index of several platforms; SageMaker takes one of a single platform."
        )
    size = details.get("imageSizeInBytes", 0)
    if options.serverless and size > _SERVERLESS_LIMIT:
        raise InvalidInput(
            f"The image has {size / 1e9:.1f} GB; serverless endpoints take 10. "
            "Use instances (-C serverless=false), or fewer dependencies."
        )


def _in_ecr(aws: Aws, image: str, found: re.Match[str]) -> Source:
    if found["region"] != aws.region:
        raise InvalidInput(
            f"The image is in {found['region']}, the endpoint would be in {aws.region}. "
            "SageMaker takes images of its own region only."
        )
    if found["digest"]:
        return Source(found["digest"].rpartition(":")[2], image)
    tag = found["tag"] or "latest"
    try:
        digest = find_digest(aws, found["repository"], tag, found["account"])
    except ClientError as error:
        if not is_denied(error):
            raise
        return Source(naming.digest_of(image), image)  # of another account, perhaps
    if digest is None:
        raise NotFound(f"ECR has no image {image}.")
    base = image.removesuffix(f":{found['tag']}") if found["tag"] else image
    return Source(digest.rpartition(":")[2], f"{base}@{digest}")


def _on_engine(image: str) -> Source:
    from docker.errors import ImageNotFound

    from ...builders.engine import connect

    client = connect()
    try:
        found = client.images.get(image).id
    except ImageNotFound:
        raise NotFound(
            f"The engine has no image {image!r}. Build it first (mlpack build-docker), or name "
            "one in ECR: <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>"
        ) from None
    finally:
        client.close()
    return Source(found.rpartition(":")[2], None, "", lambda: str(found))
