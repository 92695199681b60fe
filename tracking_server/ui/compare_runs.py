"""Which runs a comparison is of."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...errors import InvalidInput
from ...tracking.entities import LifecycleStage, Run
from ...tracking.views import Keys
from ..service import Service
from .part import asked, listed

MOST = 100


@dataclass(frozen=True)
class Chosen:
    """The runs of a comparison.

    Attributes:
        runs: in the order asked for; without what they logged.
        experiments: names of their experiments by id.
        notes: what has to be said about the choice, such as runs that are gone.
    """

    runs: list[Run]
    experiments: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [run.info.run_id for run in self.runs]


def chosen_runs(service: Service) -> Chosen:
    """Those that the query names (``runs=a,b``) or finds (``experiments=1,2&filter=…``,
    with ``order_by=…`` the first in this order).

    ``remove=<id>`` takes one away, ``add=<id or name>`` brings one more.

    Raises:
        InvalidInput: they are too many, or the filter is wrong.
    """
    notes: list[str] = []
    wanted = listed(asked("runs"))
    if len(wanted) > MOST:
        raise InvalidInput(
            f"{len(wanted)} runs are too many to compare: {MOST} at most. Leave some out of the "
            "address, or choose fewer in the table of runs."
        )
    experiments = listed(asked("experiments"))
    if not wanted and experiments:
        order = [asked("order_by")] if asked("order_by") else []
        found = service.store.run_table(
            experiments, Keys(), asked("filter"), max_results=MOST, order_by=order
        )
        wanted = [run.info.run_id for run in found]
        if found.token:
            which = "first" if order else "newest"
            notes.append(f"The search finds more: these are the {which} {MOST}.")
        if not wanted:
            notes.append("The search finds no runs.")
    wanted = [run_id for run_id in wanted if run_id != asked("remove")]
    if added := asked("add").strip():
        wanted += _added(service, added, wanted, notes)
    runs = service.store.runs_of_ids(wanted)
    notes += _missing(wanted, runs)
    active = [run for run in runs if run.info.lifecycle_stage == LifecycleStage.ACTIVE]
    names = {}
    for experiment_id in dict.fromkeys(run.info.experiment_id for run in active):
        names[experiment_id] = service.store.get_experiment(experiment_id).name
    return Chosen(active, names, notes)


def _added(service: Service, added: str, wanted: list[str], notes: list[str]) -> list[str]:
    """The run of this id, or the only one with this in its name."""
    if len(wanted) >= MOST:
        notes.append(f"{MOST} runs at most: remove one before you add another.")
        return []
    ids = [run.info.run_id for run in service.store.runs_of_ids([added])]
    ids = ids or [run.run_id for run in service.store.find_runs(added, 3)]
    if len(ids) == 1:
        return [] if ids[0] in wanted else ids
    many = "Several active runs have" if ids else "No active run has"
    notes.append(f"{many} {added[:80]!r} in the name or id: none was added. Choose from the list.")
    return []


def _missing(wanted: list[str], runs: list[Run]) -> list[str]:
    known = {run.info.run_id: run for run in runs}
    unknown = [run_id[:80] for run_id in wanted if run_id not in known]
    deleted = [
        f"{run.info.run_name} ({run.info.run_id})"
        for run in runs
        if run.info.lifecycle_stage != LifecycleStage.ACTIVE
    ]
    notes = []
    for names, one, many in (
        (unknown, "No run has this id, so it is left out", "No runs have these ids"),
        (deleted, "This run is deleted, so it is left out", "These runs are deleted"),
    ):
        if names:
            said = one if len(names) == 1 else f"{many}, so they are left out"
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            notes.append(f"{said}: {', '.join(names[:5])}{more}.")
    return notes
