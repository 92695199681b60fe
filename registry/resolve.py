"""From any address of a model to a folder on this machine, and the digest on record for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidInput, NotFound
from ..uris import LocalUri, LoggedModelUri, RegisteredModelUri, RunUri, parse, safe_join

if TYPE_CHECKING:
    from ..tracking.client import MlpackClient
    from ..tracking.entities import LoggedModel


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a model is.

    Attributes:
        path: a folder (or file) on this machine.
        uri: the address as given.
        run_id: the run that logged it, if it was logged.
        model_id: its id, if it is a logged model.
        digest: of the folder when it was logged, from the tracking store; None when the store
            does not vouch for it (a plain path, a file of a run, a part of a model).
    """

    path: Path
    uri: str
    run_id: str | None = None
    model_id: str | None = None
    digest: str | None = None


def resolve(uri: str | Path, *, tracking_uri: str | Path | None = None) -> Resolved:
    """Find what an address names.

    Args:
        uri: a folder, ``runs:/<run_id>/<name or path>`` or ``models:/m-<id>``.
        tracking_uri: the store to ask; default: the one in use.

    Raises:
        InvalidInput: the address is malformed, or of a kind that cannot be fetched.
        NotFound: it names nothing.
    """
    parsed = parse(uri)
    text = str(uri)
    if isinstance(parsed, LocalUri):
        path = parsed.path.expanduser()
        if not path.exists():
            raise NotFound(f"There is no file or folder {path}.")
        return Resolved(path.absolute(), text)
    if isinstance(parsed, RegisteredModelUri):
        raise InvalidInput(
            f"{text!r} names a registered model, and this version of mlpack has no registry of "
            "names. Use runs:/<run_id>/<name>, models:/m-<id> or a folder."
        )
    if isinstance(parsed, (LoggedModelUri, RunUri)):
        from ..tracking.client import MlpackClient

        client = MlpackClient(tracking_uri)
        if isinstance(parsed, LoggedModelUri):
            return _in_model(client.get_logged_model(parsed.model_id), parsed.path, text)
        return _in_run(client, parsed, text)
    raise InvalidInput(
        f"{text!r} is not on this machine, and this version of mlpack does not fetch from "
        f"{parsed.scheme}://. Download it and give the folder."
    )


def _in_run(client: MlpackClient, parsed: RunUri, text: str) -> Resolved:
    """A logged model by name, else (as older folders have it) a path among the run's files."""
    run = client.get_run(parsed.run_id)
    if not parsed.path:
        raise InvalidInput(f"{text!r} names no model; use runs:/<run_id>/<name>.")
    name, _, below = parsed.path.partition("/")
    found = client.search_logged_models(run_id=parsed.run_id, name=name)
    if found:
        return _in_model(found[0], below, text)
    path = safe_join(Path(run.info.artifact_uri), parsed.path)
    if not path.exists():
        names = sorted({model.name for model in client.search_logged_models(run_id=parsed.run_id)})
        has = f"its models are {', '.join(names)}" if names else "it logged no model"
        raise NotFound(f"The run {parsed.run_id} has no model or file {parsed.path!r}; {has}.")
    return Resolved(path, text, run_id=parsed.run_id)


def _in_model(model: LoggedModel, below: str, text: str) -> Resolved:
    folder = Path(model.artifact_location)
    if not folder.is_dir():
        raise NotFound(
            f"The files of model {model.model_id} are gone: {folder} does not exist. Was the "
            "tracking folder moved in part or cleaned up?"
        )
    if below:
        path = safe_join(folder, below)
        if not path.exists():
            raise NotFound(f"The model {model.model_id} has no file {below!r}.")
        return Resolved(path, text, model.source_run_id, model.model_id)
    return Resolved(folder, text, model.source_run_id, model.model_id, model.digest)
