"""Server-side apply as the API server does it: who manages which field, and what that means.

A field is a path of FieldsV1 keys (``f:spec``, ``k:{"name":"model"}``). Who applies a manifest
manages what it names; what it named before and names no more is removed, unless others manage it,
too. A field that another manages with another value is a conflict, or is taken over by force.
What is changed by any other request is managed by who sent that, as an Update.
https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]
Owners = dict[tuple[str, str], set[Path]]
# by what the items of a list are told apart; other lists are one value
_KEYS = {
    "containers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_ATOMIC = {"selector", "nodeSelector", "labelSelector", "resourceVersion"}
_DEFAULTS = {"protocol": "TCP"}
_NOT_MANAGED = {
    ("f:apiVersion",), ("f:kind",), ("f:status",), ("f:metadata", "f:name"),
    ("f:metadata", "f:namespace"), ("f:metadata", "f:uid"), ("f:metadata", "f:generation"),
    ("f:metadata", "f:creationTimestamp"), ("f:metadata", "f:resourceVersion"),
    ("f:metadata", "f:managedFields"), ("f:metadata", "f:deletionTimestamp"),
    ("f:metadata", "f:finalizers"),
}  # fmt: skip


class Conflicts(Exception):
    """Fields that somebody else manages."""


def apply(live: Any, sent: Any, owners: Owners, manager: str, force: bool) -> Any:
    """The object after ``manager`` has applied ``sent``; ``owners`` is changed, too."""
    me = (manager, "Apply")
    now = leaves(sent)
    had = leaves(live) if live is not None else {}
    taken = {
        (path, other)
        for other, paths in owners.items()
        for path in paths & set(now)
        if other != me and had.get(path) != now[path]
    }
    if taken and not force:
        who = sorted({other[0] for _, other in taken})
        raise Conflicts(f"Apply failed with {len(taken)} conflicts: conflicts with {who}")
    for path, other in taken:
        owners[other].discard(path)
    others = set().union(*(paths for other, paths in owners.items() if other != me))
    made = json.loads(json.dumps(live)) if live is not None else {}
    for path in owners.get(me, set()) - set(now) - others:
        _remove(made, path)
    _merge(made, sent)
    owners[me] = set(now)
    return made


def changed(before: Any, after: Any, owners: Owners, manager: str) -> None:
    """Note who manages what after an update that was no apply."""
    old, new = leaves(before), leaves(after)
    touched = {path for path, value in new.items() if old.get(path, ...) != value}
    for paths in owners.values():
        paths -= touched | (set(old) - set(new))
    owners.setdefault((manager, "Update"), set()).update(touched)


def managed_fields(owners: Owners) -> list[dict[str, Any]]:
    """As an object shows it."""
    entries = []
    for (manager, operation), paths in sorted(owners.items()):
        tree: dict[str, Any] = {}
        for path in sorted(paths):
            below = tree
            for key in path:
                below = below.setdefault(key, {})
                if key.startswith("k:"):
                    below.setdefault(".", {})
        if tree:
            entry = {"manager": manager, "operation": operation, "fieldsType": "FieldsV1"}
            entries.append({**entry, "fieldsV1": tree})
    return entries


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Each field that is managed as a whole, with its value."""
    return {
        each: found
        for each, found in _leaves(value, path)
        if not any(each[: len(not_managed)] == not_managed for not_managed in _NOT_MANAGED)
    }


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    name = path[-1].removeprefix("f:") if path else ""
    if isinstance(value, dict) and value and name not in _ATOMIC:
        for key, each in value.items():
            yield from _leaves(each, (*path, f"f:{key}"))
    elif isinstance(value, list) and name in _KEYS and value:
        for each in value:
            key = (*path, f"k:{json.dumps(_key(name, each))}")
            yield from _leaves(each, key)
    else:
        yield path, value


def _key(name: str, item: dict[str, Any]) -> dict[str, Any]:
    every = {**_DEFAULTS, **item} if name == "ports" else item
    return {key: every[key] for key in _KEYS[name] if key in every}


def _merge(live: Any, sent: Any) -> None:
    for key, value in sent.items():
        if isinstance(value, dict) and isinstance(live.get(key), dict) and key not in _ATOMIC:
            _merge(live[key], value)
        elif isinstance(value, list) and key in _KEYS and isinstance(live.get(key), list):
            for item in value:
                same = [e for e in live[key] if _key(key, e) == _key(key, item)]
                _merge(same[0], item) if same else live[key].append(item)
        else:
            live[key] = json.loads(json.dumps(value))


def _remove(live: Any, path: Path) -> None:
    """Take a field away, and what is left empty by that."""
    first, *rest = path
    if first.startswith("k:"):
        key = json.loads(first[2:])
        item = next((e for e in live if {**_DEFAULTS, **e}.items() >= key.items()), None)
        if item is None:
            return
        if rest and rest[0][2:] not in key:  # its name goes only with the whole of it
            _remove(item, tuple(rest))
        if not rest or not (item.keys() - key.keys() - {"protocol"}):
            live.remove(item)
        return
    name = first[2:]
    if not isinstance(live, dict) or name not in live:
        return
    if not rest:
        del live[name]
        return
    _remove(live[name], tuple(rest))
    if live[name] in ({}, []):
        del live[name]
