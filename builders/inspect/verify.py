"""Is the model in an image the one that was recorded?

Three things are looked at: that the layers have the digests that the manifest and configuration
say, that the files which a container would see in ``/opt/ml/model`` are those of the digest on
record, and that the container would serve that folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import BadModel, InvalidInput
from ...flavors.integrity import NOTE_OF_MLFLOW, differences, digest, is_only_a_note
from ..base import Report, ignore
from ..labels import MODEL_DIGEST
from ..oci.image import Image
from ..oci.spec import sha256
from ..settings import BINARIES
from .inventory import MODEL, RUNTIME, Found, Inventory, read_inventory

OWN_LABEL = "the image's own label"
_MULTI_MODEL = ("MLPACK_MULTI_MODEL", "SAGEMAKER_MULTI_MODEL")
_ENTRYPOINT = ["python", "-m", "mlpack.serve"]


@dataclass(frozen=True)
class Record:
    """What somebody has on record of a model.

    Attributes:
        by: who, for people: ``models:/churn/3 in the registry``.
        digest: of the model.
        files: the checksums that it is of, where they are on record, too.
    """

    by: str
    digest: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes:
        image: its name.
        digest: of its manifest.
        model: digest of the model that is in it; None when there is none.
        files: how many the model has.
        vouched_by: whose records were compared.
        problems: what is not as it should be; none is good.
        notices: what the user should know.
    """

    image: str
    digest: str
    model: str | None
    files: int
    vouched_by: tuple[str, ...]
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"good": self.good, **asdict(self)}


def verify_image(
    image: Image,
    name: str,
    records: Sequence[Record] = (),
    *,
    unrecorded_ok: bool = False,
    report: Report = ignore,
) -> Verification:
    """Compare an image's model with what is on record.

    Args:
        image: of one platform, of any maker.
        name: what it is called in what is said.
        records: of the user's own stores; the image's label is compared in any case.
        unrecorded_ok: a model that nobody vouches for is no problem.
        report: told how far it is.

    Raises:
        NotFound: a layer is gone.
        InvalidInput: the image asks for more than a real one does.
    """
    problems = [*_documents(image)]
    notices: list[str] = []
    try:
        inventory = read_inventory(image, report, check=True)
    except InvalidInput as error:
        problems.append(error.message.rstrip("."))
        return _result(image, name, None, {}, (), problems, notices)
    files = _model(inventory)
    if not files:
        problems.append(f"there is no model in /{MODEL}" + _because(inventory, MODEL))
        return _result(image, name, None, files, (), problems, notices)
    problems += [*_not_files(inventory), *_changed_unseen(inventory)]
    found = digest(files)
    own = image.labels.get(MODEL_DIGEST)
    label = [Record(OWN_LABEL, own)] if own else []
    for record in (*records, *label):
        if record.digest != found:
            problems += _differs(record, files, inventory)
    problems += [*_served(image, own)]
    if not records and own:
        notices.append(
            "Only the image's own label was there to compare with; -m URI, or a store that knows "
            "the model, would say more."
        )
    elif not records:
        said = _own_checksums(inventory, files)
        if not unrecorded_ok:
            problems.append(
                "nobody vouched for the model when the image was built, and no store knows it "
                "(-m URI compares with a model; --unrecorded-ok accepts it)"
            )
        problems += said
        if not said:
            notices.append("The files are those that the model's own descriptor lists.")
    notices += _hidden(inventory)
    vouched = tuple(record.by for record in (*records, *label))
    return _result(image, name, found, files, vouched, problems, notices)


def _result(
    image: Image,
    name: str,
    model: str | None,
    files: Mapping[str, str],
    vouched_by: tuple[str, ...],
    problems: list[str],
    notices: list[str],
) -> Verification:
    return Verification(
        name,
        image.descriptor.digest,
        model,
        len(files),
        vouched_by,
        tuple(problems),
        tuple(notices),
    )


def _documents(image: Image) -> Iterator[str]:
    """Manifest and configuration against their own digests."""
    if sha256(image.manifest) != image.descriptor.digest:
        yield "the manifest does not have its digest"
    if sha256(image.config) != image.config_descriptor.digest:
        yield "the configuration is not the one that the manifest names"
    if len(image.diff_ids) != len(image.layers):
        yield "the configuration lists other layers than the manifest"


def _model(inventory: Inventory) -> dict[str, str]:
    """The model's files and their checksums, as `flavors.integrity.manifest` has them."""
    found = inventory.model_files
    files = {path: each.checksum for path, each in sorted(found.items()) if each.checksum}
    if NOTE_OF_MLFLOW in files and is_only_a_note(lambda name: [_content(found.get(name))]):
        del files[NOTE_OF_MLFLOW]
    return files


def _content(found: Found | None) -> bytes:
    return found.content if found is not None and found.content is not None else b"?" * 5000


def _not_files(inventory: Inventory) -> Iterator[str]:
    """Links and other things that lead a container elsewhere."""
    for path, each in sorted(inventory.found.items()):
        if each.kind == "whiteout":
            yield f"/{path} is hidden by the very layer that holds it"
        elif MODEL.startswith(f"{path}/") or path == MODEL:
            if each.kind != "folder":
                yield f"/{path} is a {each.kind}{_leads(each)}, not a folder"
        elif path.startswith(f"{MODEL}/") and each.kind not in ("file", "folder"):
            yield f"{path.removeprefix(f'{MODEL}/')} is a {each.kind}{_leads(each)}"


