"""Everything on record about the model at an address; what is gone is said, and is no failure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ..artifacts.open import open_artifacts
from ..errors import InvalidInput, MlpackError, NotFound
from ..flavors.descriptor import MLMODEL, Model
from ..tracking.entities import LifecycleStage
from ..uris import LocalUri, LoggedModelUri, RegisteredModelUri, RemoteUri, RunUri, parse
from .addresses import find_version, forgiving
from .entities import ModelVersion

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from ..tracking.entities import Experiment, LoggedModel, Run
    from ..uris import Uri
    from .client import MlpackClient

T = TypeVar("T")

REQUIREMENTS = "requirements.txt"
_LARGEST = 64 << 20  # bytes of a descriptor
_COPIES = 10  # a version may be a copy of a version, which may be one, …


@dataclass
class Subject:
    """What is known of a model.

    Attributes:
        address: as it was given.
        version: if it is registered.
        model: the logged model, if it is one.
        run: that made it.
        descriptor: its ``MLmodel``.
        requirements: its ``requirements.txt``.
        files: checksums of its files, from the registry or else from its descriptor.
        gone: part ("run", "model", "experiment", "files") -> what has become of it.
    """

    address: str
    version: ModelVersion | None = None
    model: LoggedModel | None = None
    run: Run | None = None
    run_id: str | None = None
    model_id: str | None = None
    experiment: Experiment | None = None
    descriptor: Model | None = None
    requirements: bytes | None = None
    files: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)


def look_up(client: MlpackClient, given: ModelVersion | str) -> Subject:
    """Gather what the stores and the folder of a model say. No code of the model runs.

    Args:
        client: of the stores to ask.
        given: a version, or the address of a model (see `addresses.forgiving`).

    Raises:
        InvalidInput: the address is malformed.
        NotFound: it names nothing. A part of the model that is gone raises nothing.
    """
    if isinstance(given, ModelVersion):
        subject = Subject(given.model_uri, version=given)
    else:
        subject = Subject(str(given))
        parsed = forgiving(given)
        if isinstance(parsed, RegisteredModelUri):
            subject.version = find_version(client, parsed)
    _Search(client, subject).run()
    return subject


class _Search:
    """Follows a model's record from one store to the next."""

    def __init__(self, client: MlpackClient, subject: Subject) -> None:
        self.client, self.subject = client, subject
        self.place: tuple[ArtifactStore, str] | None = None  # its files: below a folder of these

    def run(self) -> None:
        subject = self.subject
        version = subject.version
        if version is None:
            self._follow(forgiving(subject.address), strict=True)
        else:
            subject.run_id, subject.model_id = version.run_id, version.model_id
            self._attempt("files", lambda: self._follow_version(version))
            if subject.model_id and subject.model is None:
                self._attempt("model", lambda: self._take_model(subject.model_id or ""))
            self._attempt("manifest", self._take_manifest)
            subject.gone.pop("manifest", None)  # servers of MLflow keep none
        self._attempt("files", self._read_files)
        if subject.descriptor is not None:
            subject.run_id = subject.run_id or subject.descriptor.run_id
        if subject.run_id and subject.run is None:
            self._attempt("run", lambda: self._take_run(subject.run_id or ""))
        self._attempt("experiment", self._take_experiment)

    def _attempt(self, part: str, step: Callable[[], None]) -> None:
        try:
            step()
        except MlpackError as error:
            self.subject.gone[part] = _reason(error)

    def _follow_version(self, version: ModelVersion) -> None:
        for _ in range(_COPIES):
            parsed = parse(version.location or version.source)
            if not isinstance(parsed, RegisteredModelUri):
                return self._follow(parsed)
            version = find_version(self.client, parsed)
        raise InvalidInput("The version is a copy of a copy, without an end.")

    def _follow(self, parsed: Uri, strict: bool = False) -> None:
        """Find the files of a model, and its record on the way.

        Args:
            parsed: its address.
            strict: it is what the user asked for, so it must be there.
        """
        subject = self.subject
        if isinstance(parsed, LoggedModelUri):
            self._take_model(parsed.model_id)
        elif isinstance(parsed, RunUri):
            self._follow_run(parsed)
        elif isinstance(parsed, RemoteUri):
            self.place = (open_artifacts(parsed.uri, tracking_uri=self.client.tracking_uri), "")
        elif isinstance(parsed, LocalUri):
            folder = parsed.path.expanduser().absolute()
            if strict:
                Model.read(folder)  # says what is wrong with it
            elif not folder.is_dir():
                raise NotFound(f"the folder {parsed.path} does not exist")
            self.place = (open_artifacts(str(folder)), "")
        if subject.model is not None:
            subject.run_id = subject.run_id or subject.model.source_run_id

    def _follow_run(self, parsed: RunUri) -> None:
        if not parsed.path:
            raise InvalidInput(f"{self.subject.address!r} names no model of the run.")
        self.subject.run_id = parsed.run_id
        self._take_run(parsed.run_id)
        run = self.subject.run
        assert run is not None
        found = self.client.search_logged_models(
            [run.info.experiment_id], run_id=parsed.run_id, name=parsed.path, max_results=1
        )
        if found:
            return self._take_model(found[0].model_id)
        place = open_artifacts(run.info.artifact_uri, tracking_uri=self.client.tracking_uri)
        self.place = (place, f"{parsed.path}/")
        return None

    def _take_model(self, model_id: str) -> None:
        self.subject.model_id = model_id
        self.subject.model = self.client.get_logged_model(model_id)
        self.subject.run_id = self.subject.run_id or self.subject.model.source_run_id
        if self.place is None:
            self.place = (self.client.model_files(self.subject.model), "")

    def _take_run(self, run_id: str) -> None:
        self.subject.run = self.client.get_run(run_id)
        if self.subject.run.info.lifecycle_stage == LifecycleStage.DELETED:
            self.subject.gone["run"] = "deleted; it can be restored until gc removes it"

    def _take_experiment(self) -> None:
        made = self.subject.run.info if self.subject.run else self.subject.model
        if made is None:
            return
        found = self.client.get_experiment(made.experiment_id)
        self.subject.experiment = found
        if found.lifecycle_stage == LifecycleStage.DELETED:
            self.subject.gone["experiment"] = "deleted; it can be restored until gc removes it"

    def _take_manifest(self) -> None:
        version = self.subject.version
        assert version is not None
        self.subject.files = dict(self.client.registry.get_files(version.name, version.version))

    def _read_files(self) -> None:
        if self.place is None:
            return
        recorded, changed = dict(self.subject.files), []
        described = self._read(MLMODEL)
        if described is None:
            raise NotFound(f"there is no {MLMODEL} where they should be")
        self.subject.requirements = self._read(REQUIREMENTS)
        self.subject.descriptor = Model.from_dict(_yaml(described))
        for name, content in ((MLMODEL, described), (REQUIREMENTS, self.subject.requirements)):
            if name in recorded and recorded[name] != _checksum(content):
                changed.append(name)
        if not recorded:
            own = {MLMODEL: _checksum(described)} if self.subject.descriptor.files else {}
            self.subject.files = {**self.subject.descriptor.files, **own}
        if changed:
            self.subject.gone["files"] = f"changed since registration: {', '.join(changed)}"

    def _read(self, name: str) -> bytes | None:
        """A small file of the model; None when it has none of that name."""
        assert self.place is not None
        store, below = self.place
        pieces, size = [], 0
        try:
            for piece in store.read(below + name):
                pieces.append(piece)
                size += len(piece)
                if size > _LARGEST:
                    raise InvalidInput(f"{name} is larger than {_LARGEST >> 20} MB")
        except NotFound:
            return None
        return b"".join(pieces)


def _yaml(text: bytes) -> object:
    from ..flavors import yaml_text

    return yaml_text.load(text, MLMODEL)


def _checksum(content: bytes | None) -> str:
    return f"sha256:{hashlib.sha256(content or b'').hexdigest()}"


def _reason(error: MlpackError) -> str:
    if isinstance(error, NotFound):
        return f"gone: {error.message[:1].lower()}{error.message[1:].rstrip('.')}"
    return error.message.rstrip(".")
