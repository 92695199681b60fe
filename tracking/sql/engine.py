"""What the store asks of a database, whichever it is: transactions, and errors in our words."""

from __future__ import annotations

import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy.engine import Connection

from ...errors import StorageUnavailable

LOCK_TIMEOUT = 60.0  # seconds a writer waits for the others
_ATTEMPTS = 6
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Database(ABC):
    """A database and how to talk to it; safe to use from any thread and after a fork.

    Attributes:
        uri: the address that opens it again.
        name: how messages call it: never with a password.
        longest_read: seconds that a `read` may take, where the database has no limit of its own.
    """

    uri: str
    name: str
    longest_read: float = math.inf

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that may change things: committed at the end, rolled back on any error.

        Raises:
            StorageFailed: the database cannot be opened or written.
            StorageUnavailable: it does not answer now, or others have locked it for too long.
        """

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """A consistent view.

        Raises:
            StorageFailed: the database cannot be read.
            StorageUnavailable: it does not answer now.
        """

    @abstractmethod
    def maintenance(self) -> AbstractContextManager[Connection]:
        """A transaction that makes or changes the schema, whatever it is now, and is alone in it.

        Raises:
            StorageFailed: as `write`.
        """

    @abstractmethod
    def facts(self) -> dict[str, str] | None:
        """What the database says about itself, whatever its version; None where nothing is.

        Raises:
            StorageFailed: as `read`.
        """

    @property
    @abstractmethod
    def artifact_root(self) -> str:
        """The folder or address below which experiments keep their files."""

    @property
    @abstractmethod
    def new_artifact_root(self) -> str:
        """What is recorded as the artifact root when the schema is made."""

    def backup(self, version: int) -> Path | None:
        """Copy the database before its schema changes from this version; None: not our task."""
        return None


class Conflict(StorageUnavailable):
    """Another transaction came between; the same one again sees what that one did."""


def repeated(transaction: Callable[_P, _R]) -> Callable[_P, _R]:
    """A method that is one transaction and nothing else: done again after a `Conflict`."""

    @wraps(transaction)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for attempt in range(1, _ATTEMPTS):
            try:
                return transaction(*args, **kwargs)
            except Conflict:
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - out of step
        return transaction(*args, **kwargs)

    return run