def _changed_unseen(inventory: Inventory) -> Iterator[str]:
    """What changes the model by another path, and the server that would check it."""
    for number, layer in enumerate(inventory.layers, 1):
        for path in layer.astray:
            yield f"layer {number} has {path}, which links lead into the model"
        for path in layer.hides:
            if path.startswith(f"{RUNTIME}/"):
                yield f"layer {number} hides or replaces a file of mlpack's server, {path}"
                break


def _leads(found: Found) -> str:
    return f" to {found.target}" if found.target else ""


def _differs(record: Record, files: Mapping[str, str], inventory: Inventory) -> Iterator[str]:
    """Which files are not those of a record; without a list of them, that they are not."""
    recorded = record.files if digest(record.files) == record.digest else {}
    if not recorded:
        recorded = _listed(inventory)
        here = {name: sha for name, sha in files.items() if name != "MLmodel"}
        told = differences(here, recorded) if recorded else []
        told = told or ["MLmodel differs" if recorded else "its files differ"]
    else:
        told = differences(files, recorded)
    for each in told:
        path = each.rpartition(" ")[0].removesuffix(" is").removesuffix(" was")
        yield f"{each}{_because(inventory, f'{MODEL}/{path}')} (recorded by {record.by})"


def _listed(inventory: Inventory) -> Mapping[str, str]:
    """Checksums in the model's own descriptor."""
    from ...flavors import yaml_text

    found = inventory.model_files.get("MLmodel")
    if found is None or found.content is None:
        return {}
    try:
        described: Any = yaml_text.load(found.content, "MLmodel")
        files = described["mlpack"]["files"]
        return {str(name): str(sha) for name, sha in files.items()}
    except (BadModel, KeyError, TypeError, AttributeError):
        return {}


def _own_checksums(inventory: Inventory, files: Mapping[str, str]) -> list[str]:
    recorded = _listed(inventory)
    here = {name: sha for name, sha in files.items() if name in recorded}
    return [f"{each} (listed in MLmodel)" for each in differences(here, recorded)]


def _because(inventory: Inventory, path: str) -> str:
    """Which layer hid or replaced a file."""
    for number, layer in reversed([*enumerate(inventory.layers)]):
        if any(hidden == path or hidden.startswith(f"{path}/") for hidden in layer.hides):
            what = "replaced" if path in inventory.found else "hidden"
            return f", {what} by layer {number + 1}"
    return ""


def _hidden(inventory: Inventory) -> Iterator[str]:
    """Layers that changed the model after it was put there, whatever came of it."""
    for number, layer in enumerate(inventory.layers):
        paths = [path for path in layer.hides if path.startswith(f"{MODEL}/")]
        if paths:
            yield (
                f"Layer {number + 1} hides or replaces {len(paths)} of the model's files that are "
                f"in layers below it, such as {paths[0].removeprefix(f'{MODEL}/')}."
            )


def _served(image: Image, own: str | None) -> Iterator[str]:
    """Whether a container would serve that folder, and check it as the label says."""
    settings = image.settings.get("config") or {}
    pairs = (str(each).partition("=") for each in settings.get("Env") or ())
    environment: dict[str, str] = {}
    for name, _, value in pairs:
        if environment.get(name, value) != value and name.startswith(("MLPACK_", "PYTHON", "PATH")):
            yield f"the variable {name} is set twice, and engines differ in which one counts"
        environment[name] = value
    served = environment.get("MLPACK_MODEL_PATH", f"/{MODEL}").rstrip("/")
    if served != f"/{MODEL}":
        yield f"a container would serve {served}, not /{MODEL}"
    for volume in settings.get("Volumes") or ():
        if f"/{MODEL}/".startswith(f"{str(volume).rstrip('/')}/") or str(volume).startswith(
            f"/{MODEL}/"
        ):
            yield f"the volume {volume} would hide the model"
    for name in _MULTI_MODEL:
        if environment.get(name, "").strip().lower() not in ("", "0", "false"):
            yield f"a container would serve the models that it is sent ({name})"
    checked = environment.get("MLPACK_MODEL_DIGEST")
    if own and checked != own:
        yield "a container would not compare the model with the digest of the label"
    if environment.get("MLPACK_TRUST_MODEL", "0") not in ("", "0"):
        yield "a container would load the model without any check (MLPACK_TRUST_MODEL)"
    yield from _runs(settings, environment)
    entry = [str(each) for each in _as_list(settings.get("Entrypoint"))]
    if entry != _ENTRYPOINT:
        yield f"a container would start {' '.join(entry) or 'something else'}, not mlpack's server"


def _runs(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """Arguments and variables by which other code, or another model, would come first."""
    command = [str(each) for each in _as_list(settings.get("Cmd"))]
    if any(each.startswith("--mo") for each in command):  # options may be shortened
        yield f"a container would serve what its arguments say ({' '.join(command)})"
    path = environment.get("PATH", "").partition(":")[0]
    if path != BINARIES:
        yield f"a container would take Python from {path or 'somewhere else'}, not {BINARIES}"
    if not environment.get("PYTHONSAFEPATH"):
        yield "a container would import from its working folder (PYTHONSAFEPATH is not set)"
    if environment.get("PYTHONHOME"):
        yield f"a container would take Python's library from {environment['PYTHONHOME']}"


def _as_list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()
