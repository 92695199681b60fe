"""A bar for long transfers, and nothing for the others."""

import io
import signal
import subprocess
import sys
import threading
import time

import pytest

from mlpack import progress
from mlpack.artifacts.transfer import in_parallel


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function that makes a terminal of standard error; pytest sets its own after fixtures."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("MLPACK_PROGRESS", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"):
        monkeypatch.delenv(name, raising=False)

    def use():
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return use


def test_a_long_transfer_shows_a_bar(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0)
    stream = terminal()
    with progress.transfer("Uploading [x] to y", 3_000_000) as bar:
        bar.advance(1_000_000)
        bar.advance(2_000_000)
    # drawn at the first piece; what follows at once is not drawn again
    assert "Uploading [x] to y" in stream.getvalue() and "1.00M/3.00M" in stream.getvalue()


def test_ctrl_c_ends_transfers_that_have_begun(request):
    heard = []

    def once(*_):
        if not heard:
            heard.append(True)
            raise KeyboardInterrupt

    # a shell that starts the tests in the background has them ignore it
    before = signal.signal(signal.SIGINT, once)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def work(item):
        # one that comes just before the main thread begins to wait does not wake it
        while not heard:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.05)
        while True:
            bar.advance(item)

    with pytest.raises(KeyboardInterrupt), progress.transfer("x", None) as bar:
        in_parallel(work, [1], 1, bar.stop)


def test_a_short_one_does_not(terminal):
    stream = terminal()
    with progress.transfer("x", None) as bar:
        bar.advance(1)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLPACK_PROGRESS", "0"), ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")],
)
def test_it_can_be_switched_off(terminal, monkeypatch, name, value):
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0)
    monkeypatch.setenv(name, value)
    stream = terminal()
    with progress.transfer("x", 2) as bar:
        bar.advance(1)
        bar.advance(1)
    assert stream.getvalue() == ""


def test_off_a_terminal_nothing_is_imported():
    code = "import sys; from mlpack import progress\n"
    code += "with progress.transfer('x', 1) as bar: bar.advance(1)\n"
    code += "assert 'tqdm' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_bar_goes_when_the_transfer_fails(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0)
    terminal()
    with pytest.raises(ValueError, match="boom"), progress.transfer("x", 2) as bar:
        bar.advance(1)
        raise ValueError("boom")
    bar.advance(1)
