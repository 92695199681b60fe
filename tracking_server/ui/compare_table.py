"""The table of a comparison: what the runs are and logged, in rows, and where they differ."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import request

from ...tracking.entities import Run, Tags
from ..service import Service
from .compare_keys import page
from .compare_runs import Chosen
from .part import asked, asked_number
from .spreadsheets import harmless
from .words import SYSTEM, duration, figure

_CELLS = 3000  # of a section at once: pages stay quick with a hundred runs
_MOST_ROWS = 100
_CUT = 60  # characters of a value
_COMMIT = 10
_MOST_NAMED = 5  # datasets and models of a run
_FACT_TAGS = (Tags.SOURCE_NAME, Tags.GIT_BRANCH, Tags.GIT_COMMIT)
_KINDS = {"metrics": "metric", "params": "param", "tags": "tag"}
_LOWER = re.compile(
    r"loss|err(or)?s?$|error|mse|mae|mape|rmsle|perplexity|^ppl$|nll|deviance|latency|^aic$|^bic$"
    r"|^[wc]er$|^fid$|distance|divergence|brier"
)


@dataclass(frozen=True)
class Cell:
    """The value of one run.

    Attributes:
        text: as it is shown.
        cut: there is more of it.
        best: none of the others is better.
        delta: how far a metric is from that of the baseline.
        other: a text that is not the baseline's.
        time: milliseconds since 1970, where the value is a time.
        links: addresses within the page for parts of the value, and their texts.
    """

    text: str
    cut: bool = False
    best: bool = False
    delta: str = ""
    other: bool = False
    time: int | None = None
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Row:
    """What the runs have under one key.

    Attributes:
        key: its name.
        differs: not all have the same.
        cells: one a run.
        lower: of a metric: whether less is better; None where neither is.
        field: as the value's route calls it.
    """

    key: str
    differs: bool
    cells: list[Cell]
    lower: bool | None = None
    field: str = ""


@dataclass(frozen=True)
class Section:
    """Rows of one kind.

    Attributes:
        name: "facts", "params", "metrics" or "tags".
        rows: those of this page.
        before: where the page before begins; None on the first.
        after: where the next begins; None on the last.
    """

    name: str
    rows: list[Row]
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True)
class Asked:
    """What the query says of the table; see `asked_of_table`."""

    words: str
    differing: bool
    transposed: bool
    baseline: str
    flipped: frozenset[str] = field(default_factory=frozenset)


def asked_of_table(chosen: Chosen) -> Asked:
    """``words``, ``differing=1``, ``transposed=1``, ``baseline=<run>``, ``flip=<metric>`` …

    A button of the table comes after what the form remembers: the last baseline counts (an empty
    one is none), and a metric that is named twice is flipped back.
    """
    baseline = (request.args.getlist("baseline") or [""])[-1]
    flips = request.args.getlist("flip")
    return Asked(
        asked("words").strip()[:200],
        asked("differing") == "1",
        asked("transposed") == "1",
        baseline if baseline in chosen.ids else "",
        frozenset(name for name in flips if flips.count(name) % 2),
    )


def sections(
    service: Service, chosen: Chosen, given: Asked, most_rows: int | None = None
) -> list[Section]:
    """All rows that the query asks for; of each kind a page of them, or ``most_rows``."""
    base = chosen.ids.index(given.baseline) if given.baseline else None
    facts = [
        row
        for row in fact_rows(service, chosen)
        if given.words.lower() in row.key and (row.differs or not given.differing)
    ]
    found = []
    size = most_rows or min(_MOST_ROWS, max(20, _CELLS // max(1, len(chosen.runs))))
    for name, kind in _KINDS.items():
        start = 0 if most_rows else asked_number(name, 0, 0, 10**9)
        keys, more = page(service, chosen, kind, given.words, given.differing, start, size)
        values = service.store.compared_values(chosen.ids, kind, [each.key for each in keys])
        rows = []
        for each in keys:
            own = [values[each.key].get(run_id) for run_id in chosen.ids]
            field = f"{name}.{each.key}"
            if kind == "metric":
                lower: bool | None = None
                if not each.key.startswith(SYSTEM):
                    lower = lower_is_better(each.key) != (each.key in given.flipped)
                rows.append(Row(each.key, each.differs, metric_cells(own, base, lower), lower))
            else:
                rows.append(Row(each.key, each.differs, text_cells(own, base), None, field))
        after = start + size if more else None
        found.append(Section(name, rows, max(0, start - size) if start else None, after))
    found.insert(2, Section("facts", facts))
    return [section for section in found if section.rows or section.before is not None]


def lower_is_better(key: str) -> bool:
    """A guess by a metric's name: errors and losses are better when they are less."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower())
    return any(_LOWER.search(word) for word in words)


