"""The files of an image as a container would see them, from its layers alone, without running it.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md (whiteouts).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..inspect.layer_files import Budget, LayerFile, files_of, plain_path
from .image import Image

_MOST_LINKS = 40  # as Linux has it
_MOST_KEPT = 32 << 20  # bytes of one file that is kept


@dataclass(frozen=True, slots=True)
class Node:
    """A file, folder or link.

    Attributes:
        kind: ``file``, ``folder``, ``symlink`` or ``special``.
        mode: permission bits.
        link: what a symbolic link leads to, as its text.
        content: of a file that was asked for.
    """

    kind: str
    mode: int = 0o755
    link: str = ""
    content: bytes | None = None


def _nothing(*_: int) -> None: ...


class Tree:
    """Paths, without the first slash, and what is there.

    Attributes:
        nodes: by path.
        size: bytes of all files in all layers, also of those that a later layer hides.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {"": Node("folder")}
        self.size = 0

    def resolve(self, path: str) -> str | None:
        """Where a path leads, all links followed; None when there is nothing."""
        found, rest, links = "", [part for part in path.split("/") if part], 0
        while rest:
            part = rest.pop(0)
            if part == ".":
                continue
            if part == "..":
                found = posixpath.dirname(found)
                continue
            here = posixpath.join(found, part)
            node = self.nodes.get(here)
            if node is None:
                return None
            if node.kind != "symlink":
                found = here
                continue
            links += 1
            if links > _MOST_LINKS:
                return None
            if node.link.startswith("/"):
                found = ""
            rest = [each for each in node.link.split("/") if each] + rest
        return found

    def get(self, path: str) -> Node | None:
        """What a path leads to."""
        found = self.resolve(path)
        return None if found is None else self.nodes[found]

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
        found = self.resolve(folder)
        if found is None:
            return []
        start = f"{found}/" if found else ""
        below = (path[len(start) :] for path in self.nodes if path.startswith(start))
        return sorted(name for name in below if name and "/" not in name)

    def add(self, layer: Mapping[str, Node], hidden: Iterable[LayerFile] = ()) -> None:
        """Put a layer on top, and take away what it hides of those below."""
        gone = {each.path for each in hidden if each.kind == "whiteout"}
        emptied = {each.path for each in hidden if each.kind != "whiteout"}
        for path, node in layer.items():
            before = self.nodes.get(path)
            if before is not None and before.kind == "folder" != node.kind:
                gone.add(path)
        self._remove(gone, emptied)
        for path, node in layer.items():
            self._make_parents(path)
            self.nodes[path] = node

    def _make_parents(self, path: str) -> None:
        parent = posixpath.dirname(path)
        while parent and self.nodes.get(parent, Node("special")).kind != "folder":
            # a folder in a layer takes the place of a link below it, and hides what that led to
            self.nodes[parent] = Node("folder")
            parent = posixpath.dirname(parent)

    def _remove(self, gone: set[str], emptied: set[str]) -> None:
        """In one walk, however many there are."""
        if not gone and not emptied:
            return
        for path in [path for path in self.nodes if path and _is_under(path, gone, emptied)]:
            del self.nodes[path]


def _is_under(path: str, gone: set[str], emptied: set[str]) -> bool:
    if path in gone:
        return True
    while path:
        path = posixpath.dirname(path)
        if path in gone or path in emptied:
            return True
    return False


def read_tree(
    image: Image, wanted: Callable[[str], bool], advanced: Callable[[int, int], None] = _nothing
) -> Tree:
    """Read the layers of an image.

    Args:
        image: of one platform.
        wanted: says of a path whether the file's content is to be kept.
        advanced: told after each layer how many bytes of how many were read.

    Raises:
        InvalidInput: a layer is damaged.
    """
    tree, budget = Tree(), Budget()
    total, done = sum(layer.size for layer in image.layers), 0
    for layer, diff_id in zip(image.layers, image.diff_ids, strict=True):
        hidden: list[LayerFile] = []
        found: dict[str, Node] = {}
        for entry in files_of(image, layer, budget, diff_id):
            tree.size += entry.size
            if entry.kind in ("whiteout", "opaque"):
                hidden.append(entry)
            else:
                found[entry.path] = _node(entry, found, tree, wanted)
        tree.add(found, hidden)
        done += layer.size
        advanced(done, total)
    return tree


def _node(
    entry: LayerFile, layer: dict[str, Node], tree: Tree, wanted: Callable[[str], bool]
) -> Node:
    if entry.kind == "hardlink":  # another name of a file that was before it, here or below
        same = plain_path(entry.target) or ""
        return layer.get(same) or tree.nodes.get(same) or Node("special")
    keep = entry.kind == "file" and entry.size <= _MOST_KEPT and wanted(entry.path)
    return Node(entry.kind, entry.mode, entry.target, entry.read(_MOST_KEPT) if keep else None)
