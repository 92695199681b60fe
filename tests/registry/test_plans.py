"""What SQLite does for the calls that must stay quick: it looks things up and walks indexes.

It plans without knowing how many rows there are: a small registry shows the plans of a large one.
"""

import re

import pytest

from mlpack.errors import NotFound
from mlpack.registry.entities import By
from mlpack.registry.sql.store import SqlRegistry
from mlpack.tracking.sql.store import SqlStore

CALLS = {
    "model": lambda r: r.get_registered_model("churn"),
    "version": lambda r: r.get_model_version("churn", 1),
    "alias": lambda r: r.get_version_by_alias("churn", "champion"),
    "latest of stages": lambda r: r.get_latest_versions("churn"),
    "latest": lambda r: r.get_latest_version("churn"),
    "files": lambda r: r.get_files("churn", 1),
    "history": lambda r: r.get_history("churn"),
    "history of a version": lambda r: r.get_history("churn", 1),
    "history of what is gone": lambda r: r.get_history("gone"),
    "models": lambda r: r.search_registered_models(),
    "models by time": lambda r: r.search_registered_models(order_by=["last_updated_timestamp"]),
    "models by tag": lambda r: r.search_registered_models("tags.k = 'v'"),
    "versions": lambda r: r.search_model_versions(),
    "versions by age": lambda r: r.search_model_versions(order_by=["creation_timestamp DESC"]),
    "versions by name": lambda r: r.search_model_versions(order_by=["name"]),
    "versions by number": lambda r: r.search_model_versions(order_by=["version_number"]),
    "next page": lambda r: r.search_model_versions("", 1, (), r.search_model_versions("", 1).token),
    **{
        clause: lambda r, clause=clause: r.search_model_versions(clause)
        for clause in (
            "name = 'churn'",
            "name = 'churn' AND version_number = 1",
            "version_number = 1",
            "run_id = 'r'",
            "model_id = 'm'",
            "user_id = 'me'",
            "source_path = 's'",
            "stage = 'Production'",
            "tags.k = 'v'",
            "tags.k = 'v' AND stage = 'Production' AND user_id = 'me'",
        )
    },
    "versions of runs": lambda r: r.versions_of_runs(["r"]),
}

_THROUGH = re.compile(r"SCAN (registered|model_|registry_|logged_|runs)(?!.*INDEX)")
# few rows: what is equal in the first key, what happened to one version
_SORTED = ("next page", "versions by name", "history of a version")


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_read_through(tmp_path, name):
    registry = SqlRegistry(SqlStore(tmp_path / "store").database)
    for gone in ("churn", "gone"):
        registry.create_registered_model(gone, {"k": "v"}, "", By("me"))
        for _ in range(3):
            registry.create_model_version(
                gone, "s", tags={"k": "v"}, description="", run_id="r", model_id="m", by=By("me")
            )
    registry.delete_registered_model("gone", By("me"))
    registry.set_alias("churn", "champion", 1, By("me"))
    said = []
    with registry.database.read() as connection:
        raw = connection.connection.dbapi_connection
    raw.set_trace_callback(said.append)
    try:
        CALLS[name](registry)
    except NotFound:
        pytest.fail("nothing was looked up")
    finally:
        raw.set_trace_callback(None)
    queries = [text for text in said if text.startswith("SELECT")]
    assert queries
    for query in queries:
        steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert not [step for step in steps if _THROUGH.match(step)], (query, steps)
        if "ORDER BY" in query and "LIMIT" in query and name not in _SORTED:
            assert "USE TEMP B-TREE FOR ORDER BY" not in steps, (query, steps)