def metric_cells(
    values: Sequence[float | None], base: int | None, lower: bool | None
) -> list[Cell]:
    """Cells of a metric: the best are marked, where there is a choice and a better and worse."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    best = (min if lower else max)(finite, default=None)
    if lower is None or len(set(finite)) < 2:
        best = None
    start = None if base is None else values[base]
    cells = []
    for place, value in enumerate(values):
        if value is None:
            cells.append(Cell(""))
            continue
        delta = "" if start is None or place == base else difference(value, start)
        cells.append(Cell(figure(value), best=value == best, delta=delta))
    return cells


def difference(value: float, start: float) -> str:
    """A metric's distance from the baseline's, with its sign; nothing for none."""
    if not (math.isfinite(value) and math.isfinite(start)) or value == start:
        return ""
    return f"{value - start:+.3g}".replace("-", "\N{MINUS SIGN}")


def text_cells(values: Sequence[str | None], base: int | None) -> list[Cell]:
    """Cells of a param or a tag."""
    start = None if base is None else values[base]
    return [
        Cell(
            "" if value is None else value[:_CUT],
            cut=value is not None and len(value) > _CUT,
            other=base is not None and value != start,
        )
        for value in values
    ]


def fact_rows(service: Service, chosen: Chosen) -> list[Row]:
    """What runs are, beside what they logged."""
    tags = service.store.compared_values(chosen.ids, "tag", _FACT_TAGS)
    runs = chosen.runs
    infos = [run.info for run in runs]
    spans = [None if i.end_time is None else i.end_time - i.start_time for i in infos]
    names = [chosen.experiments[info.experiment_id] for info in infos]
    rows = [
        _fact("status", [Cell(info.status.lower()) for info in infos]),
        _fact("started", [Cell(str(i.start_time), time=i.start_time) for i in infos]),
        _fact("duration", [Cell("" if span is None else duration(span)) for span in spans]),
        _fact("user", _short([info.user_id for info in infos])),
    ]
    if len(chosen.experiments) > 1:
        rows.insert(0, _fact("experiment", _short(names)))
    for key, name in zip(_FACT_TAGS, ("source", "branch", "commit"), strict=True):
        values = [tags[key].get(run_id, "") for run_id in chosen.ids]
        rows.append(_fact(name, _short(values, _COMMIT if name == "commit" else _CUT)))
    rows.append(_fact("datasets", [Cell(_datasets(run)) for run in runs]))
    rows.append(_fact("models", [_models(run) for run in runs]))
    return [row for row in rows if any(cell.text for cell in row.cells)]


def _fact(name: str, cells: list[Cell]) -> Row:
    return Row(name, len({cell.text for cell in cells}) > 1, cells)


def _short(values: Sequence[str], most: int = _CUT) -> list[Cell]:
    return [Cell(v if len(v) <= most else v[: most - 1] + "…") for v in values]


def _datasets(run: Run) -> str:
    used = run.inputs.dataset_inputs
    rest = len(used) - _MOST_NAMED
    named = [
        f"{each.dataset.name[:80]} ({each.dataset.digest[:12]})" for each in used[:_MOST_NAMED]
    ]
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")


def _models(run: Run) -> Cell:
    made = run.outputs.model_outputs
    ids = list(dict.fromkeys(output.model_id for output in made))[:_MOST_NAMED]
    return Cell(", ".join(ids), links=tuple((f"/models/{each}", each) for each in ids))


def csv_lines(chosen: Chosen, found: Sequence[Section]) -> list[list[Any]]:
    """The same as lines of a CSV file, which a spreadsheet reads as values and not as formulas."""
    lines: list[list[Any]] = [
        ["kind", "key", *(harmless(run.info.run_name) for run in chosen.runs)],
        ["fact", "run id", *chosen.ids],
    ]
    for section in found:
        for row in section.rows:
            values = [
                cell.text if section.name == "metrics" else harmless(cell.text)
                for cell in row.cells
            ]
            lines.append([section.name.removesuffix("s"), harmless(row.key), *values])
    return lines
