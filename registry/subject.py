"""Everything on record about the model at an address; what is gone is said, and is no failure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..errors import InvalidInput, MlpackError, NotFound
from ..flavors import yaml_text
from ..flavors.descriptor import MLMODEL, Model
from ..tracking.entities import LifecycleStage
from ..uris import LocalUri, RegisteredModelUri, RunUri
from .addresses import check_is_version, forgiving
from .checks import read_small
from .entities import ModelVersion
from .find import find_version
from .places import Placed, place_of
from .resolve import addresses_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..tracking.entities import Experiment, LoggedModel, Run
    from ..uris import Uri
    from .client import MlpackClient

REQUIREMENTS = "requirements.txt"
_DELETED = "deleted; it can be restored until gc removes it"


@dataclass
class Subject:
    """What is known of a model.

    Attributes:
        address: as it was given.
        version: if it is registered.
        model: the logged model, if it is one.
        run: that made it.
        run_id: of the run, also when it is gone.
        model_id: of the logged model, also when it is gone.
        experiment: of the run.
        descriptor: its ``MLmodel``.
        requirements: its ``requirements.txt``.
        files: checksums of its files, from the registry or else from its descriptor.
        gone: "run", "model", "experiment" or "files" -> what has become of it.
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


def look_up(client: MlpackClient, given: ModelVersion | str | Path) -> Subject:
    """Gather what the stores and the folder of a model say. Nothing of the model is loaded.

    Args:
        client: of the stores to ask.
        given: a version, or the address of a model (see `addresses.forgiving`).

    Raises:
        InvalidInput: the address is malformed.
        NotFound: it names nothing. A part of a registered or logged model that is gone raises
            nothing.
        BadModel: it is a folder without a model.
    """
    if isinstance(given, ModelVersion):
        return _ClientSearch(client, Subject(given.model_uri, given)).of_version(given)
    parsed = forgiving(given)
    if isinstance(parsed, RegisteredModelUri):
        check_is_version(parsed)
        version = find_version(client, parsed)
        return _ClientSearch(client, Subject(str(given), version)).of_version(version)
    return _ClientSearch(client, Subject(str(given))).of_address(parsed)


class Records(Protocol):
    """What is asked about a model: a client's calls, or a server's own stores."""

    def get_version_files(self, name: str, version: int) -> dict[str, str]:
        """The checksums of a version's files."""

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """By id."""

    def get_run(self, run_id: str) -> Run:
        """By id."""

    def get_experiment(self, experiment_id: str) -> Experiment:
        """By id."""


class Search:
    """Follows a model's record from one store to the next.

    Args:
        records: of the stores.
        subject: that is filled.
    """

    def __init__(self, records: Records, subject: Subject) -> None:
        self.records, self.subject = records, subject

    def of_version(self, version: ModelVersion) -> Subject:
        """What is gone raises nothing."""
        subject = self.subject
        subject.run_id, subject.model_id = version.run_id, version.model_id
        subject.files = self.records.get_version_files(version.name, version.version)
        self._attempt("files", lambda: self.find_version(version))
        return self._history()

    def find_version(self, version: ModelVersion) -> None:
        """Read a version's files where they are."""
        raise NotImplementedError

    def read(self, name: str) -> bytes | None:
        """A small file of the model that was found; None when it has none of that name."""
        raise NotImplementedError

    def _attempt(self, part: str, step: Callable[[], None]) -> None:
        try:
            step()
        except MlpackError as error:
            self.subject.gone.setdefault(part, _reason(error))

    def _take_model(self) -> None:
        self.subject.model = model = self.records.get_logged_model(self.subject.model_id or "")
        self.subject.run_id = self.subject.run_id or model.source_run_id

    def read_files(self) -> None:
        """Take what the descriptor says, and compare it with what is on record."""
        subject, recorded = self.subject, dict(self.subject.files)
        described = self.read(MLMODEL)
        if described is None:
            raise NotFound(f"There is no {MLMODEL} where the model should be.")
        subject.descriptor = Model.from_dict(yaml_text.load(described, MLMODEL))
        with suppress(MlpackError):  # MLflow's older servers answer a file that is not there so
            subject.requirements = self.read(REQUIREMENTS)
        found = {MLMODEL: described, REQUIREMENTS: subject.requirements}
        sums = {name: _checksum(text) for name, text in found.items() if text is not None}
        if not recorded:
            own = {MLMODEL: sums[MLMODEL]} if subject.descriptor.files else {}
            subject.files = {**own, **subject.descriptor.files}
        changed = [name for name in found if recorded.get(name) != sums.get(name)]
        if recorded and changed:
            subject.gone["files"] = f"changed since registration: {', '.join(changed)}"

    def _history(self) -> Subject:
        """The run and the experiment that made it."""
        subject = self.subject
        if subject.descriptor is not None:  # of a folder or a copy, whose address says less
            subject.run_id = subject.run_id or subject.descriptor.run_id
            subject.model_id = subject.model_id or subject.descriptor.model_id
        if subject.model_id and subject.model is None:
            self._attempt("model", self._take_model)
        if subject.run_id:
            self._attempt("run", self._take_run)
        self._attempt("experiment", self._take_experiment)
        return subject

    def _take_run(self) -> None:
        self.subject.run = run = self.records.get_run(self.subject.run_id or "")
        if run.info.lifecycle_stage == LifecycleStage.DELETED:
            self.subject.gone["run"] = _DELETED

    def _take_experiment(self) -> None:
        subject = self.subject
        made = subject.run.info if subject.run else subject.model
        if made is None:
            return
        subject.experiment = found = self.records.get_experiment(made.experiment_id)
        if found.lifecycle_stage == LifecycleStage.DELETED:
            subject.gone["experiment"] = _DELETED


class _ClientSearch(Search):
    """Finds a model's files as any client does."""

    def __init__(self, client: MlpackClient, subject: Subject) -> None:
        super().__init__(client, subject)
        self.client = client
        self.placed: Placed | None = None

    def of_address(self, parsed: Uri) -> Subject:
        """There must be a record of the model, or its files."""
        if isinstance(parsed, RunUri) and not parsed.path:
            raise InvalidInput(f"{self.subject.address!r} names no model; use runs:/<run_id>/…")
        self._find_files(parsed)
        if isinstance(parsed, LocalUri):
            Model.read(parsed.path.expanduser())  # says what is wrong with it
        if self.subject.model is None:
            self.read_files()
        else:
            self._attempt("files", self.read_files)
        return self._history()

    def find_version(self, version: ModelVersion) -> None:
        """Read a version's files where they are; what was wrong first is raised if nowhere."""
        first: MlpackError | None = None
        for parsed in addresses_of(self.client, version):
            try:
                self._find_files(parsed)
                return self.read_files()
            except MlpackError as error:
                first = first or error
        raise first or NotFound("the registry does not say where they were")

    def _find_files(self, parsed: Uri) -> None:
        assert not isinstance(parsed, RegisteredModelUri)
        self.placed = found = place_of(self.client, parsed)
        if found.model is not None:
            self.subject.model, self.subject.model_id = found.model, found.model.model_id
        self.subject.run_id = self.subject.run_id or found.run_id

    def read(self, name: str) -> bytes | None:
        """A small file of the model; None when it has none of that name."""
        assert self.placed is not None
        try:
            return read_small(self.placed.place, name)
        except NotFound:
            return None


def _checksum(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _reason(error: MlpackError) -> str:
    message = error.message.rstrip(".")
    if isinstance(error, NotFound):
        return f"gone ({message[:1].lower()}{message[1:]})"
    return message
