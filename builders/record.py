"""Notes in the tracking store that an image was built of a model."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import MlpackError
from .base import BuildSpec, Progress, Report


def record_build(
    spec: BuildSpec,
    reference: str,
    digest: str,
    platforms: Sequence[str],
    builder: str,
    report: Report,
) -> None:
    """Note a build beside the record of its model; what goes wrong is said, and harms nothing.

    Args:
        spec: what was built; a plain folder has no record.
        reference: the image's name and tag.
        digest: what it leads to.
        platforms: that the image runs on.
        builder: that made it.
        report: told when it could not be noted.
    """
    if spec.model_id is None and spec.registered_name is None:
        return
    from ..registry.uses import Model, record_image

    model = Model(spec.model_id, spec.registered_name, spec.registered_version)
    try:
        record_image(model, reference, digest=digest, platforms=platforms, builder=builder)
    except MlpackError as error:
        report(Progress("notice", f"The build is not on record of the model: {error.message}"))
