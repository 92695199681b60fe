"""The file ``MLmodel``: what a model folder says about itself.

Keys are MLflow's; everything of ours stands under one further key, ``mlpack``. Keys that we do
not know are kept and written back.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import BadModel, InvalidInput, ModelTooNew
from . import yaml_text
from .signature import ModelSignature

MLMODEL = "MLmodel"
PYFUNC = "python_function"
FORMAT = 1

_MAX_BYTES = 64 * 1024 * 1024
_TEXTS = (
    "model_uuid",
    "model_id",
    "run_id",
    "artifact_path",
    "utc_time_created",
    "mlflow_version",
)
_FLAGS = ("is_signature_from_type_hint", "type_hint_from_example")
_KNOWN = frozenset(
    {
        *_TEXTS,
        *_FLAGS,
        "flavors",
        "signature",
        "saved_input_example_info",
        "metadata",
        "model_size_bytes",
        "mlpack",
    }
)


@dataclass
class Model:
    """A model's descriptor.

    Attributes:
        flavors: flavor name -> its keys; ``python_function`` is how any tool can load it.
        signature: what it takes and returns, if known.
        saved_input_example_info: where the input example lies and what kind it is.
        model_id: set when the model was logged to a store.
        run_id: the run that logged it.
        utc_time_created: naive time in UTC, as text.
        model_size_bytes: of all files, without this one.
        metadata: the user's own, JSON-like.
        is_signature_from_type_hint: it takes a plain list of what the hint says.
        mlpack: our own key: ``format``, ``version``, ``files`` (path -> checksum), ``pickle``.
        extra: keys that this version does not know.
    """

    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    model_uuid: str | None = None
    model_id: str | None = None
    run_id: str | None = None
    artifact_path: str | None = None
    utc_time_created: str | None = None
    mlflow_version: str | None = None
    model_size_bytes: int | None = None
    metadata: dict[str, Any] | None = None
    is_signature_from_type_hint: bool = False
    type_hint_from_example: bool = False
    mlpack: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, **known: Any) -> Model:
        """A descriptor of a model that is being made now."""
        model = cls(**known)
        model.model_uuid = model.model_id or uuid.uuid4().hex
        model.utc_time_created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        model.mlpack = {"format": FORMAT, "version": __version__, **model.mlpack}
        return model

    @classmethod
    def read(cls, folder: str | Path) -> Model:
        """The descriptor of a model folder.

        Raises:
            BadModel: there is no ``MLmodel``, or it is damaged; the message says where.
            ModelTooNew: a later version of mlpack wrote it in a format unknown to this one.
        """
        path = Path(folder) / MLMODEL
        try:
            if path.is_symlink():
                raise BadModel(f"{path} is a symbolic link; a model's files must be its own.")
            if path.stat().st_size > _MAX_BYTES:
                raise BadModel(f"{path} is larger than {_MAX_BYTES // 2**20} MB; it is damaged.")
            text = path.read_bytes()
        except FileNotFoundError:
            raise BadModel(_missing(Path(folder))) from None
        except NotADirectoryError:
            raise BadModel(
                f"{folder} is a file, not a model folder. Make one of a .pkl, .sav, .joblib or "
                f".skops file: mlpack models wrap {folder} -o FOLDER"
            ) from None
        except OSError as error:
            raise BadModel(f"Cannot read {path}: {error.strerror or error}.") from None
        return cls.from_dict(yaml_text.load(text, str(path)), str(path))

    @classmethod
    def from_dict(cls, data: Any, where: str = MLMODEL) -> Model:
        """A descriptor from the parsed YAML.

        Args:
            data: what the YAML holds.
            where: names the file in messages.

        Raises:
            BadModel: a key is of the wrong type.
            ModelTooNew: as `read`.
        """
        if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
            raise BadModel(f"{where} is damaged: expected a mapping, got {yaml_text.kind(data)}.")
        check = _Checker(data, where)
        ours = check.mapping("mlpack") or {}
        check.format_of(ours)
        flavors = check.mapping("flavors")
        if not flavors:
            raise BadModel(f"{where} is damaged: it names no flavors.")
        plain: dict[str, Any] = {key: check.text(key) for key in _TEXTS}
        plain |= {key: check.flag(key) for key in _FLAGS}
        return cls(
            flavors={name: check.flavor(name, keys) for name, keys in flavors.items()},
            signature=check.signature(),
            saved_input_example_info=check.mapping("saved_input_example_info"),
            model_size_bytes=check.number("model_size_bytes"),
            metadata=check.mapping("metadata"),
            mlpack=ours,
            extra={key: value for key, value in data.items() if key not in _KNOWN},
            **plain,
        )

    def to_dict(self) -> dict[str, Any]:
        """The mapping that goes into the YAML."""
        data: dict[str, Any] = {**self.extra, "flavors": self.flavors}
        for key in (*_TEXTS, "saved_input_example_info", "model_size_bytes", "metadata"):
            if (value := getattr(self, key)) is not None:
                data[key] = value
        if self.signature is not None:
            data["signature"] = self.signature.to_dict()
            data.update({key: getattr(self, key) for key in _FLAGS})
        if self.mlpack:
            data["mlpack"] = self.mlpack
        return data

    def write(self, folder: Path) -> None:
        """Write ``MLmodel`` into a folder.

        Raises:
            InvalidInput: ``metadata`` (or a flavor's key) holds what YAML cannot.
            OSError: it cannot be written.
        """
        (folder / MLMODEL).write_text(self.to_yaml(), encoding="utf-8")

    def to_yaml(self) -> str:
        """The text of ``MLmodel``.

        Raises:
            InvalidInput: as `write`.
        """
        return yaml_text.dump(self.to_dict(), what="The model's metadata")

    @property
    def files(self) -> dict[str, str]:
        """Recorded checksums, ``{path: "sha256:…"}``; empty for a model that others saved."""
        files = self.mlpack.get("files")
        return dict(files) if isinstance(files, dict) else {}

    @property
    def is_pickle(self) -> bool:
        """Whether the descriptor says that loading runs arbitrary code."""
        return bool(self.mlpack.get("pickle"))

    @property
    def pyfunc(self) -> dict[str, Any]:
        """The keys of ``python_function``, {} without it."""
        return self.flavors.get(PYFUNC, {})


class _Checker:
    """Types of the values, one message for all."""

    def __init__(self, data: dict[str, Any], where: str) -> None:
        self.data, self.where = data, where

    def _fail(self, key: str, expected: str, got: Any) -> BadModel:
        return BadModel(
            f"{self.where} is damaged: {key!r} must be {expected}, got {yaml_text.kind(got)}."
        )

    def mapping(self, key: str) -> dict[str, Any] | None:
        value = self.data.get(key)
        if value is not None and not isinstance(value, dict):
            raise self._fail(key, "a mapping", value)
        return value

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if isinstance(value, Mapping | list):
            raise self._fail(key, "text", value)
        return None if value is None else str(value)

    def flag(self, key: str) -> bool:
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._fail(key, "true or false", value)
        return bool(value)

    def number(self, key: str) -> int | None:
        value = self.data.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._fail(key, "a number", value)
        return value

    def flavor(self, name: Any, keys: Any) -> dict[str, Any]:
        if not isinstance(name, str):
            raise self._fail("flavors", "a mapping of names", name)
        if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys):
            raise self._fail(f"flavors.{name}", "a mapping", keys)
        return keys

    def signature(self) -> ModelSignature | None:
        value = self.mapping("signature")
        if value is None or not any(value.values()):
            return None
        for part, text in value.items():
            if text is not None and not isinstance(text, str):
                raise self._fail(f"signature.{part}", "a JSON string", text)
        try:
            return ModelSignature.from_dict(value)
        except InvalidInput as error:
            raise BadModel(f"{self.where} has a damaged signature: {error}") from None

    def format_of(self, ours: dict[str, Any]) -> None:
        written = ours.get("format", FORMAT)
        if isinstance(written, bool) or not isinstance(written, int):
            raise self._fail("mlpack.format", "a number", written)
        if written > FORMAT:
            raise ModelTooNew(
                f"{self.where} was written by mlpack {ours.get('version', '?')} in format "
                f"{written}; this is mlpack {__version__}, which reads formats up to {FORMAT}. "
                "Upgrade: pip install -U mlpack-toolkit"
            )


def _missing(folder: Path) -> str:
    if not folder.exists():
        return f"There is no model at {folder}: no such folder."
    return f"{folder} is not a model folder: it has no file named {MLMODEL}."
