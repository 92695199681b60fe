"""Numbers that all workers of a server count together, in memory that they share.

    slab   anonymous shared memory, made before the fork: nothing on disk, nothing to install
    slot   the part of it that one worker writes: no locks between processes
    series one family with one set of label values: a few 64-bit floats

A slot is an append-only list of series. Whoever reads sums up the slots. A worker's death loses
nothing: its counters stay where they are, its gauges are cleared, and the worker that comes after
it counts on in the same slot. Slot 0 is the parent's.
"""

from __future__ import annotations

import json
import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Labels = tuple[str, ...]

_WORD = 8
# the head of a slot, in words: the worker's process id, and how many words are in use
_PID, _USED, _HEAD = 0, 1, 2
_KEY_LENGTH_SHIFT = 16  # of a series' first word; the family's number is below it


class Family:
    """All series of one name. Made by `Meters.counter` and its like; see there.

    Attributes:
        name, help, kind: as Prometheus shows them.
        labels: names of its labels.
        buckets: upper bounds, of a histogram.
    """

    def __init__(
        self,
        meters: Meters,
        name: str,
        text: str,
        kind: str,
        labels: Labels,
        buckets: Sequence[float] = (),
    ) -> None:
        self.name = name
        self.help = text
        self.kind = kind
        self.labels = labels
        self.buckets = tuple(buckets)
        # a histogram: a count a bucket, one for what is above the last, and the sum
        self.size = len(buckets) + 2 if kind == "histogram" else 1
        self.places: dict[Labels, int] = {}  # label values -> where this process's cells begin
        self._meters = meters

    def add(self, amount: float = 1, labels: Labels = ()) -> None:
        """Count up (a gauge also down)."""
        with self._meters.lock:
            self.add_locked(amount, labels)

    def add_locked(self, amount: float, labels: Labels) -> None:
        """The same for who holds `Meters.lock`, as it counts several things at once."""
        place = self.places.get(labels)
        if place is None:
            place = self._meters.make_room(self, labels)
        self._meters.cells[place] += amount

    def set(self, value: float, labels: Labels = ()) -> None:
        """Say what a gauge stands at, in this process."""
        with self._meters.lock:
            place = self.places.get(labels)
            if place is None:
                place = self._meters.make_room(self, labels)
            self._meters.cells[place] = value

    def observe(self, value: float, labels: Labels = ()) -> None:
        """Put a value into a histogram."""
        with self._meters.lock:
            self.observe_locked(value, labels)

    def observe_locked(self, value: float, labels: Labels) -> None:
        """The same for who holds `Meters.lock`."""
        place = self.places.get(labels)
        if place is None:
            place = self._meters.make_room(self, labels)
        cells = self._meters.cells
        cells[place + bisect_left(self.buckets, value)] += 1
        cells[place + self.size - 1] += value


@dataclass(frozen=True)
class Series:
    """One series, summed over all workers: its label values and its cells."""

    labels: Labels
    cells: list[float]


