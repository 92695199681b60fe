"""The way back: which versions came from a dataset, a commit, a run, a script.

The tracking store is asked for runs, and the registry for what these made, so that this works over
databases and servers alike, also where tracking and the registry are two stores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, MlpackError
from ..tracking.entities import Tags, ViewType
from ..tracking.filters import quoted

if TYPE_CHECKING:
    from ..tracking.entities import LoggedModel, PagedList, Run
    from .client import MlpackClient
    from .entities import ModelVersion

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_AT_ONCE = 1000  # runs


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
    searches = []
    if dataset is not None:
        searches.append(_of_dataset(client, _given("dataset", dataset)))
    if commit is not None:
        searches.append(_of_runs(client, _of_commit(client, commit)))
    if run is not None:
        searches.append(_of_runs(client, [client.get_run(run).info.run_id]))
    if source is not None:
        searches.append(_of_source(client, _given("source", source)))
    if not searches:
        raise InvalidInput("Give a dataset, a commit, a run or a source to look for.")
    first, *others = searches
    shared = {key: first[key] for key in first if all(key in other for other in others)}
    return [shared[key] for key in sorted(shared, key=lambda key: (key[0], -key[1]))]


_Found = dict[tuple[str, int], "ModelVersion"]


def _of_dataset(client: MlpackClient, dataset: str) -> _Found:
    name, at, digest = dataset.rpartition("@")
    found = _of_runs(client, _reading(client, dataset, None))
    found |= _of_runs(client, _reading(client, None, dataset))
    found |= _measured_on(client, dataset, None)
    found |= _measured_on(client, None, dataset)
    if at and name and digest:
        found |= _of_runs(client, _reading(client, name, digest))
        found |= _measured_on(client, name, digest)
    return found


def _reading(client: MlpackClient, name: str | None, digest: str | None) -> Iterator[str]:
    """The runs that read a dataset."""
    clauses = _dataset_clauses(name, digest)
    if len(clauses) == 1:
        yield from _run_ids(client, clauses[0])
        return
    # the filter would also find a run that read one dataset of the name and another of the digest
    for page in _pages(client, " AND ".join(clauses)):
        yield from (run.info.run_id for run in page if _did_read(run, name, digest))


def _did_read(run: Run, name: str | None, digest: str | None) -> bool:
    read = [one.dataset for one in run.inputs.dataset_inputs]
    return any(dataset.name == name and dataset.digest == digest for dataset in read)


def _measured_on(client: MlpackClient, name: str | None, digest: str | None) -> _Found:
    """Versions of models that a metric says were measured on a dataset."""
    clauses = " AND ".join(_dataset_clauses(name, digest))
    models: dict[str, str | None] = {}
    token = None
    try:
        while True:
            page = client.search_logged_models(filter_string=clauses, page_token=token)
            models |= {
                model.model_id: model.source_run_id
                for model in page
                if name is None or digest is None or (name, digest) in _datasets_of(model)
            }
            if (token := page.token) is None:
                break
    except MlpackError as error:
        if error.http_status >= 500:
            raise
        return {}  # servers of MLflow search models by other things only
    found = _of_runs(client, [run_id for run_id in models.values() if run_id])
    return {key: version for key, version in found.items() if version.model_id in models}


def _datasets_of(model: LoggedModel) -> set[tuple[str | None, str | None]]:
    return {(metric.dataset_name, metric.dataset_digest) for metric in model.metrics}


def _dataset_clauses(name: str | None, digest: str | None) -> list[str]:
    named = {"name": name, "digest": digest}
    return [f"datasets.{key} = {quoted(text)}" for key, text in named.items() if text is not None]


def _of_commit(client: MlpackClient, commit: str) -> Iterator[str]:
    prefix = commit.strip().lower()
    if not _COMMIT.fullmatch(prefix):
        raise InvalidInput(
            f"{commit!r} is no commit: give seven or more of its hexadecimal characters."
        )
    return _run_ids(client, f"tags.`{Tags.GIT_COMMIT}` LIKE '{prefix}%'")


def _of_source(client: MlpackClient, source: str) -> _Found:
    by_address = client.search_model_versions(f"source_path = {quoted(source)}")
    found = {(version.name, int(version.version)): version for version in by_address}
    name = f"tags.`{Tags.SOURCE_NAME}`"
    found |= _of_runs(client, _run_ids(client, f"{name} = {quoted(source)}"))
    if not set(source) & set("%_"):
        found |= _of_runs(client, _run_ids(client, f"{name} LIKE {quoted('%/' + source)}"))
    return found


def _of_runs(client: MlpackClient, run_ids: Any) -> _Found:
    found: _Found = {}
    ids = list(dict.fromkeys(run_ids))
    for start in range(0, len(ids), _AT_ONCE):
        for version in client.registry.versions_of_runs(ids[start : start + _AT_ONCE]):
            found[version.name, int(version.version)] = version
    return found


def _run_ids(client: MlpackClient, text: str) -> Iterator[str]:
    where, token = _experiments(client), None
    while True:
        page = client.store.search_run_ids(where, text, ViewType.ALL, page_token=token)
        yield from page
        if (token := page.token) is None:
            return


def _pages(client: MlpackClient, text: str) -> Iterator[PagedList]:
    where, token = _experiments(client), None
    while True:
        page = client.search_runs(where, text, ViewType.ALL, page_token=token)
        yield page
        if (token := page.token) is None:
            return


def _experiments(client: MlpackClient) -> list[str]:
    """All of them, deleted ones too."""
    found: list[str] = []
    token = None
    while True:
        page = client.search_experiments(ViewType.ALL, page_token=token)
        found += [experiment.experiment_id for experiment in page]
        if (token := page.token) is None:
            return found


def _given(what: str, text: str) -> str:
    if not text.strip():
        raise InvalidInput(f"The {what} to look for is empty.")
    return text.strip()
