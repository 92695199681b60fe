"""What pages ask of a store beyond what programs ask: parts of runs, names to complete, curves.

Only stores that a server has beside it can do this (`sql`), because a page wants in milliseconds
what the protocol of clients needs many calls for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .entities import PagedList, Run, RunInfo, ViewType


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of each kind that runs have; of a table its columns."""

    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


Axis = Literal["step", "time", "elapsed"]
"""Along which curves are drawn: steps, milliseconds since 1970, those since the run's start."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one run, thinned out for drawing.

    Where points were joined, each entry stands for one bucket of them.

    Attributes:
        run_id: of the run.
        key: of the metric.
        steps: the first of each bucket; ascending if the axis is one of steps.
        times: milliseconds since 1970, the earliest of each bucket; ascending on other axes.
        low: the smallest value of each bucket; None where all of it is NaN or infinite.
        high: the greatest.
        mean: of all of them.
        counts: how many points were joined.
        count: of all points within the range that was asked for.
        exact: each entry is a point that was logged: low, high and mean are the same.
        gaps: how many values were NaN or infinite.
    """

    run_id: str
    key: str
    steps: list[int]
    times: list[int]
    low: list[float | None]
    high: list[float | None]
    mean: list[float | None]
    counts: list[int]
    count: int
    exact: bool
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What goes on in an experiment.

    Attributes:
        runs: how many active ones; a bound stands for that many or more.
        newest: when the newest one started, in milliseconds since 1970; None without any.
    """

    runs: int
    newest: int | None


@dataclass(frozen=True, slots=True)
class ComparedKey:
    """A key that some of the compared runs have.

    Attributes:
        key: its name.
        count: of the runs that have it.
        differs: not all runs have it, or not all the same value.
    """

    key: str
    count: int
    differs: bool


class TrackingViews(Protocol):
    """The questions."""

    def runs_of_ids(self, run_ids: Sequence[str]) -> list[Run]:
        """Runs in this order, deleted ones too, without metrics, params, tags and the place of
        their files; ids that name none are left out."""

    def compared_keys(
        self,
        run_ids: Sequence[str],
        kind: str,
        words: str = "",
        differing: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[ComparedKey]:
        """Keys of a kind ("metric", "param", "tag") that these runs have, sorted; no tags that
        programs set (``mlflow.…``).

        Those alone that hold ``words`` (any case); ``differing``: in which the runs differ.
        """

    def compared_values(
        self, run_ids: Sequence[str], kind: str, keys: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """Of each of these keys the value of each run that has it, by the runs' ids."""

    def activity(self, experiment_ids: Sequence[str], most: int = 10_000) -> dict[str, Activity]:
        """Of each of these experiments."""

    def find_runs(self, words: str, limit: int = 10) -> list[RunInfo]:
        """Active runs of any experiment whose id begins with words, or whose name holds them (any
        case); the newest first. The infos say nothing of where files are."""

    def run_table(
        self,
        experiment_ids: Sequence[str],
        columns: Keys,
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        """As `TrackingStore.search_runs`; the runs hold these keys alone, no inputs and outputs.

        What is read grows with the columns, not with what the runs logged.
        """

    def keys_of_runs(self, run_ids: Sequence[str], limit: int = 1000) -> Keys:
        """The keys that these runs have, each kind sorted and cut at the limit."""

    def count_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        most: int = 10_000,
    ) -> int:
        """How many runs fit; ``most`` stands for that many or more."""

    def count_children(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Of each of these runs that has children (by the parent's tag): how many."""

    def key_names(
        self,
        experiment_ids: Sequence[str],
        kind: str,
        words: str = "",
        limit: int = 50,
    ) -> list[str]:
        """Keys of a kind ("metric", "param", "tag") that runs of these experiments have.

        Those that begin with ``words`` first, then those that hold it (any case), each sorted.
        """

    def key_values(
        self, experiment_ids: Sequence[str], kind: str, key: str, words: str = "", limit: int = 20
    ) -> list[str]:
        """Values of a param or tag in runs of these experiments, to complete what is typed."""

    def curves(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        points: int = 1000,
        axis: Axis = "step",
        start: int | None = None,
        end: int | None = None,
    ) -> list[Curve]:
        """Each of these metrics of each of these runs; what a run has not logged is left out.

        More points than asked for are put into so many buckets of the same width along the axis
        (of times, where no steps were logged), of which the smallest and the greatest value and
        the mean remain: no peak is lost.

        Args:
            run_ids: of the runs.
            keys: of the metrics.
            points: of a curve, at most.
            axis: what ``start`` and ``end`` are of, and what the buckets are of.
            start: the first that is wanted.
            end: the last.
        """