class Meters:
    """The slab, and the families that are counted in it.

    Families are declared before the fork, series come up as they are used.

    Args:
        workers: how many processes may count at once, beside the parent.
        slot_bytes: room for one process's series; memory is taken as it is used. Series beyond
            it are lost.
    """

    def __init__(self, workers: int, slot_bytes: int = 1 << 18) -> None:
        self.lock = threading.Lock()
        self.families: list[Family] = []
        self._slots = workers + 1
        self._words = slot_bytes // _WORD
        memory = memoryview(mmap.mmap(-1, self._slots * slot_bytes))
        self.cells = memory.cast("d")
        self._heads = memory.cast("Q")
        self._bytes = memory
        self._free = list(range(workers, 0, -1))
        self._attach(0)

    def counter(self, name: str, text: str, labels: Labels = ()) -> Family:
        """Declare something that only grows."""
        return self._declare(name, text, "counter", labels)

    def gauge(self, name: str, text: str, labels: Labels = ()) -> Family:
        """Declare something that goes up and down; the workers' values are added up."""
        return self._declare(name, text, "gauge", labels)

    def histogram(
        self, name: str, text: str, buckets: Sequence[float], labels: Labels = ()
    ) -> Family:
        """Declare a distribution.

        Args:
            name: as Prometheus shows it.
            text: what it is.
            buckets: upper bounds, growing; one without a bound is added.
            labels: names of its labels.
        """
        return self._declare(name, text, "histogram", labels, buckets)

    def take_slot(self) -> int | None:
        """In the parent, before a fork: the slot for the next worker; None if all are in use."""
        return self._free.pop() if self._free else None

    def enter_slot(self, slot: int | None) -> None:
        """In a new worker: count in this slot from now on; without one, where nobody sees it."""
        self.lock = threading.Lock()
        if slot is None:
            blind = Meters(0, self._words * _WORD)
            self.cells, self._heads, self._bytes = blind.cells, blind._heads, blind._bytes
            self._slots = 1
        self._attach(slot or 0)

    def leave_slot(self, slot: int | None) -> None:
        """In the parent, after a worker's death: what it counted stays, what it had is gone."""
        if slot is None:
            return
        self._clear_gauges(slot)
        self._heads[slot * self._words + _PID] = 0
        self._free.append(slot)

    def processes(self) -> Iterator[tuple[int, int]]:
        """(slot, process id) of every worker that lives."""
        for slot in range(1, self._slots):
            if pid := self._heads[slot * self._words + _PID]:
                yield slot, pid

    def read(self) -> Iterator[tuple[Family, list[Series]]]:
        """All families in the order of their declaration, with their series over all workers."""
        sums: dict[Family, dict[Labels, list[float]]] = {family: {} for family in self.families}
        for slot in range(self._slots):
            for family, labels, place in self._series(slot):
                cells = list(map(float, self.cells[place : place + family.size]))
                known = sums[family].get(labels)
                sums[family][labels] = (
                    [a + b for a, b in zip(known, cells, strict=True)] if known else cells
                )
        for family, found in sums.items():
            yield family, [Series(labels, cells) for labels, cells in sorted(found.items())]

    def make_room(self, family: Family, labels: Labels) -> int:
        """Where the cells of a series are from now on; the lock is held."""
        key = json.dumps(labels).encode()
        key_words = -(-len(key) // _WORD)
        base = self._slot * self._words
        start = self._heads[base + _USED]
        end = start + 1 + key_words + family.size
        # a spare series at the end of every slot takes what there is no room for; nobody reads it
        spare = self._words - 1 - max(f.size for f in self.families)
        if end > spare:
            place = base + spare + 1
        else:
            header = base + start
            self._heads[header] = self.families.index(family) | len(key) << _KEY_LENGTH_SHIFT
            at = (header + 1) * _WORD
            self._bytes[at : at + len(key)] = key
            place = header + 1 + key_words
            for cell in range(place, place + family.size):
                self.cells[cell] = 0  # a worker may have been killed while it wrote here
            self._heads[base + _USED] = end  # last: readers see whole series only
        family.places[labels] = place
        return place

    def _declare(
        self, name: str, text: str, kind: str, labels: Labels, buckets: Sequence[float] = ()
    ) -> Family:
        family = Family(self, name, text, kind, labels, buckets)
        self.families.append(family)
        return family

    def _attach(self, slot: int) -> None:
        self._slot = slot
        base = slot * self._words
        self._heads[base + _PID] = os.getpid()
        self._heads[base + _USED] = self._heads[base + _USED] or _HEAD
        for family in self.families:
            family.places.clear()
        for family, labels, place in self._series(slot):
            family.places[labels] = place
        self._clear_gauges(slot)

    def _clear_gauges(self, slot: int) -> None:
        for family, _, place in self._series(slot):
            if family.kind == "gauge":
                self.cells[place] = 0

    def _series(self, slot: int) -> Iterator[tuple[Family, Labels, int]]:
        base = slot * self._words
        at, end = base + _HEAD, base + self._heads[base + _USED]
        while at < end:
            header = self._heads[at]
            family = self.families[header & (1 << _KEY_LENGTH_SHIFT) - 1]
            length = header >> _KEY_LENGTH_SHIFT
            key = bytes(self._bytes[(at + 1) * _WORD : (at + 1) * _WORD + length])
            place = at + 1 + -(-length // _WORD)
            yield family, tuple(json.loads(key)), place
            at = place + family.size
