"""What `evaluate` returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class EvaluationArtifact:
    """A file that an evaluation logged.

    Attributes:
        uri: its address among the run's artifacts.
        content: the figure, table or value that was written.
    """

    uri: str
    content: Any = field(repr=False)


@dataclass(frozen=True)
class EvaluationResult:
    """Numbers and files of one evaluation.

    Attributes:
        metrics: name -> value, as logged.
        artifacts: name -> file, such as "confusion_matrix".
        tables: name -> DataFrame; "eval_results_table" holds the rows with their predictions.
        run_id: the run that has it all.
    """

    metrics: dict[str, float]
    artifacts: dict[str, EvaluationArtifact] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict, repr=False)
    run_id: str | None = None

    def save(self, path: str | Path) -> None:
        """Write the metrics, and where the files are, to a folder as JSON."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(self.metrics, indent=2))
        where = {name: artifact.uri for name, artifact in self.artifacts.items()}
        (folder / "artifacts_metadata.json").write_text(json.dumps(where, indent=2))
