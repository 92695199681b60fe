"""Models and endpoint configurations: made once, removed when nothing needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ...builders.base import Progress, Report
from ...errors import AlreadyExists
from . import image, many, model_data, naming
from .aws import Aws, is_missing, is_taken
from .state import tags_of

_KINDS = {  # of a thing: its operations' word, the key of its name, the word in its ARN
    "model": ("model", "ModelName", "model"),
    "config": ("endpoint_config", "EndpointConfigName", "endpoint-config"),
}


def ensure(aws: Aws, kind: str, body: Mapping[str, Any], report: Report) -> None:
    """Make a model or configuration unless it is there.

    Raises:
        AlreadyExists: something else has its name.
    """
    word, key, arn = _KINDS[kind]
    name, tags = body[key], naming.tag_dict(body["Tags"])
    # asked first, for SageMaker checks image and role of a model before it looks at the name
    found = tags_of(aws, aws.arn(arn, name)) if _exists(aws, kind, name) else None
    if found is None:
        report(Progress("part", f"Making the {word.replace('_', ' ')} {name}"))
        try:
            getattr(aws.client("sagemaker"), f"create_{word}")(**body)
            return
        except ClientError as error:
            if not is_taken(error):
                raise
            found = tags_of(aws, aws.arn(arn, name))
    if found.get(naming.CONTENT) != tags[naming.CONTENT]:
        raise AlreadyExists(
            f"The {word.replace('_', ' ')} {name!r} exists, and mlpack did not make it. Remove "
            "it, or choose another name for the deployment."
        )


def prune(aws: Aws, name: str, keep: set[str], report: Report, *, images: bool = True) -> None:
    """Remove models and configurations of a deployment that nothing needs.

    Args:
        keep: names of configurations to keep; their models stay, too.
        images: remove images in the deployment's own repository that none of them uses.
    """
    models, pictures = set(), set()
    for config, _ in list(_ours(aws, "config", name)):
        if config in keep:
            models |= _models_of(aws, config)
        else:
            _delete(aws, "config", config, report)
    removed, used = set(), set()
    for model, tags in list(_ours(aws, "model", name)):
        if model in models or tags.get(naming.PURPOSE):
            pictures.add(tags.get(naming.IMAGE, "").rpartition("@")[2])
            used.add(_data_url(aws, model))
        else:
            removed.add(_data_url(aws, model))
            _delete(aws, "model", model, report)
    # models that differ in their environment alone share their data
    _remove_data(aws, name, removed - used, report)
    many.remove(aws, name, removed - used, report)
    if images and pictures:
        image.prune_images(aws, name, pictures)


def remove_all(aws: Aws, name: str, report: Report) -> bool:
    """Remove all models and configurations of a deployment, and its models' data in S3."""
    some, data = False, set()
    for config, _ in list(_ours(aws, "config", name)):
        _delete(aws, "config", config, report)
        some = True
    models = [model for model, _ in _ours(aws, "model", name)]
    many.remove(aws, name, (_data_url(aws, model) for model in models), report)
    for model in models:
        data.add(_data_url(aws, model))
        _delete(aws, "model", model, report)
        some = True
    _remove_data(aws, name, data, report)
    return some


def _exists(aws: Aws, kind: str, name: str) -> bool:
    word, key, _ = _KINDS[kind]
    try:
        getattr(aws.client("sagemaker"), f"describe_{word}")(**{key: name})
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


def _ours(aws: Aws, kind: str, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Names and tags of what mlpack made for a deployment."""
    word, key, arn = _KINDS[kind]
    pages = aws.client("sagemaker").get_paginator(f"list_{word}s").paginate(NameContains=f"{name}-")
    listed = "Models" if kind == "model" else "EndpointConfigs"
    for page in pages:
        for each in page[listed]:
            if naming.short(name, each[key]):
                tags = tags_of(aws, aws.arn(arn, each[key]))
                if tags.get(naming.DEPLOYMENT) == name:
                    yield each[key], tags


def _models_of(aws: Aws, config: str) -> set[str]:
    described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    return {str(each.get("ModelName")) for each in described["ProductionVariants"]}


def _delete(aws: Aws, kind: str, name: str, report: Report) -> None:
    word, key, _ = _KINDS[kind]
    report(Progress("log", f"Removing the {word.replace('_', ' ')} {name}"))
    try:
        getattr(aws.client("sagemaker"), f"delete_{word}")(**{key: name})
    except ClientError as error:
        if not is_missing(error):
            raise


def _data_url(aws: Aws, model: str) -> str:
    described = aws.client("sagemaker").describe_model(ModelName=model)
    return str((described.get("PrimaryContainer") or {}).get("ModelDataUrl", ""))


def _remove_data(aws: Aws, name: str, urls: set[str], report: Report) -> None:
    """Only what lies where `model_data.url` puts it; a prefix of many models is the user's."""
    own = [each for each in urls if each.endswith("/model.tar.gz") and f"/{name}/" in each]
    model_data.remove(aws, own, report)
