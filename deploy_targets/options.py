"""Settings of a target: declared once as a dataclass, read from ``-C`` and YAML, and listed.

@dataclass(frozen=True, kw_only=True)
class SomewhereOptions:
    region: str = option(REQUIRED, "where it runs", pattern=r"[a-z-]+-\\d", like="eu-west-1")
    instances: int = option(1, "how many", minimum=1, maximum=100, group="Scaling")
    tags: dict[str, str] = option({}, "of all that is made")
    token: str | None = option(None, "to register with", secret=True)
    variants: tuple[Variant, ...] = option((), "several models", group="Traffic")

A field is int, float, bool, str, Path, a Literal, ``X | None``, ``tuple[X, ...]``,
``dict[str, X]``, Any (as YAML has it), or another such dataclass, to any depth. On a command line
tuples and dicts are repeated (``-C tags=a=1 -C tags=b=2``), what lies deeper has dots
(``-C tags.a=1 -C capture.percent=50``), and anything may be written as YAML or JSON
(``-C 'variants=[{name: a, weight: 9}]'``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from ..errors import InvalidInput
from .option_values import Rules, choices_of, hints_of, nearest, read_value, word

T = TypeVar("T")
REQUIRED = MISSING
HIDDEN = "***"


@dataclass(frozen=True)
class OptionHelp:
    """One line of ``--help-options``; parts of a part are called ``variants[].weight``."""

    name: str
    type: str
    default: str
    help: str
    group: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    secret: bool = False
    place: bool = False


def option(
    default: Any,
    help: str,
    choices: Sequence[str] = (),
    *,
    group: str = "",
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    pattern: str | None = None,
    like: str = "",
    split: str | None = None,
    place: bool = False,
) -> Any:
    """A setting with its default and one line of help.

    Args:
        default: `REQUIRED` for one that must be given (the dataclass is then ``kw_only``).
        help: one line, without a full stop.
        choices: what it may be.
        group: heading under which the help lists it; none for the first group.
        secret: shown nowhere: not in plans, errors, nor the repr of the options.
        minimum: of a number, or of each.
        maximum: of a number, or of each.
        above: what a number must be more than.
        pattern: a regular expression that a text, or each, must match from end to end.
        like: an example of it, for the error.
        split: separates several in one text, such as ``,`` (``-C subnets=a,b``).
        place: says where to look, so that the commands that take a deployment's name alone take
            it, too; see `base.PlacedTarget`.
    """
    rules = Rules(tuple(choices), secret, minimum, maximum, above, pattern, like, split)
    metadata = {"help": help, "group": group, "rules": rules, "place": place}
    if isinstance(default, dict | list):
        kept = default
        return field(default_factory=lambda: kept.copy(), metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """``["port=8080", "env=A=1", "env=B=2"]`` as a mapping; what is repeated becomes a list.

    Raises:
        InvalidInput: an item is not of the form key=value.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            # what has no key may be a secret by itself
            raise InvalidInput(f"{pair.split('=')[0]!r} is not of the form key=value.")
        first, dot, rest = key.strip().partition(".")
        key = first.replace("-", "_") + dot + rest
        if key in found:
            before = found[key] if isinstance(found[key], list) else [found[key]]
            found[key] = [*before, value]
        else:
            found[key] = value
    return found


def read_options(schema: type[T], given: Mapping[str, Any], target: str) -> T:
    """Check settings against a target's schema.

    Args:
        schema: a dataclass whose fields are made with `option`.
        given: strings, or values as YAML reads them.
        target: for messages.

    Raises:
        InvalidInput: a key is unknown (the nearest is named), a value of the wrong type or out
            of range, or something is missing.
    """
    return _read_fields(schema, given, f"The target {target!r}", "")


def read_place(schema: type, given: Mapping[str, Any], target: str) -> dict[str, Any]:
    """Those of a target's settings that say where to look.

    Raises:
        InvalidInput: it has no such setting, or none that says where.
    """
    hints = hints_of(schema)
    known = {each.name: each for each in fields(schema) if each.metadata.get("place", False)}
    values = {}
    for key, value in given.items():
        name = str(key).replace("-", "_")
        if name not in known:
            hint = nearest(name, known) if known else "It takes none here."
            raise InvalidInput(
                f"The target {target!r} has no option {key!r} that says where. {hint}"
            )
        rules = rules_of(known[name])
        values[name] = read_value(name, hints[name], value, rules, _read_part)
    return values


