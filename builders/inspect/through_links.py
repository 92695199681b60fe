"""Where the entries of layers really land: some engines follow links that are on the way.

An entry ``srv/model/weights`` changes ``/opt/ml/model`` when ``srv`` is a link to ``/opt/ml`` and
whoever unpacks it follows the link (containerd does in all layers, Docker within one).
"""

from __future__ import annotations

import posixpath

from ...errors import InvalidInput

_MOST_LINKS = 500_000
_MOST_KNOWN = 1000
_MOST_STEPS = 40  # as Linux has it


class Links:
    """The symbolic links of an image's layers so far, hidden ones too."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}
        self._known: dict[str, str] = {}  # of folders

    def add(self, path: str, target: str) -> None:
        """A link.

        Raises:
            InvalidInput: there are more than a real image has.
        """
        self._targets[path] = target
        self._known.clear()
        if len(self._targets) > _MOST_LINKS:
            raise InvalidInput(f"The image has more than {_MOST_LINKS:,} links; it is not read.")

    def lands(self, path: str) -> str:
        """Where an entry is if the links above it are followed."""
        folder, name = posixpath.split(path)
        if folder not in self._known:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[folder] = self._followed(folder)
        return posixpath.join(self._known[folder], name)

    def _followed(self, folder: str) -> str:
        found, rest, steps = "", folder.split("/"), 0
        while rest:
            part = rest.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                found = posixpath.dirname(found)
                continue
            found = posixpath.join(found, part)
            target = self._targets.get(found)
            if target is None:
                continue
            steps += 1
            if steps > _MOST_STEPS:
                return ""
            found = "" if target.startswith("/") else posixpath.dirname(found)
            rest = target.split("/") + rest
        return found
