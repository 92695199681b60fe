"""Where the files of a version may be, said by a client that is somewhere else.

Whoever reads a version later reads where its source says. So a source is an address that the
tracking store vouches for (a run's or a logged model's, or another version's), one in the place
that goes through this server, or one in an object store, for which everybody has keys of their own.
A folder of the server's disk is taken only below the files of the run or model that it is said to
be of. Versions may also come into the database by other ways, so what is given out is looked at
again (CVE-2023-1177, CVE-2023-3765, CVE-2024-1558, CVE-2024-3848 and their relatives).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..artifacts.object_places import locate
from ..artifacts.uploads import visible_path
from ..errors import InvalidInput, InvalidState, MlpackError, NotFound
from ..registry import names
from ..registry.entities import ModelVersion
from ..tracking.entities import LoggedModel, ModelStatus, Run
from ..uris import (
    LocalUri,
    LoggedModelUri,
    RegisteredModelUri,
    RunUri,
    Uri,
    parse,
)
from .places import is_object_store, proxied_path

if TYPE_CHECKING:
    from .service import Service

_MODEL_ID = re.compile(r"(?<=/)m-[0-9a-f]{32}(?=/|$)")
_MOST_COPIES = 20  # of copies of copies


@dataclass(frozen=True)
class Source:
    """A source that is allowed.

    Attributes:
        address: as it is recorded.
        place: the address that it comes to, where clients read the files.
        location: recorded beside an address that may come to mean nothing: another version's.
        run: that made the files.
        model: the logged model that they are, or are of.
        copied: the version that this one is a copy of.
    """

    address: str
    place: str
    location: str | None = None
    run: Run | None = None
    model: LoggedModel | None = None
    copied: ModelVersion | None = None

    @property
    def whole_model(self) -> LoggedModel | None:
        """The logged model whose files these are, all of them."""
        model = self.model
        if model and self.place.rstrip("/") == model.artifact_location.rstrip("/"):
            return model
        return None

    @property
    def is_part(self) -> bool:
        """Whether these are some of a logged model's files, and so another model than that."""
        model = self.model
        inside = model is not None and _is_below(self.place, model.artifact_location)
        return inside and self.whole_model is None


def find_source(service: Service, address: str, run_id: str, model_id: str) -> Source:
    """Check a source and find what it comes to.

    Args:
        service: of the server.
        address: of the files, from a client.
        run_id: the run that they are said to be of; '' for none.
        model_id: the logged model that they are said to be; '' for none.

    Raises:
        InvalidInput: it is not allowed, or is of another run or model, or they do not exist.
        NotFound: it is a version that does not exist.
        InvalidState: the model's files are not there yet, or never came.
    """
    parsed = _parse(address)
    run = _run(service, run_id) if run_id else None
    model = _model(service, model_id) if model_id else None
    if isinstance(parsed, RegisteredModelUri):
        return _of_version(service, parsed, run_id, model_id)
    if isinstance(parsed, LoggedModelUri):
        found = model if model_id == parsed.model_id else _model(service, parsed.model_id)
        assert found is not None
        source = _of_model(service, address, found, parsed.path)
    elif isinstance(parsed, RunUri):
        found_run = run if run_id == parsed.run_id else _run(service, parsed.run_id)
        assert found_run is not None
        source = _of_run(service, address, found_run, parsed.path)
    else:
        source = _of_place(service, address, parsed, run, model)
    _agree(address, "run", run_id, source.run.info.run_id if source.run else "")
    _agree(address, "model", model_id, source.model.model_id if source.model else "")
    return source


