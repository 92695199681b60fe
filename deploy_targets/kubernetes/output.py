"""Manifests to a folder, with a kustomization, for whoever applies them by other means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import AlreadyExists, InvalidInput
from ...flavors.staging import write_file
from .common import Manifest

KUSTOMIZATION = "kustomization.yaml"


def write(manifests: Sequence[Manifest], folder: Path) -> list[Path]:
    """Write one file an object, and a kustomization that names them.

    A folder that was written so before is written anew: what is no longer wanted is not left
    for a GitOps tool to go on applying. A folder with anything else in it is not touched.

    Args:
        manifests: what to write.
        folder: made if it is missing.

    Returns:
        The files.

    Raises:
        AlreadyExists: the folder holds something that was not written so.
        StorageFailed: it cannot be written.
    """
    import yaml

    names = [f"{each['kind'].lower()}.yaml" for each in manifests]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": names,
    }
    former = _former(folder)
    _refuse_secrets(manifests)
    written = []
    for name, content in zip([*names, KUSTOMIZATION], [*manifests, kustomization], strict=True):
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
        write_file(folder / name, text.encode())
        written.append(folder / name)
    for name in set(former) - set(names):
        (folder / name).unlink(missing_ok=True)
    return written


def _former(folder: Path) -> list[str]:
    """The files that an earlier call wrote."""
    import yaml

    if not folder.exists():
        folder.mkdir(parents=True)
        return []
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; name a folder.")
    there = {each.name for each in folder.iterdir()}
    file = folder / KUSTOMIZATION
    try:
        listed = yaml.safe_load(file.read_text()).get("resources") if file.is_file() else []
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError):
        listed = []
    named = [str(each) for each in listed or [] if "/" not in str(each)]
    if there - set(named) - {KUSTOMIZATION}:
        raise AlreadyExists(f"{folder} holds other files. Name a folder of its own.")
    return named


def _refuse_secrets(manifests: Sequence[Manifest]) -> None:
    """What goes into files, and into git, should hold no values of variables that may be secret."""
    for manifest in manifests:
        predictor = manifest["spec"].get("predictor") or {}
        template = manifest["spec"].get("template") or {}
        containers = (template.get("spec") or predictor).get("containers") or []
        for each in [*containers, predictor.get("model") or {}]:
            names = [v["name"] for v in each.get("env") or () if v["name"] != "MLPACK_WORKERS"]
            if names:
                raise InvalidInput(
                    f"The values of {', '.join(names)} would stand in the files. Keep them in a "
                    "Secret or ConfigMap: -C env_from=secret/NAME"
                )
