"""What became of a model: images built of it and deployments of it, as tags beside its record.

One use is one tag, ``mlpack.image.<12 hex>`` or ``mlpack.deployment.<12 hex>``, with JSON in it.
The same use again (a deployment of the same name, the same image) replaces its tag, so what is kept
stays small; beyond a number the oldest go. The tags are on the logged model, which every version of
it shares, or on the registered version when there is no logged model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import MlpackError
from ..tracking.context import user

if TYPE_CHECKING:
    from pathlib import Path

    from .client import MlpackClient
    from .subject import Subject

IMAGE = "mlpack.image."
DEPLOYMENT = "mlpack.deployment."

_MOST = 50  # of each kind
_LONGEST = 7500  # characters of a value; stores take 8,000


@dataclass(frozen=True, slots=True)
class Model:
    """Which model is meant.

    Attributes:
        model_id: of the logged model, if it is one.
        name: of the registered model, if it is a version.
        version: its number.
    """

    model_id: str | None = None
    name: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One use as it is kept: a tag, which any client may have written.

    Attributes:
        key: of the tag.
        value: of the tag; JSON, if it is one of ours.
        model: whose tag it is.
    """

    key: str
    value: str
    model: Model


def record_image(
    model: Model,
    reference: str,
    *,
    digest: str | None,
    platforms: Sequence[str] = (),
    builder: str | None = None,
    tracking_uri: str | Path | None = None,
) -> bool:
    """Note that an image was built of a model.

    Args:
        model: which; of a plain folder nothing is recorded.
        reference: name and tag, or where it lies.
        digest: what the reference leads to.
        platforms: that it runs on.
        builder: that made it.
        tracking_uri: the store; default: the one in use.

    Returns:
        Whether there was a record to note it in.

    Raises:
        MlpackError: the store refused, or does not answer.
    """
    use = {
        "reference": reference,
        "digest": digest,
        "platforms": list(platforms),
        "builder": builder,
    }
    return _record(model, IMAGE, f"{reference}@{digest}", use, tracking_uri)


def record_deployment(
    model: Model,
    target: str,
    name: str,
    use: Mapping[str, Any],
    *,
    tracking_uri: str | Path | None = None,
) -> bool:
    """Note that a model was deployed, changed or deleted; one name in one place has one note.

    Args:
        model: which; of a plain folder nothing is recorded.
        target: where it was deployed.
        name: of the deployment.
        use: what to tell of it (endpoint, image, status); JSON-like, no secrets. Its ``place``,
            if it has one, tells apart deployments of one name on one target.
        tracking_uri: the store; default: the one in use.

    Returns:
        Whether there was a record to note it in.

    Raises:
        MlpackError: the store refused, or does not answer.
    """
    noted = {"target": target, "name": name, **use}
    return _record(model, DEPLOYMENT, _key(target, name, use.get("place")), noted, tracking_uri)


def deployed_as(
    target: str, name: str, place: str | None = None, *, tracking_uri: str | Path | None = None
) -> Model | None:
    """Which model is on record as what a deployment runs; None if none is.

    Raises:
        MlpackError: the store refused, or does not answer.
    """
    from .client import MlpackClient

    client, tag = MlpackClient(tracking_uri), _tag(DEPLOYMENT, _key(target, name, place))
    text = f"tags.`{tag}` LIKE '%'"
    found = [
        *(
            (logged.tags[tag], Model(logged.model_id))
            for logged in client.search_logged_models(filter_string=text)
        ),
        *(
            (version.tags[tag], Model(None, version.name, int(version.version)))
            for version in client.search_model_versions(text)
        ),
    ]
    noted = [(use, model) for value, model in found for _, use in _read({tag: value}, tag)]
    running = [
        (use, m) for use, m in noted if use.get("state") not in ("deleted", "replaced", "written")
    ]
    if not running:
        return None
    use, model = max(running, key=lambda one: str(one[0].get("when", "")))
    of, slash, number = str(use.get("of", "")).rpartition("/")
    if slash and number.isdecimal():
        return Model(model.model_id, of, int(number))
    return model


def images_of(subject: Subject) -> list[dict[str, Any]]:
    """The images built of a model, the newest first."""
    return _uses(_tags_of(subject), IMAGE)


