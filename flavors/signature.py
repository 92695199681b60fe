"""A model's signature: the schemas of its inputs, outputs and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from .schema import ParamSchema, Schema


@dataclass(frozen=True)
class ModelSignature:
    """What a model takes and returns; each part may be unknown (None), not all of them.

    Raises:
        InvalidInput: a part is of the wrong type, or all parts are None.
    """

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: ParamSchema | None = None

    def __post_init__(self) -> None:
        if self.inputs is None and self.outputs is None and self.params is None:
            raise InvalidInput("A signature needs at least one of inputs, outputs, params.")
        for part, kind in (("inputs", Schema), ("outputs", Schema), ("params", ParamSchema)):
            value = getattr(self, part)
            if value is not None and not isinstance(value, kind):
                raise InvalidInput(
                    f"A signature's {part} must be a {kind.__name__}, got {type(value).__name__}."
                )

    def to_dict(self) -> dict[str, str | None]:
        """The mapping that goes into ``MLmodel``: three JSON strings or nulls."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": self.params.to_json() if self.params else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelSignature:
        """Read the mapping back.

        Raises:
            InvalidInput: a part is not a valid schema string, or all are missing.
        """
        inputs, outputs, params = (data.get(k) for k in ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )
