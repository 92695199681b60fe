"""Which distribution needs which, as their own metadata says, on the image's platform."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .contents import Distribution, normalized

if TYPE_CHECKING:
    from packaging.markers import Marker


class Graph:
    """Edges between the distributions of an image, markers evaluated and extras followed.

    Args:
        distributions: what is installed.
        environment: what markers are compared with.
        roots: who asks for what, such as ``{"the model": ["scikit-learn==1.5"]}``; their extras
            count.
    """

    def __init__(
        self,
        distributions: Iterable[Distribution],
        environment: Mapping[str, str],
        roots: Mapping[str, Sequence[str]],
    ) -> None:
        self._found = {each.key: each for each in distributions}
        self._environment = dict(environment)
        self.needs: dict[str, dict[str, str]] = {}  # name -> what it needs: by which line
        self.roots: dict[str, dict[str, str]] = {}  # who asks -> for what: by which line
        self._extras: dict[str, set[str]] = {name: {""} for name in self._found}
        waiting = deque(self._found)
        for root, lines in roots.items():
            self.roots[root] = dict(self._wanted(lines, {""}, waiting))
        while waiting:
            name = waiting.popleft()
            lines = self._found[name].requires
            self.needs[name] = dict(self._wanted(lines, self._extras[name], waiting))

    def chains(self, name: str, most: int = 5) -> list[tuple[str, ...]]:
        """How roots lead to a distribution: the shortest chain from each of its users, roots last.

        ``("scipy", "scikit-learn", "the model")``. Direct requirements come first. Without any
        (nobody asked for it) the list is empty.
        """
        distance = self._distances()
        key = normalized(name)
        direct = [(key, root) for root, wanted in self.roots.items() if key in wanted]
        users = [other for other in self.needs if key in self.needs[other] and other != key]
        users = sorted((u for u in users if u in distance), key=lambda u: (distance[u], u))
        through = [(key, *self._to_root(user, distance)) for user in users]
        # two users may meet on their way up, and may even come by the same distribution
        return [*direct, *(chain for chain in through if key not in chain[1:])][:most]

    def reached(self) -> set[str]:
        """What the roots lead to."""
        return set(self._distances())

    def line(self, user: str, name: str) -> str:
        """The requirement by which a distribution or root asks for another."""
        return self.needs.get(user, self.roots.get(user, {})).get(name, "")

    def _to_root(self, name: str, distance: Mapping[str, int]) -> tuple[str, ...]:
        """The names on the shortest way up, with the root's at the end."""
        chain = [name]
        while distance[chain[-1]] > 1:
            users = (u for u in self.needs if chain[-1] in self.needs[u] and u in distance)
            chain.append(min(users, key=lambda user: (distance[user], user)))
        root = next(root for root, wanted in self.roots.items() if chain[-1] in wanted)
        return (*chain, root)

    def _distances(self) -> dict[str, int]:
        """Steps from the nearest root."""
        if self._known is None:
            self._known = {name: 1 for wanted in self.roots.values() for name in wanted}
            waiting = deque(self._known)
            while waiting:
                name = waiting.popleft()
                for needed in self.needs.get(name, ()):
                    if needed not in self._known:
                        self._known[needed] = self._known[name] + 1
                        waiting.append(needed)
        return self._known

    _known: dict[str, int] | None = None

    def _wanted(
        self, lines: Iterable[str], extras: set[str], waiting: deque[str]
    ) -> Iterator[tuple[str, str]]:
        """The installed distributions that lines ask for; those with new extras are seen again."""
        from packaging.requirements import InvalidRequirement, Requirement

        for line in lines:
            try:
                wanted = Requirement(line.partition(" --hash=")[0])
            except InvalidRequirement:
                continue  # an option, or a line from before there were rules
            if wanted.marker is not None and not any(
                self._holds(wanted.marker, extra) for extra in extras
            ):
                continue
            name = normalized(wanted.name)
            if name not in self._found:
                continue
            new = {normalized(extra) for extra in wanted.extras} - self._extras[name]
            if new:
                self._extras[name] |= new
                waiting.append(name)
            yield name, line

    def _holds(self, marker: Marker, extra: str) -> bool:
        try:
            return marker.evaluate({**self._environment, "extra": extra})
        except ValueError:  # compares what cannot be compared; no installer would follow it
            return False