def deployments_of(subject: Subject) -> list[dict[str, Any]]:
    """The deployments of a model, the newest first."""
    return _uses(_tags_of(subject), DEPLOYMENT)


def commit_of(run_id: str | None, tracking_uri: str | Path | None = None) -> str | None:
    """The commit of git that a run ran; None when nobody knows."""
    from ..tracking.client import TrackingClient
    from .provenance import code_of

    if run_id is None:
        return None
    try:
        return code_of(TrackingClient(tracking_uri).get_run(run_id).data.tags).commit
    except MlpackError:
        return None  # the run is gone, which is no reason not to build


def _record(
    model: Model, kind: str, key: str, use: Mapping[str, Any], tracking_uri: str | Path | None
) -> bool:
    if model.model_id is None and model.name is None:
        return False
    from .client import MlpackClient

    client = MlpackClient(tracking_uri)
    noted = {key: value for key, value in use.items() if value not in (None, [], "")}
    of = {"of": f"{model.name}/{model.version}"} if model.name and model.version else {}
    noted |= {**of, "when": datetime.now(UTC).isoformat(timespec="seconds"), "by": user()}
    tag = _tag(kind, key)
    return _Place.of(client, model).put(kind, tag, _bounded(noted))


def _key(target: str, name: str, place: str | None) -> str:
    return f"{target}/{place}/{name}" if place else f"{target}/{name}"


def _tag(kind: str, key: str) -> str:
    return kind + hashlib.sha256(key.encode()).hexdigest()[:12]


def _bounded(noted: dict[str, Any]) -> str:
    """As JSON that fits into a tag; the longest texts give way."""
    text = json.dumps(noted, sort_keys=True)
    while len(text) > _LONGEST:
        longest = max(noted, key=lambda name: len(json.dumps(noted[name])))
        value = noted[longest]
        noted[longest] = value[:200] + "…" if isinstance(value, str) and len(value) > 201 else "…"
        text = json.dumps(noted, sort_keys=True)
    return text


class _Place:
    """Whose tags are used."""

    def __init__(self, client: MlpackClient, model: Model, tags: Mapping[str, str] | None) -> None:
        self.client, self.model, self.tags = client, model, tags

    @classmethod
    def of(cls, client: MlpackClient, model: Model) -> _Place:
        if model.model_id is not None:
            try:
                logged = client.get_logged_model(model.model_id)
                return cls(client, Model(model.model_id), logged.tags)
            except MlpackError as error:  # deleted, or a server before 3.0
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND"):
                    raise
        if model.name is None or model.version is None:
            return cls(client, Model(), None)
        found = client.get_model_version(model.name, model.version)
        return cls(client, Model(None, model.name, model.version), found.tags)

    def put(self, kind: str, tag: str, value: str) -> bool:
        if self.tags is None:
            return False
        self._set(tag, value)
        others = [(use.get("when", ""), key) for key, use in _read(self.tags, kind) if key != tag]
        for _, oldest in sorted(others)[: max(0, len(others) + 1 - _MOST)]:
            self._delete(oldest)
        return True

    def _set(self, tag: str, value: str) -> None:
        if self.model.model_id:
            self.client.set_logged_model_tags(self.model.model_id, {tag: value})
        else:
            self.client.set_model_version_tag(str(self.model.name), self.model.version, tag, value)

    def _delete(self, tag: str) -> None:
        if self.model.model_id:
            self.client.delete_logged_model_tag(self.model.model_id, tag)
        else:
            self.client.delete_model_version_tag(str(self.model.name), self.model.version, tag)


def _tags_of(subject: Subject) -> dict[str, str]:
    version = subject.version.tags if subject.version else {}
    return {**version, **(subject.model.tags if subject.model else {})}


def _uses(tags: Mapping[str, str], kind: str) -> list[dict[str, Any]]:
    found = [use for _, use in _read(tags, kind)]
    return sorted(found, key=lambda use: str(use.get("when", "")), reverse=True)


def _read(tags: Mapping[str, str], kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Tags can be written by anybody: what is no object of JSON is passed over."""
    found = []
    for key, text in tags.items():
        if not key.startswith(kind):
            continue
        try:
            use = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(use, dict):
            found.append((key, use))
    return found
