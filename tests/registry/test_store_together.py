"""Processes and threads that want the same thing of a registry at the same moment."""

import os
import signal
import subprocess
import sys
import threading

from mlpack.errors import Conflict
from mlpack.registry.entities import By
from mlpack.registry.uri import open_registry
from mlpack.tests.stores import COUNT, together

ME = By("me")


def new(store, name="churn", versions=0):
    store.create_registered_model(name, {}, "", ME)
    for _ in range(versions):
        register(store, name)


def register(store, name="churn", **more):
    return store.create_model_version(
        name, "s3://bucket/m", tags={"k": "v"}, description="", by=ME, **more
    ).version


def test_numbers_are_distinct_however_many_register(registry):
    new(registry)
    done, failed = together(lambda _: [register(registry) for _ in range(5)])
    assert failed == []
    assert sorted(number for numbers in done for number in numbers) == list(range(1, 5 * COUNT + 1))
    assert len(registry.search_model_versions("name = 'churn'")) == 5 * COUNT


def test_one_makes_the_name(registry):
    done, failed = together(lambda _: new(registry))
    assert len(done) == 1
    assert len(failed) == COUNT - 1
    assert all(message.startswith("AlreadyExists: ") for message in failed)


def test_all_may_make_the_name_with_its_first_version(registry):
    done, failed = together(lambda _: register(registry, "new", make_name=True))
    assert (sorted(done), failed) == (list(range(1, COUNT + 1)), [])


def test_one_promotion_wins_and_the_others_are_told(registry):
    new(registry, versions=COUNT + 1)
    for turn in range(3):
        registry.transition_stage("churn", COUNT + 1, "Production", True, ME)

        def promote(number):
            return registry.transition_stage(
                "churn", number + 1, "Production", True, ME, expected=COUNT + 1
            ).version

        done, failed = together(promote)
        assert len(done) == 1, (turn, failed)
        assert len(failed) == COUNT - 1
        for message in failed:
            assert message.startswith("Conflict: ") and f"version {done[0]}" in message
        [live] = registry.get_latest_versions("churn", ["Production"])
        assert live.version == done[0]
        stages = [v.current_stage for v in registry.search_model_versions("name = 'churn'")]
        assert stages.count("Production") == 1


def test_promotions_that_expect_nothing_leave_one_in_production(registry):
    new(registry, versions=COUNT)
    done, failed = together(
        lambda i: registry.transition_stage("churn", i + 1, "Production", True, ME).version
    )
    assert (sorted(done), failed) == (list(range(1, COUNT + 1)), [])
    stages = [v.current_stage for v in registry.search_model_versions("name = 'churn'")]
    assert sorted(stages) == ["Archived"] * (COUNT - 1) + ["Production"]
    moves = [e for e in registry.get_history("churn") if e.kind == "stage"]
    assert len(moves) == 2 * COUNT - 1


def test_one_alias_wins(registry):
    new(registry, versions=COUNT)
    done, failed = together(lambda i: registry.set_alias("churn", "a", i + 1, ME, expected=0))
    assert len(done) == 1
    assert len(failed) == COUNT - 1
    assert all(message.startswith("Conflict: ") for message in failed)


def test_threads_promote_at_once(registry):
    new(registry, versions=8)
    told = []

    def promote(number):
        try:
            registry.transition_stage("churn", number, "Staging", True, ME, expected=0)
            told.append(number)
        except Conflict:
            told.append(None)

    threads = [threading.Thread(target=promote, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert sum(number is not None for number in told) == 1


def test_a_model_is_deleted_or_renamed_while_versions_come(registry):
    new(registry)

    def work(number):
        if number == 0:
            return registry.rename_registered_model("churn", "retention", ME)
        if number == 1:
            return registry.delete_registered_model("retention", ME)
        for _ in range(5):
            register(registry)
        return None

    _, failed = together(work)
    assert all(message.startswith("NotFound: ") for message in failed)
    left = {model.name for model in registry.search_registered_models()}
    assert left <= {"retention"}
    assert {v.name for v in registry.search_model_versions()} <= left


def test_a_reader_sees_one_moment_of_a_rename(sql_registry):
    """A page of models and what belongs to them come from one view, whoever renames meanwhile."""
    new(sql_registry, "a0", versions=1)
    sql_registry.set_alias("a0", "it", 1, ME)
    stop = threading.Event()

    def rename():
        number = 0
        while not stop.is_set():
            sql_registry.rename_registered_model(f"a{number}", f"a{number + 1}", ME)
            sql_registry.transition_stage(f"a{number + 1}", 1, "Staging", True, ME)
            sql_registry.transition_stage(f"a{number + 1}", 1, "None", False, ME)
            number += 1

    thread = threading.Thread(target=rename)
    thread.start()
    try:
        for _ in range(50):
            [found] = sql_registry.search_registered_models()
            assert [v.name for v in found.latest_versions] == [found.name]
            assert found.aliases == {"it": 1}
            [version] = sql_registry.search_model_versions()
            assert version.aliases == ["it"]
    finally:
        stop.set()
        thread.join()


def test_kill_9_leaves_nothing_half_done(tmp_path):
    """Each change is one transaction: a version has all its files, one version is live."""
    code = """
import itertools
from mlpack.registry.entities import By
from mlpack.registry.uri import open_registry
registry, me = open_registry("store"), By("me")
registry.create_registered_model("churn", {}, "", me)
for i in itertools.count():
    files = {f"f{n}": f"sha256:{i}" for n in range(50)}
    made = registry.create_model_version(
        "churn", "s3://bucket/m", tags={"n": str(i)}, description="", files=files, by=me
    )
    registry.transition_stage("churn", made.version, "Production", True, me)
    registry.set_alias("churn", "live", made.version, me)
    print(made.version, flush=True)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as child:
        for _ in range(30):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        told = [int(line) for line in child.stdout if line.endswith("\n")]
    registry = open_registry(tmp_path / "store")
    versions = list(registry.search_model_versions("name = 'churn'"))
    last = max(v.version for v in versions)
    assert last >= max(told, default=30)
    assert sorted(v.version for v in versions) == list(range(1, last + 1))
    assert all(len(registry.get_files("churn", v.version)) == 50 for v in versions)
    assert all(v.tags == {"n": str(v.version - 1)} for v in versions)
    assert sum(v.current_stage == "Production" for v in versions) == 1
    kinds = [(e.version, e.kind) for e in registry.get_history("churn")]
    assert kinds.count((last, "created")) == 1
    assert registry.get_version_by_alias("churn", "live").version in (last, last - 1)
