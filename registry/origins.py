"""The way back: which versions came from a dataset, a commit, a run, a script.

The tracking store is asked for runs, and the registry for what these made, so that this works over
databases and servers alike, also where tracking and the registry are two stores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import InvalidInput, MlpackError
from ..tracking.entities import Tags, ViewType
from ..tracking.filters import quoted

if TYPE_CHECKING:
    from ..tracking.entities import LoggedModel, Run
    from .client import MlpackClient
    from .entities import ModelVersion

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_AT_ONCE = 1000  # runs
_WHOLE_AT_ONCE = 100


def versions_of(
    client: MlpackClient,
    *,
    dataset: str | None = None,
    commit: str | None = None,
    run: str | None = None,
    source: str | None = None,
) -> list[ModelVersion]:
    """Which versions came from these; from all of them, if several are given.

    Args:
        client: of the stores to ask.
        dataset: a name, a digest, or ``name@digest``: that the run read, or that the model was
            measured on.
        commit: of git; its first seven characters or more.
        run: the id of a run.
        source: the script or notebook that ran, by its path or its end (``train.py``); or the
            address that was registered.

    Returns:
        Versions by name, the newest first. Runs that were deleted count.

    Raises:
        InvalidInput: nothing to look for, or no commit.
        NotFound: there is no such run.
    """
    ways = _Ways(client)
    searches = []
    if dataset is not None:
        searches.append(ways.from_dataset(_given("dataset", dataset)))
    if commit is not None:
        searches.append(ways.from_runs(ways.runs_at_commit(commit)))
    if run is not None:
        searches.append(ways.from_runs([client.get_run(run).info.run_id]))
    if source is not None:
        searches.append(ways.from_source(_given("source", source)))
    if not searches:
        raise InvalidInput("Give a dataset, a commit, a run or a source to look for.")
    first, *others = searches
    shared = {key: first[key] for key in first if all(key in other for other in others)}
    return [shared[key] for key in sorted(shared, key=lambda key: (key[0], -key[1]))]


_Found = dict[tuple[str, int], "ModelVersion"]


class _Ways:
    """Ways from what runs read and ran to the versions that these runs made."""

    def __init__(self, client: MlpackClient) -> None:
        self.client = client

    def from_dataset(self, dataset: str) -> _Found:
        """A name, a digest, or both with an @ between."""
        found = self.from_runs(self._run_ids(f"datasets.name = {quoted(dataset)}"))
        found |= self.from_runs(self._run_ids(f"datasets.digest = {quoted(dataset)}"))
        found |= self._measured_on(dataset, None)
        found |= self._measured_on(None, dataset)
        name, at, digest = dataset.rpartition("@")
        if at and name and digest:
            found |= self._of_one_dataset(name, digest)
            found |= self._measured_on(name, digest)
        return found

    def runs_at_commit(self, commit: str) -> Iterator[str]:
        """The runs of a commit, by its first characters."""
        prefix = commit.strip().lower()
        if not _COMMIT.fullmatch(prefix):
            raise InvalidInput(
                f"{commit!r} is no commit: give seven or more of its hexadecimal characters."
            )
        return self._run_ids(f"tags.`{Tags.GIT_COMMIT}` LIKE '{prefix}%'")

    def from_source(self, source: str) -> _Found:
        """The address that was registered, or the script that ran."""
        by_address = self.client.search_model_versions(f"source_path = {quoted(source)}")
        found = {(version.name, int(version.version)): version for version in by_address}
        name = f"tags.`{Tags.SOURCE_NAME}`"
        found |= self.from_runs(self._run_ids(f"{name} = {quoted(source)}"))
        if not set(source) & set("%_"):  # which would mean something else in a pattern
            found |= self.from_runs(self._run_ids(f"{name} LIKE {quoted('%/' + source)}"))
        return found

    def from_runs(self, run_ids: Iterable[str]) -> _Found:
        """What these runs made."""
        found: _Found = {}
        ids = list(dict.fromkeys(run_ids))
        for start in range(0, len(ids), _AT_ONCE):
            for version in self.client.registry.versions_of_runs(ids[start : start + _AT_ONCE]):
                found[version.name, int(version.version)] = version
        return found

    def _of_one_dataset(self, name: str, digest: str) -> _Found:
        """Versions whose run read a dataset of this name and this digest.

        The filter also finds runs that read one of the name and another of the digest, so the
        runs of the versions are looked at: far fewer than the runs.
        """
        text = f"datasets.name = {quoted(name)} AND datasets.digest = {quoted(digest)}"
        found = self.from_runs(self._run_ids(text))
        made_by = sorted({version.run_id for version in found.values() if version.run_id})
        wrong: set[str] = set()
        for start in range(0, len(made_by), _WHOLE_AT_ONCE):
            listed = ", ".join(f"'{run_id}'" for run_id in made_by[start : start + _WHOLE_AT_ONCE])
            page = self.client.search_runs(
                self._experiments, f"run_id IN ({listed})", ViewType.ALL, _WHOLE_AT_ONCE
            )
            wrong |= {run.info.run_id for run in page if not _did_read(run, name, digest)}
        return {key: version for key, version in found.items() if version.run_id not in wrong}

    def _measured_on(self, name: str | None, digest: str | None) -> _Found:
        """Versions of models that a metric says were measured on a dataset."""
        asked = {"name": name, "digest": digest}
        text = " AND ".join(f"datasets.{k} = {quoted(v)}" for k, v in asked.items() if v)
        models: dict[str, str | None] = {}
        token = None
        try:
            while True:
                page = self.client.search_logged_models(filter_string=text, page_token=token)
                models |= {
                    model.model_id: model.source_run_id
                    for model in page
                    if not (name and digest) or (name, digest) in _datasets_of(model)
                }
                if (token := page.token) is None:
                    break
        except MlpackError as error:
            if error.http_status >= 500:
                raise
            return {}  # servers of MLflow search models by other things only
        found = self.from_runs([run_id for run_id in models.values() if run_id])
        return {key: version for key, version in found.items() if version.model_id in models}

    def _run_ids(self, text: str) -> Iterator[str]:
        token = None
        while True:
            page = self.client.store.search_run_ids(
                self._experiments, text, ViewType.ALL, page_token=token
            )
            yield from page
            if (token := page.token) is None:
                return

    @cached_property
    def _experiments(self) -> list[str]:
        """All of them, deleted ones too."""
        found: list[str] = []
        token = None
        while True:
            page = self.client.search_experiments(ViewType.ALL, page_token=token)
            found += [experiment.experiment_id for experiment in page]
            if (token := page.token) is None:
                return found


def _did_read(run: Run, name: str, digest: str) -> bool:
    read = [one.dataset for one in run.inputs.dataset_inputs]
    return any(dataset.name == name and dataset.digest == digest for dataset in read)


def _datasets_of(model: LoggedModel) -> set[tuple[str | None, str | None]]:
    return {(metric.dataset_name, metric.dataset_digest) for metric in model.metrics}


def _given(what: str, text: str) -> str:
    if not text.strip():
        raise InvalidInput(f"The {what} to look for is empty.")
    return text.strip()
