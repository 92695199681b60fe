"""How two models differ: params, metrics, signature, requirements, size, files, origin."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..tracking.rest.wire import value_to_json
from .facts import Facts, facts
from .subject import Subject, look_up

if TYPE_CHECKING:
    from .client import MlpackClient
    from .entities import ModelVersion


@dataclass(frozen=True, slots=True)
class Difference:
    """One key of two models.

    Attributes:
        left: its value in the first; None where it has none.
        right: its value in the second.
    """

    key: str
    left: Any
    right: Any

    @property
    def is_changed(self) -> bool:
        """Whether they differ; NaN is like NaN."""
        both_nan = _is_nan(self.left) and _is_nan(self.right)
        return not both_nan and bool(self.left != self.right)

    @property
    def delta(self) -> float | None:
        """The second minus the first, where both are numbers."""
        if not (_is_number(self.left) and _is_number(self.right)):
            return None
        return float(self.right - self.left)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON (which has no word for NaN: a string)."""
        told = {"left": self.left, "right": self.right, "difference": self.delta}
        told = {key: _plain(value) for key, value in told.items()}
        if self.delta is None:
            del told["difference"]
        return {"key": self.key, **told, "changed": self.is_changed}


@dataclass(frozen=True)
class Diff:
    """Two models beside each other.

    Attributes:
        left: the address of the first.
        right: the address of the second.
        sections: "params", "metrics", … -> every key that either has, in the order of keys.
        gone: "left" or "right" -> what of it could not be compared, and why.
    """

    left: str
    right: str
    sections: dict[str, list[Difference]]
    gone: dict[str, dict[str, str]] = field(default_factory=dict)

    def changes(self) -> Iterator[tuple[str, Difference]]:
        """(section, what differs) of everything that differs."""
        for section, keys in self.sections.items():
            yield from ((section, one) for one in keys if one.is_changed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {
            "left": self.left,
            "right": self.right,
            "same": next(self.changes(), None) is None,
            "sections": {
                section: [one.to_dict() for one in keys] for section, keys in self.sections.items()
            },
            "gone": self.gone,
        }


def diff(client: MlpackClient, left: ModelVersion | str, right: ModelVersion | str) -> Diff:
    """Compare two models by what is on record; nothing of them is loaded.

    Args:
        client: of the stores to ask.
        left: a version, or an address: ``churn/3``, ``churn@champion``, ``models:/…``,
            ``runs:/…``, a folder.
        right: the other.

    Raises:
        InvalidInput: an address is malformed.
        NotFound: one names nothing.
        BadModel: one is a folder without a model.
    """
    return compare(look_up(client, left), look_up(client, right))


def compare(left: Subject, right: Subject) -> Diff:
    """Compare two models whose records are at hand."""
    gone = {"left": left.gone, "right": right.gone}
    return Diff(
        left.address,
        right.address,
        differences(facts(left), facts(right)),
        {side: parts for side, parts in gone.items() if parts},
    )


def differences(left: Facts, right: Facts) -> dict[str, list[Difference]]:
    """Every key of every section that either side has."""
    names = list(dict.fromkeys([*left, *right]))
    sections = {name: _section(left.get(name, {}), right.get(name, {})) for name in names}
    return {name: keys for name, keys in sections.items() if keys}


def _section(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """What only the right has comes last."""
    found = [Difference(key, left.get(key), right.get(key)) for key in {**left, **right}]
    return [one for one in found if one.left not in (None, "") or one.right not in (None, "")]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    return value_to_json(value) if isinstance(value, float) else value
