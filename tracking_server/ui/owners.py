"""Whose files are looked at: a run's, a logged model's, or those of a registered version."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ...artifacts.base import ArtifactStore, Entry
from ...errors import MlpackError, NotFound
from ...flavors.descriptor import MLMODEL
from ...registry import names
from ...registry.checks import described_files
from ..service import Service
from ..sources import place_of
from .model_frame import model_frame
from .run_frame import run_frame
from .words import address, segment

if TYPE_CHECKING:
    from .previews.file import File


@dataclass(frozen=True)
class Owner:
    """Somebody who has files.

    Attributes:
        service: of the server.
        kind: "run", "model" or "version"; ``artifacts_<kind>.html`` is the frame of its page.
        key: in addresses, quoted: ``runs/<id>``, ``models/<id>``, ``registry/<name>/<version>``.
        uri: with which programs name it: ``runs:/<id>``.
        frame: what its template needs beside the files.
        locate: says where the files are.
        recorded: says what checksums are on record, by path.
    """

    service: Service
    kind: str
    key: str
    uri: str
    frame: Callable[[], dict[str, Any]]
    locate: Callable[[], str]
    recorded: Callable[[], Mapping[str, str]]
    _listed: dict[str, list[Entry]] = field(default_factory=dict)

    def page(self, path: str = "") -> str:
        """The address of the page on which a file or folder is chosen."""
        base = f"/{self.key}/artifacts"
        if not path.isprintable():  # a line break ends an address
            return address(base, path=path)
        return "/".join((base, *map(segment, filter(None, path.split("/")))))

    def data_address(self, what: str, path: str, **query: str) -> str:
        """The address of what our scripts ask for."""
        return address(f"/ui/artifacts/{self.key}/{what}", path=path, **query)

    def uri_of(self, path: str) -> str:
        return f"{self.uri}/{path}" if path else self.uri

    def find(self, path: str) -> tuple[ArtifactStore, str, str]:
        """Where a path is; see `Places.find`.

        Raises:
            MlpackError: the path leads out, or nobody knows (or may tell) where the files are.
        """
        return self.service.places.find(self.locate(), path)

    def file(self, path: str) -> File:
        """One file.

        Raises:
            NotFound: there is none of that name.
        """
        from .previews.file import File

        store, full, _ = self.find(path)
        if not full:
            raise NotFound("The whole of the files is no file.")
        return File(self, path, store.size(full), store, full)

    def entries(self, folder: str) -> list[Entry]:
        """What is directly in a folder, folders first, under the paths that people know."""
        if folder not in self._listed:
            store, full, prefix = self.find(folder)
            cut = len(prefix) + 1 if prefix else 0
            # names in which bytes are no characters are shown, though no address leads there
            found = (
                Entry(each.path[cut:].encode("utf-8", "replace").decode(), each.is_dir, each.size)
                for each in store.list(full)
            )
            in_order = sorted(found, key=lambda each: (not each.is_dir, each.path))
            self._listed[folder] = in_order
        return self._listed[folder]

    def checksum(self, path: str) -> str | None:
        """As it is on record; None where nothing is."""
        try:
            return self.recorded().get(path)
        except MlpackError:
            return None


def of_run(service: Service, run_id: str) -> Owner:
    """A run.

    Raises:
        NotFound: there is none.
    """
    run = service.store.get_run(run_id)
    return Owner(
        service,
        "run",
        f"runs/{segment(run_id)}",
        f"runs:/{run_id}",
        lambda: run_frame(service, run_id),
        lambda: run.info.artifact_uri,
        dict,
    )


def of_model(service: Service, model_id: str) -> Owner:
    """A logged model.

    Raises:
        NotFound: there is none.
    """
    model = service.store.get_logged_model(model_id)

    def recorded() -> Mapping[str, str]:
        store, folder, _ = service.places.find(model.artifact_location)
        return described_files(store, posixpath.join(folder, MLMODEL))

    return Owner(
        service,
        "model",
        f"models/{segment(model_id)}",
        model.model_uri,
        lambda: model_frame(service, model_id),
        lambda: model.artifact_location,
        recorded,
    )


def of_version(service: Service, name: str, number: int) -> Owner:
    """A version of a registered model.

    Raises:
        InvalidInput: no version has such a number.
        NotFound: there is none.
    """
    version = service.registry.get_model_version(name, names.version(number))
    return Owner(
        service,
        "version",
        f"registry/{segment(name)}/{number}",
        f"models:/{name}/{number}",
        lambda: {"version": version},
        cache(lambda: place_of(service, version)),
        lambda: service.registry.get_files(name, number),
    )
