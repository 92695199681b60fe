"""Progress of builds: lines that change on a terminal, plain lines elsewhere, nothing on stdout."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading

import pytest
from rich.console import Console

from mlpack.builders.base import Progress
from mlpack.cli import progress
from mlpack.cli.build_progress import LiveBoard
from mlpack.cli.progress import Board, BuildProgress

EVENTS = [
    Progress("part", "base", "base"),
    Progress("cached", "base", "base"),
    Progress("part", "Resolving", "dependencies"),
    Progress("bytes", "Downloading numpy", "dependencies", 5_000_000, 20_000_000),
    Progress("bytes", "Downloading numpy", "dependencies", 10_000_000, 20_000_000),
]


def board(events=EVENTS):
    made = Board()
    for event in events:
        made.take(event)
    return made


def drawn(made, width=100, **console):
    out = Console(
        file=io.StringIO(), force_terminal=True, width=width, color_system=None, **console
    )
    out.print(LiveBoard(made, threading.Lock(), out).render())
    return out.file.getvalue()


def test_each_part_has_a_line_with_what_happens_to_it():
    shown = drawn(board()).splitlines()
    assert re.match(r"= base +.* cached$", shown[0])
    assert "dependencies Resolving  Downloading numpy" in shown[1]
    assert "10.0 / 20.0 MB" in shown[1] and "MB/s" in shown[1]


@pytest.mark.parametrize("width", [20, 40, 69, 70, 200])
def test_lines_fit_the_terminal(width):
    long = Progress("part", "a step with a very long name " * 5)
    shown = drawn(board([*EVENTS, long, Progress("log", "x" * 300)]), width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert len(shown.splitlines()) == 3


def test_the_next_part_ends_the_one_before():
    made = board([*EVENTS, Progress("part", "model", "model")])
    assert [line.state for line in made.lines] == ["cached", "done", "working"]
    assert made.finish("stopped") == [made.lines[2]]


def test_a_transfer_without_a_part_ends_when_all_is_across():
    made = board(
        [Progress("bytes", "Pushing a", None, 1, 2), Progress("bytes", "Pushing b", None, 1, 9)]
    )
    made.take(Progress("bytes", "Pushing a", None, 2, 2))
    assert [line.state for line in made.lines] == ["done", "working"]


def test_a_part_of_the_next_platform_begins_again():
    made = board([*EVENTS, Progress("part", "base", "base")])
    assert [line.state for line in made.lines] == ["cached", "done", "working"]


def test_each_layer_of_a_part_has_a_line():
    made = board(
        [
            Progress("part", "dependencies", "dependencies"),
            Progress("part", "numpy 2.1", "dependencies"),
            Progress("cached", "numpy 2.1", "dependencies"),
            Progress("part", "scipy 1.14", "dependencies"),
            Progress("log", "installing scipy"),
            Progress("bytes", "Packing", "dependencies", 1, 2),
            Progress("part", "model", "model"),
            Progress("cached", "8e25b98876f1 mounted from churn"),
        ]
    )
    assert [(line.part, line.text, line.state) for line in made.lines] == [
        ("dependencies", "numpy 2.1", "cached"),
        ("dependencies", "scipy 1.14", "done"),
        ("model", "", "working"),
        ("", "8e25b98876f1 mounted from churn", "cached"),
    ]


def test_speed_is_of_late(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    made = Board()
    for second in range(20):
        clock[0] = float(second)
        rate = 1000 if second < 10 else 5000
        made.take(Progress("bytes", "x", "base", second * rate, 10**9))
    assert made.lines[0].speed == pytest.approx(5000)


def test_many_transfers_leave_room_for_those_at_work():
    made = board([Progress("bytes", f"blob {n}", None, 1, 1 + n % 2) for n in range(60)])
    shown = drawn(made, 100)
    assert len(shown.splitlines()) == 20
    assert "blob 59" in shown


def test_off_a_terminal_lines_are_plain_and_few(capsys, monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 0.0)  # what is busy takes some time
    with BuildProgress() as shown:
        for event in [*EVENTS, Progress("log", "noise"), Progress("notice", "pandas is added")]:
            shown.report(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "  base: cached",
        "note: pandas is added",
    ]  # what took no time needs no line


def test_quiet_shows_notices_only(capsys):
    with BuildProgress(quiet=True) as shown:
        for event in [*EVENTS, Progress("notice", "pandas is added")]:
            shown.report(event)
    assert capsys.readouterr() == ("", "note: pandas is added\n")


def test_a_part_that_takes_long_says_so_in_a_log(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_LONG_SECONDS", -1.0)
    with BuildProgress() as shown:
        shown.report(Progress("part", "base", "base"))
        shown.report(Progress("log", "still there"))
        shown.report(Progress("log", "still there"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  base …" and lines.count("  base …") == 1


def test_what_a_build_prints_commands_no_terminal(capsys):
    with BuildProgress() as shown:
        shown.report(Progress("notice", "\x1b[2Jgone \x1b]0;title\x07"))
    assert "\x1b" not in capsys.readouterr().err
    assert "\x1b[2J" not in drawn(board([Progress("part", "\x1b[2J[bold]x[/nope]")]))


SCRIPT = """
import sys, time
from mlpack.builders.base import Progress
from mlpack.cli.progress import BuildProgress
{before}
with BuildProgress() as shown:
    shown.report(Progress("part", "base", "base"))
    shown.report(Progress("bytes", "Downloading", "base", 1, 2))
    shown.report(Progress("notice", "look here"))
    time.sleep(1)  # it is drawn ten times a second, on a machine that has time for it
    {inside}
print("summary")
"""


def on_a_terminal(inside="", before="", interrupt=False, **environment):
    """What such a script writes to a terminal on stderr, to stdout, and its exit code."""
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(inside=inside or "pass", before=before or "pass")],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            piece = os.read(control, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
        if interrupt and b"begun" in seen:
            process.send_signal(signal.SIGINT)
            interrupt = False
    os.close(control)
    out = process.communicate(timeout=60)[0]
    return seen.decode(), out.decode(), process.returncode


def test_a_terminal_is_left_as_it_was():
    seen, out, code = on_a_terminal()
    assert code == 0 and out == "summary\n"
    assert "Downloading" in seen and "look here" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")  # the cursor is back


def test_ctrl_c_leaves_the_terminal_clean():
    # written past all else, when the modules that are loaded late are there; many short sleeps,
    # since a signal that comes just before a long one does not end it
    inside = "import os; os.write(2, b'begun'); [time.sleep(0.05) for _ in range(1200)]"
    seen, out, code = on_a_terminal(inside, interrupt=True)
    assert code != 0 and out == "", seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")


def test_no_colour_where_none_is_wanted():
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m|\x1b\[[0-9;]*38;")
    assert colour.search(on_a_terminal()[0])
    assert not colour.search(on_a_terminal(NO_COLOR="1")[0])


@pytest.mark.parametrize(
    "given",
    [{"before": "sys.modules['rich'] = sys.modules['rich.console'] = None"}, {"TERM": "dumb"}],
)
def test_without_rich_or_on_a_dumb_terminal_lines_are_plain(given):
    seen, _, code = on_a_terminal(**given)
    assert code == 0
    assert "\x1b" not in seen
    assert "note: look here" in seen
