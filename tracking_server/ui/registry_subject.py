"""What is on record of a version, from the server's own stores and places of files."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ...artifacts.base import ArtifactStore
from ...errors import BadModel, MlpackError, NotFound
from ...registry.checks import read_small
from ...registry.subject import Search, Subject
from ..service import Service
from ..sources import place_of

if TYPE_CHECKING:
    from ...registry.entities import ModelVersion
    from ...tracking.entities import Experiment, LoggedModel, Run

README = "README.md"


def subject_of(service: Service, version: ModelVersion, *, with_files: bool) -> Subject:
    """Gather what the stores say of a version, and what its folder says.

    Args:
        service: of the server.
        version: of a registered model.
        with_files: read the model's descriptor, too, which may be far away.

    Returns:
        The subject; what is gone is said in it, and raises nothing.
    """
    subject = Subject(version.model_uri, version)
    return _Search(service, subject, with_files).of_version(version)


def readme_of(service: Service, version: ModelVersion) -> str | None:
    """The text of the README among a version's files; None when it has none to show.

    Raises:
        MlpackError: the files are gone, or not the server's to read.
    """
    search = _Search(service, Subject(version.model_uri, version), True)
    search.find_place(version)
    with suppress(BadModel):  # a README of many megabytes is none
        found = search.read(README)
        return None if found is None else found.decode(errors="replace")
    return None


class _Stores:
    """The records that a server has beside it."""

    def __init__(self, service: Service) -> None:
        self.store, self.registry = service.store, service.registry

    def get_version_files(self, name: str, version: int) -> dict[str, str]:
        return self.registry.get_files(name, version)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        return self.store.get_logged_model(model_id)

    def get_run(self, run_id: str) -> Run:
        return self.store.get_run(run_id)

    def get_experiment(self, experiment_id: str) -> Experiment:
        return self.store.get_experiment(experiment_id)


class _Search(Search):
    """Finds files where clients would be told that they are, and only where the server may read."""

    place: ArtifactStore
    folder: str

    def __init__(self, service: Service, subject: Subject, with_files: bool) -> None:
        super().__init__(_Stores(service), subject)
        self.service, self.with_files = service, with_files

    def find_version(self, version: ModelVersion) -> None:
        if not self.with_files:
            return
        self.find_place(version)
        try:
            self.read_files()
        except MlpackError:
            raise
        except OSError as error:  # of a folder of this machine
            raise NotFound(f"They cannot be read: {error.strerror}.") from None

    def find_place(self, version: ModelVersion) -> None:
        """Where the files are; whether they are there was not looked at."""
        self.place, self.folder, _ = self.service.places.find(place_of(self.service, version))

    def read(self, name: str) -> bytes | None:
        try:
            return read_small(self.place, f"{self.folder}/{name}" if self.folder else name)
        except NotFound:
            return None