def place_of(service: Service, version: ModelVersion) -> str:
    """The address where a client reads the files of a version.

    Raises:
        InvalidInput: they are where nobody may register a version over REST.
        NotFound: the run or model that had them is gone, or never had them.
    """
    original = _original(service, version)
    gone = _gone(service, original)  # but its files may lie elsewhere, and still be there
    run_id = "" if "run" in gone else original.run_id or ""
    model_id = "" if "model" in gone else original.model_id or ""
    failures: list[MlpackError] = []
    for address in filter(None, (original.source, original.location)):
        try:
            if isinstance(_parse(address), RegisteredModelUri):
                raise NotFound("It is a copy of a version that does not say where it is.")
            return find_source(service, address, run_id, model_id).place
        except (InvalidInput, InvalidState, NotFound) as error:
            failures.append(error)
    who = f"version {version.version} of {version.name!r}"
    if gone:
        raise NotFound(f"The files of {who} cannot be found: its {gone[0]} is gone.")
    if any(isinstance(error, InvalidInput) for error in failures):
        raise InvalidInput(
            f"The files of {who} are recorded in a place that is not given out over REST. Register "
            "it anew from a run, a logged model or an object store."
        )
    raise NotFound(f"The files of {who} cannot be found. {failures[0].message}")


def _parse(address: str) -> Uri:
    """Read an address, with everything refused that another reader could read differently."""
    names.address("source", address)
    decoded = address
    while (once := unquote(decoded)) != decoded:
        decoded = once
    for text in (address, decoded):
        odd = any(char in "\\#?" or not char.isprintable() for char in text)
        if odd or ".." in re.split(r"[/:;]", text):
            raise _refused(
                address, "there may be no '..', backslash, '#', '?' or control character in it"
            )
    try:
        return parse(address)
    except InvalidInput as error:
        raise InvalidInput(f"The source of a version is not allowed: {error.message}") from None


def _of_version(service: Service, wanted: RegisteredModelUri, run_id: str, model_id: str) -> Source:
    """A copy has the files of its original, which may then go or get another name."""
    if wanted.path:
        raise InvalidInput("A version is a whole model; leave out the path after its number.")
    original = _version(service, wanted)
    address = f"models:/{original.name}/{original.version}"
    if run_id and run_id != original.run_id:
        raise _refused(address, f"it is not of run {run_id}")
    if model_id and model_id != original.model_id:
        raise _refused(address, f"it is not of model {model_id}")
    return Source(
        address,
        place_of(service, original),
        original.location or original.source,
        _run(service, original.run_id) if original.run_id else None,
        _model(service, original.model_id) if original.model_id else None,
        original,
    )


def _original(service: Service, version: ModelVersion) -> ModelVersion:
    """The version itself, or that which knows where the files of this copy are."""
    for _ in range(_MOST_COPIES):
        if version.location:
            break
        wanted = _parse(version.source)
        if not isinstance(wanted, RegisteredModelUri):
            break
        version = _version(service, wanted)
    return version


def _version(service: Service, wanted: RegisteredModelUri) -> ModelVersion:
    registry, name = service.registry, wanted.name
    if wanted.version is not None:
        return registry.get_model_version(name, names.version(wanted.version))
    if wanted.alias is not None:
        return registry.get_version_by_alias(name, wanted.alias)
    if str(wanted.stage).lower() == "latest":
        return registry.get_latest_version(name)
    stage = names.stage(wanted.stage)
    found = registry.get_latest_versions(name, [stage])
    if not found:
        raise NotFound(f"The registered model {name!r} has no version in {stage}.")
    return found[0]


def _of_model(service: Service, address: str, model: LoggedModel, below: str) -> Source:
    if model.status != ModelStatus.READY:
        raise InvalidState(
            f"The model {model.model_id} is {model.status}: it has no files to register."
        )
    place = _join(model.artifact_location, below)
    return Source(address, place, run=_maker(service, model), model=model)


def _of_run(service: Service, address: str, run: Run, path: str) -> Source:
    """A logged model by name, else a path among the run's files."""
    if not path:
        raise InvalidInput(f"{address!r} names no model; use runs:/<run_id>/<name>.")
    name, _, below = path.partition("/")
    model = _model_of_run(service, run, name)
    if model is not None:
        return Source(address, _join(model.artifact_location, below), run=run, model=model)
    return Source(address, _join(run.info.artifact_uri, path), run=run)


