"""Several workers share the tests: in which order, and what is made once for all of them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# what starts other programs and so takes longest
_LONG = ("docker", "peer", "fresh_env", "cloud", "server", "db")
# folders whose servers, images and libraries take longer to make twice than two workers would save
_TOGETHER = (
    "tests/peers/",
    "tests/deploy/azureml/",
    "tests/deploy/sagemaker/",
    "tests/builders/oci_builder/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first: the short ones fill up the end, so that no worker is left
    with a long file when the others have nothing more to do (with ``--no-loadscope-reorder``)."""
    long = {item.path for item in items if any(map(item.get_closest_marker, _LONG))}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """As ``--dist loadfile``, but some folders stay together."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return next((folder for folder in _TOGETHER if file.startswith(folder)), file)

    return Scheduling(config, log) if config.option.dist == "loadfile" else None


def made_once(name: str, make: Callable[[Path], None], factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that the first worker fills; the others wait until it has."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.fstat(lock.fileno()).st_size:
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            lock.write("made")
    return folder
