"""What tests start does not outlive them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mlpack.tests import leftovers

# a test's process that starts something, which starts something in a session of its own
PARENT = """
import os, subprocess, sys, time
from mlpack.tests import leftovers
leftovers.watch()
mark = os.environ["MLPACK_TEST_PROCESS"]
sleeping = "import time; time.sleep(600)"
starting = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True);"
python = [sys.executable, "-c"]
subprocess.Popen([*python, starting + sleeping, *python, sleeping])
while len(leftovers.marked(mark)) < 2:
    time.sleep(0.02)
print(mark, flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("how", ["is-killed", "ends"])
def test_children_end_with_the_tests(how):
    code = PARENT if how == "ends" else PARENT + "time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as tests:
        mark = tests.stdout.readline().strip()
        assert mark and mark != os.environ["MLPACK_TEST_PROCESS"]
        if how == "is-killed":
            tests.send_signal(signal.SIGKILL)
        tests.wait()
        while leftovers.marked(mark):
            time.sleep(0.02)
