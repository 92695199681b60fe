"""Several transfers at once: who hears what, and what stops whom."""

from __future__ import annotations

import threading

import pytest

from mlpack.builders.base import Progress, Report, ignore
from mlpack.builders.remote.parallel import AT_ONCE, Stopped, each, pause


def test_results_keep_their_order_and_reports_come_in_the_calling_thread() -> None:
    heard: list[tuple[str, int]] = []

    def work(item: int, tell: Report) -> int:
        tell(Progress("log", str(item)))
        return item * 2

    def report(progress: Progress) -> None:
        heard.append((progress.message, threading.get_ident()))

    assert each(range(20), work, report) == [item * 2 for item in range(20)]
    assert sorted(heard) == sorted((str(item), threading.get_ident()) for item in range(20))


def test_the_first_failure_stops_the_others() -> None:
    together = threading.Barrier(AT_ONCE)
    stopped, begun = [], []

    def work(item: int, tell: Report) -> None:
        begun.append(item)
        together.wait(60)
        if item == 1:
            raise ValueError("of the second")
        try:
            if item == 0:
                pause(600)  # a registry that is busy
            while True:
                tell(Progress("bytes", "on and on"))
        except Stopped:
            stopped.append(item)
            raise

    with pytest.raises(ValueError, match="of the second"):
        each(range(50), work, ignore)
    assert sorted(stopped) == [0, 2]
    assert sorted(begun) == [0, 1, 2]


def test_who_presses_ctrl_c_does_not_wait_for_the_rest() -> None:
    def work(item: int, tell: Report) -> None:
        while True:
            tell(Progress("bytes", "on and on"))

    def report(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each(range(5), work, report)


def test_long_pauses_are_told() -> None:
    heard: list[str] = []

    def work(item: float, tell: Report) -> None:
        pause(item)

    def report(progress: Progress) -> None:
        heard.append(progress.message)
        raise KeyboardInterrupt  # nor does who presses Ctrl-C wait for the pause

    with pytest.raises(KeyboardInterrupt):
        each([30.0], work, report)
    assert heard == ["waiting 30 s before the next try"]
