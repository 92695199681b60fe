"""YAML in and out, with the parts of the language that a descriptor never needs refused."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..errors import BadModel, InvalidInput

# Aliases let a file of one line stand for more values than memory holds.
_MAX_VALUES = 2_000_000
# building values recurses, in C without a limit; reading events does not
_MAX_DEPTH = 100


def load(text: bytes, where: str) -> Any:
    """The value that a YAML text holds.

    Args:
        text: as read from the file.
        where: names the file in messages.

    Raises:
        BadModel: it is no valid YAML (the message has the line), it nests absurdly deep, or
            its aliases stand for an absurd number of values.
    """
    import yaml

    loader, _ = _classes()
    try:
        _check_depth(text, loader)
        value = yaml.load(text, loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise BadModel(f"{where}{place} is damaged: {problem}.") from None
    except (ValueError, RecursionError) as error:
        raise BadModel(f"{where} is damaged: {error}.") from None
    if _expanded(value, {}, set()) > _MAX_VALUES:
        raise BadModel(f"{where} is refused: its aliases expand to too many values.")
    return value


def dump(data: dict[str, Any], what: str) -> str:
    """A mapping as YAML, keys sorted, without aliases.

    Args:
        data: plain values only.
        what: what to call the data in an error.

    Raises:
        InvalidInput: a value is none of YAML's plain ones.
    """
    import yaml

    _, dumper = _classes()
    try:
        text: str = yaml.dump(data, Dumper=dumper, default_flow_style=False, allow_unicode=True)
    except (yaml.YAMLError, RecursionError) as error:
        problem = getattr(error, "args", [error])
        value = problem[-1] if problem else error
        raise InvalidInput(
            f"{what} must hold only text, numbers, lists and mappings, "
            f"not a {type(value).__name__}."
        ) from None
    return text


def kind(value: Any) -> str:
    """How to call a value's type in a message."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a number", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)


@cache
def _classes() -> tuple[Any, Any]:
    import yaml

    # the C ones are ten times faster; a wheel of PyYAML has them, a source build may not
    safe_loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    safe_dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Loader(safe_loader):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            """Merge keys (``<<``) multiply keys without any alias being counted: refused."""

    class Dumper(safe_dumper):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Loader, Dumper


def _check_depth(text: bytes, loader: Any) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise ValueError("it nests too deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _expanded(value: Any, known: dict[int, int], open_: set[int]) -> int:
    """How many values there would be with every alias written out."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in open_:
        raise BadModel("The file is refused: a value contains itself through an alias.")
    if id(value) not in known:
        open_.add(id(value))
        children = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_expanded(child, known, open_) for child in children)
        open_.discard(id(value))
    return known[id(value)]
