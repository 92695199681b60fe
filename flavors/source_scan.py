"""Follows the user's own Python files to what they import, by reading them, not running them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .distributions import Located, locate


def follow_own_code(modules: Iterable[str], code_paths: Sequence[str | Path] = ()) -> Located:
    """Locate modules and, through the user's own files among them, everything these import.

    Args:
        modules: what a model names.
        code_paths: own files and folders that travel with the model.

    Returns:
        as `distributions.locate`, for the whole of it.
    """
    carried = [Path(path).absolute() for path in code_paths]
    pending = _others(modules)
    for path in carried:
        for file in _python_files(path):
            pending |= _others(imports_of(file))
    total, seen = Located(), set(pending)
    while pending:
        found = locate(pending)
        total.distributions |= found.distributions
        total.own |= found.own
        total.missing |= found.missing
        pending = set()
        for module, file in found.own.items():
            pending |= _others(imports_of(file, module)) - seen
        seen |= pending
    return total


def _others(modules: Iterable[str]) -> set[str]:
    """Without what is there wherever a model is loaded: the loader itself."""
    return {name for name in modules if name.partition(".")[0] not in ("mlpack", "mlflow")}


def imports_of(file: Path, module: str = "") -> set[str]:
    """The absolute names that a source file imports.

    Imports that only a type checker sees are left out; those inside functions count.

    Args:
        file: a Python file; anything else imports nothing.
        module: its dotted name, needed to resolve its relative imports.
    """
    if file.suffix != ".py":
        return set()
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return {name for node in _runtime_nodes(tree) for name in _imported(node, package)}


def _runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield other
                yield from _runtime_nodes(other)
            continue
        yield child
        yield from _runtime_nodes(child)


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parents = package.split(".") if package else []
            kept = parents[: len(parents) - node.level + 1]
            if not kept:
                return
            base = ".".join([*kept, base]) if base else ".".join(kept)
        # the imported name may be a submodule: `from google.cloud import storage`
        yield from (f"{base}.{alias.name}" if alias.name != "*" else base for alias in node.names)


def _python_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(path.rglob("*.py"))
    else:
        yield path