def shown(options: Any) -> dict[str, Any]:
    """The options as plain values, for plans and records; secrets as ``***``.

    What is absent or empty is left out.
    """
    found = {}
    for each in fields(options):
        value = getattr(options, each.name)
        if value is None or value in ((), {}):
            continue
        found[each.name] = _hidden(value) if rules_of(each).secret else _plain(value)
    return found


def describe_options(schema: type) -> list[OptionHelp]:
    """What ``--help-options`` lists: group by group, each in the order of declaration."""
    listed = _describe(schema, "", "")
    groups = list(dict.fromkeys(each.group for each in listed))
    return sorted(listed, key=lambda each: groups.index(each.group))


def _read_fields(schema: type[T], given: Mapping[str, Any], owner: str, path: str) -> T:
    hints = hints_of(schema)
    known = {each.name: each for each in fields(schema)}  # type: ignore[arg-type]
    values = {}
    for key, value in _nested(given, known).items():
        name = str(key).replace("-", "_")
        if name not in known:
            raise InvalidInput(f"{owner} has no option {path + str(key)!r}. {nearest(name, known)}")
        values[name] = read_value(
            path + name, hints[name], value, rules_of(known[name]), _read_part
        )
    missing = [n for n, each in known.items() if _is_required(each) and n not in values]
    if missing:
        meaning = known[missing[0]].metadata.get("help", "")
        wanted = f"{path}{missing[0]}" if path else f"-C {missing[0]}=…"
        raise InvalidInput(f"{owner} needs {wanted}" + (f" ({meaning})." if meaning else "."))
    return schema(**values)


def _read_part(path: str, schema: type, value: Mapping[str, Any]) -> Any:
    """A dataclass within the options."""
    return _read_fields(schema, value, f"The option {path!r}", f"{path}.")


def _nested(given: Mapping[str, Any], known: Mapping[str, Field[Any]]) -> dict[str, Any]:
    """``{"tags.a": 1}`` as ``{"tags": {"a": 1}}``, over what is there already."""
    plain = {key: value for key, value in given.items() if key in known or "." not in str(key)}
    for key, value in given.items():
        if key in plain:
            continue
        first, _, rest = str(key).partition(".")
        inner = plain.get(first, {})
        plain[first] = {**inner, rest: value} if isinstance(inner, Mapping) else [inner, value]
    return plain


def rules_of(each: Field[Any]) -> Rules:
    """Of a field; one that was not made with `option` has none."""
    found: Rules = each.metadata.get("rules", Rules())
    return found


def _is_required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _describe(schema: type, path: str, group: str) -> list[OptionHelp]:
    hints = hints_of(schema)
    found = []
    for each in fields(schema):
        rules = rules_of(each)
        text, inner, suffix = word(hints[each.name])
        within = each.metadata.get("group", "") or group
        found.append(
            OptionHelp(
                path + each.name,
                text,
                _default(each),
                each.metadata.get("help", ""),
                within,
                choices_of(hints[each.name], rules),
                _is_required(each),
                rules.secret,
                each.metadata.get("place", False),
            )
        )
        if inner is not None:
            found += _describe(inner, f"{path}{each.name}{suffix}.", within)
    return found


def _default(each: Field[Any]) -> str:
    if _is_required(each):
        return "required"
    if each.default in (None, (), MISSING) or is_dataclass(each.default):
        return ""
    return str(each.default).lower() if isinstance(each.default, bool) else str(each.default)


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):  # names of variables are none
        return {str(key): HIDDEN for key in value}
    return HIDDEN


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return shown(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def secrets_of(options: Any) -> list[str]:
    """The texts that must not be shown."""
    found: list[str] = []
    for each in fields(options):
        value = getattr(options, each.name)
        if rules_of(each).secret:
            found += [str(v) for v in (value.values() if isinstance(value, Mapping) else [value])]
        elif is_dataclass(value):
            found += secrets_of(value)
        elif isinstance(value, tuple):
            found += [s for one in value if is_dataclass(one) for s in secrets_of(one)]
    return [text for text in found if text not in ("", "None")]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with each of the secrets as ``***``; very short ones are words like any other."""
    for secret in sorted((s for s in secrets if len(s) > 3), key=len, reverse=True):
        text = re.sub(re.escape(secret), HIDDEN, text)
    return text
