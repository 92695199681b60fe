"""The bill of materials of an image: what is in it, from whom, under which licence, and why.

Format: CycloneDX 1.6 as JSON, https://cyclonedx.org/docs/1.6/json/. The same image gives the same
bytes: the serial number is derived from the rest, and the time is the model's.

``uv export --format cyclonedx1.5`` is not used: it reads a project's lock for all platforms,
takes a random serial number and the time of day, writes the addresses of private indexes, and
knows neither licences nor the system's packages nor the model.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ... import __version__
from ..oci.spec import Platform, canonical
from .contents import Base, Distribution, Package, System, marker_environment, normalized
from .graph import Graph

MEDIA_TYPE = "application/vnd.cyclonedx+json"
PATH = "opt/mlpack/sbom.cdx.json"  # in the image
RUNTIME = "mlpack-toolkit"

_NAMESPACE = uuid.UUID("7d1c2f8e-2f0b-5f7a-9f0e-6f1b1f0c8a11")  # of ours, for serial numbers
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE, _MODEL, _PYTHON, _SYSTEM = "image", "model", "python", "system"
_OF_MODEL = {  # labels that are properties of the model
    "mlpack.model.id": "mlpack:model:id",
    "mlpack.model.uuid": "mlpack:model:uuid",
    "mlpack.model.digest": "mlpack:model:digest",
    "mlpack.model.flavors": "mlpack:model:flavors",
    "mlpack.model.name": "mlpack:model:registered-name",
    "mlpack.model.version": "mlpack:model:registered-version",
    "mlpack.run.id": "mlpack:model:run-id",
}


def sbom(
    *,
    labels: Mapping[str, str],
    platform: Platform,
    base: Base,
    distributions: Sequence[Distribution],
    requirements: Iterable[str] = (),
    packages: Sequence[Package] = (),
    hashes: Mapping[str, str] | None = None,
    model: bool = True,
    base_name: str | None = None,
    base_digest: str | None = None,
) -> bytes:
    """The bill of materials of an image.

    Args:
        labels: of the image; they tell its title, and all that is known of the model.
        platform: of the image.
        base: what the base image brings.
        distributions: that are installed, the scoring runtime (``mlpack-toolkit``) among them.
        requirements: the model's own requirement lines.
        packages: of the system that were added to the base's.
        hashes: ``sha256:…`` of the wheel of each distribution by its normalized name, from a
            lock.
        model: whether there is one.
        base_name: the base image's name.
        base_digest: of the base image's manifest, ``sha256:…``.

    Returns:
        CycloneDX 1.6 as JSON; the same arguments give the same bytes.
    """
    labels = {_clean(name): _clean(value) for name, value in labels.items()}
    known = hashes or {}
    everything = {
        each.key: replace(each, sha256=known.get(each.key, each.sha256))
        for each in (*base.distributions, *distributions)
    }
    graph = Graph(
        everything.values(), marker_environment(base.python, platform), {_MODEL: [*requirements]}
    )
    of_system = [_package(each, base.system) for each in (*base.packages, *packages)]
    about = _about_base(base, base_name, base_digest)
    libraries = [_distribution(each) for each in everything.values()]
    # a database that names a package twice does not make two of it
    components = {each["bom-ref"]: each for each in (*about, *of_system, *libraries)}
    if model:
        components[_MODEL] = _model(labels)
    above = {
        _IMAGE: [
            *(each["bom-ref"] for each in about),
            *([_MODEL] if model else []),
            *([_ref(RUNTIME, everything)] if RUNTIME in everything else []),
        ],
        _SYSTEM: [each["bom-ref"] for each in of_system],
        _MODEL: [_ref(name, everything) for name in graph.roots[_MODEL]],
        **{
            _ref(name, everything): [_ref(each, everything) for each in needed]
            for name, needed in graph.needs.items()
        },
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": _about_image(labels, platform),
        "components": sorted(components.values(), key=lambda each: (each["type"], each["bom-ref"])),
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(set(above.get(ref, [])))}
            for ref in sorted([_IMAGE, *components])
        ],
    }
    serial = uuid.uuid5(_NAMESPACE, canonical(document).decode())
    document = {**document, "serialNumber": f"urn:uuid:{serial}"}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def hashes_of(lock: str) -> dict[str, str]:
    """The checksum of each distribution's wheel, by normalized name, from the text of a lock.

    One of which several wheels would do is left out: which of them it was is not on record.
    """
    found = {}
    for line in lock.replace("\\\n", " ").splitlines():
        hashes = re.findall(r"--hash[= ](sha256:[0-9a-f]{64})", line)
        if len(hashes) == 1 and (name := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)):
            found[normalized(name[0])] = hashes[0]
    return found


def _about_image(labels: Mapping[str, str], platform: Platform) -> dict[str, Any]:
    found: dict[str, Any] = {
        "component": {
            "type": "container",
            "bom-ref": _IMAGE,
            "name": labels.get("org.opencontainers.image.title") or "image",
            "properties": _properties({"mlpack:image:platform": str(platform)}),
        },
        "tools": {
            "components": [{"type": "application", "name": "mlpack", "version": __version__}]
        },
    }
    created = labels.get("org.opencontainers.image.created", "")
    if _TIME.fullmatch(created):
        found["timestamp"] = created
    return found


def _about_base(base: Base, name: str | None, digest: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if name and digest:
        found.append(_base_image(name, digest))
    if base.system:
        component: dict[str, Any] = {
            "type": "operating-system",
            "bom-ref": _SYSTEM,
            "name": base.system.id,
            "description": base.system.title,
        }
        if base.system.version:
            component["version"] = base.system.version
        found.append(component)
    if base.python:
        found.append(
            {
                "type": "platform",
                "bom-ref": _PYTHON,
                "name": "python",
                "version": base.python,
                "purl": f"pkg:generic/python@{_quoted(base.python)}",
                # what scanners look vulnerabilities of the interpreter up by
                "cpe": f"cpe:2.3:a:python:python:{base.python}:*:*:*:*:*:*:*",
            }
        )
    return found


def _base_image(name: str, digest: str) -> dict[str, Any]:
    repository, _, tag = name.partition("@")[0].rpartition(":")
    if not repository or "/" in tag:
        repository, tag = name.partition("@")[0], ""
    title = repository.rpartition("/")[2]
    qualifiers = {"repository_url": repository if "/" in repository else "", "tag": tag}
    more = "&".join(f"{key}={_quoted(value)}" for key, value in qualifiers.items() if value)
    return {
        "type": "container",
        "bom-ref": "base-image",
        "name": name,
        "version": digest,
        "purl": f"pkg:oci/{title}@{quote(digest, safe='')}{f'?{more}' if more else ''}",
    }


def _package(package: Package, system: System | None) -> dict[str, Any]:
    namespace = system.id if system else {"deb": "debian", "apk": "alpine"}[package.kind]
    distro = "-".join(filter(None, (system.id, system.version))) if system else ""
    qualifiers = {"arch": package.architecture, "distro": distro, "upstream": package.source or ""}
    more = "&".join(f"{key}={_quoted(value)}" for key, value in qualifiers.items() if value)
    purl = f"pkg:{package.kind}/{namespace}/{_quoted(package.name)}@{_quoted(package.version)}"
    found = {
        "type": "library",
        "bom-ref": f"{package.kind}:{package.name}@{package.version}:{package.architecture}",
        "name": package.name,
        "version": package.version,
        "purl": f"{purl}?{more}" if more else purl,
    }
    return {**found, **_licenses(package.license)}


def _distribution(distribution: Distribution) -> dict[str, Any]:
    version = distribution.version
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pypi:{distribution.key}@{version}",
        "name": distribution.name,
        "version": version,
        "purl": f"pkg:pypi/{_quoted(distribution.key)}@{_quoted(version)}",
    }
    if distribution.key == RUNTIME:
        found |= {"type": "application", "description": "The scoring runtime of mlpack."}
    if distribution.sha256:
        found["hashes"] = [
            {"alg": "SHA-256", "content": distribution.sha256.removeprefix("sha256:")}
        ]
    return {**found, **_licenses(distribution.license)}


def _model(labels: Mapping[str, str]) -> dict[str, Any]:
    name = labels.get("mlpack.model.name") or labels.get("org.opencontainers.image.title")
    version = (
        labels.get("mlpack.model.version")
        or labels.get("mlpack.model.id")
        or labels.get("mlpack.model.uuid")
    )
    found: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": name or "model",
        "properties": _properties({to: labels[of] for of, to in _OF_MODEL.items() if of in labels}),
    }
    if version:
        found["version"] = version
    digest = labels.get("mlpack.model.digest", "")
    if _DIGEST.fullmatch(digest):
        found["hashes"] = [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    return found


def _licenses(text: str | None) -> dict[str, Any]:
    """An SPDX expression where it is one, else the words as they stand."""
    if not text:
        return {}
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return {"licenses": [{"expression": str(canonicalize_license_expression(text))}]}
    except InvalidLicenseExpression:
        return {"licenses": [{"license": {"name": text}}]}


def _properties(pairs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in sorted(pairs.items())]


def _ref(name: str, among: Mapping[str, Distribution]) -> str:
    return f"pypi:{name}@{among[normalized(name)].version}"


def _clean(text: str) -> str:
    """Without halves of characters, which JSON can name and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def _quoted(text: str) -> str:
    # https://github.com/package-url/purl-spec: a colon stays as it is
    return quote(text, safe=":.-_~")