def _of_place(
    service: Service, address: str, parsed: Uri, run: Run | None, model: LoggedModel | None
) -> Source:
    address = address.rstrip("/")
    owner = model or _owner(service, address)
    if run and owner and owner.source_run_id not in (None, run.info.run_id):
        raise _refused(address, f"it is not of run {run.info.run_id}")
    run = run or (_maker(service, owner) if owner else None)
    roots = [owner.artifact_location] if owner else []
    roots += [run.info.artifact_uri] if run else []
    if any(_is_below(address, root) for root in roots):
        return Source(address, address, run=run, model=owner)
    if is_object_store(parsed):
        place = locate(address)
        if place.prefix:
            visible_path(place.prefix)
        return Source(address, address, run=run, model=model)
    if proxied_path(address) is not None and address.startswith("mlflow-artifacts:/"):
        _check_proxied(address)
        if not (run or model):
            return Source(address, address)
    raise _refused(
        address,
        "a source is runs:/<run_id>/<name>, models:/m-<id>, an address below the files of the run "
        "or model that run_id or model_id names, or one in an object store",
    )


def _check_proxied(address: str) -> None:
    parts = urlsplit(address)
    if parts.netloc:
        raise _refused(address, "it names another host")
    visible_path(parts.path.removeprefix("/"))


def _owner(service: Service, address: str) -> LoggedModel | None:
    """The logged model whose folder an address names by its id, if it really lies there."""
    for model_id in reversed(_MODEL_ID.findall(address)):
        try:
            model = service.store.get_logged_model(model_id)
        except NotFound:
            continue
        if _is_below(address, model.artifact_location):
            return model
    return None


def _is_below(address: str, root: str) -> bool:
    """Whether an address is a recorded place or a part of it, links followed."""
    try:
        one, other = parse(address), parse(root)
    except InvalidInput:  # a root of a kind that only others know
        return False
    if isinstance(other, LocalUri):
        if not isinstance(one, LocalUri) or not one.path.is_absolute():
            return False
        return one.path.resolve().is_relative_to(other.path.resolve())
    if isinstance(one, LocalUri):
        return False
    below = address.removeprefix(root.rstrip("/"))
    if below == address or (below and not below.startswith("/")):
        return False
    if below.strip("/"):
        visible_path(below.removeprefix("/"))
    return True


def _model_of_run(service: Service, run: Run, name: str) -> LoggedModel | None:
    """The newest ready model of that name that a run made."""
    if "'" in name or '"' in name:
        return None
    found = service.store.search_logged_models(
        [run.info.experiment_id],
        f"source_run_id = '{run.info.run_id}' AND name = '{name}' AND status = 'READY'",
        max_results=1,
    )
    return found[0] if found else None


def _maker(service: Service, model: LoggedModel) -> Run | None:
    """The run that logged a model; None when it was purged or there was none."""
    try:
        return service.store.get_run(model.source_run_id) if model.source_run_id else None
    except NotFound:
        return None


def _run(service: Service, run_id: str) -> Run:
    try:
        return service.store.get_run(run_id)
    except NotFound as error:
        raise InvalidInput(f"The run of a version must exist. {error.message}") from None


def _model(service: Service, model_id: str) -> LoggedModel:
    try:
        return service.store.get_logged_model(model_id)
    except NotFound as error:
        raise InvalidInput(f"The model of a version must exist. {error.message}") from None


def _gone(service: Service, version: ModelVersion) -> list[str]:
    """What a version was of and is there no more: "run", "model"."""
    found = []
    for what, get, identifier in (
        ("run", service.store.get_run, version.run_id),
        ("model", service.store.get_logged_model, version.model_id),
    ):
        try:
            if identifier:
                get(identifier)
        except NotFound:
            found.append(what)
    return found


def _agree(address: str, what: str, said: str, found: str) -> None:
    if said and found and said != found:
        raise _refused(address, f"it is of {what} {found}, not of {said}")


def _join(root: str, below: str) -> str:
    return f"{root.rstrip('/')}/{below}" if below else root


def _refused(address: str, why: str) -> InvalidInput:
    shown = address if len(address) <= 200 else f"{address[:199]}…"
    return InvalidInput(f"{shown!r} cannot be the source of a version over REST: {why}.")
