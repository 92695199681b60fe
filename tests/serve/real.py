"""A real server in processes of its own, and a model that does what a request says."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import cloudpickle

from mlpack.flavors import PythonModel, save_model

COMMAND = [sys.executable, "-m", "mlpack.serve", "serve"]
JSON = {"Content-Type": "application/json"}
# of a server whose stop has to wait for nothing: if it did wait, it would be for all of this
PATIENT = {"MLPACK_GRACEFUL_TIMEOUT": "600"}

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Obedient(PythonModel):
    """Does what the request says."""

    def predict(self, context, model_input, params=None):
        order = model_input[0] if isinstance(model_input, list) else model_input
        if str(order).startswith("sleep"):
            time.sleep(float(order[5:]))
        if str(order).startswith("wait "):  # for a file that the test makes; says that it does
            go = order[5:]
            open(f"{go}.begun", "w").close()
            while not os.path.exists(go):
                time.sleep(0.01)
        if order == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "goodbye":
            atexit.register(lambda: print("The model said goodbye.", file=sys.stderr))
        if order == "raise":
            raise ValueError("refused to obey")
        if order == "pid":
            return os.getpid()
        if order == "variables":
            return sorted(os.environ)
        if order == "threads":
            return os.environ["OMP_NUM_THREADS"]
        return model_input


def save_obedient(folder):
    """The model as a folder; returns its path."""
    save_model(Obedient(), folder, signature=False)
    return folder


class Server:
    """``python -m mlpack.serve`` on a free port; ends with the block."""

    def __init__(self, folder, tmp_path, *options, stdout=None, **environ):
        self.log = tmp_path / f"log {time.monotonic_ns()}"
        self.out = self.log.with_suffix(".out")
        environ = {"MLPACK_TRUST_MODEL": "1", **environ}
        model = [] if folder is None else ["--model", str(folder)]
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, *model, "--host", "127.0.0.1", "--port", "0", *options],
                stdout=stdout or out,
                stderr=log,
                env={**os.environ, **environ},
                start_new_session=True,
            )

    def __enter__(self):
        return self.ready()

    def __exit__(self, *error):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def text(self):
        return self.log.read_text()

    def ready(self):
        until = time.monotonic() + 60
        while not (found := re.search(r"serving on (https?)://127.0.0.1:(\d+)", self.text)):
            assert self.process.poll() is None and time.monotonic() < until, self.text
            time.sleep(0.02)
        self.scheme, self.port = found[1], int(found[2])
        return self

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def connection(self):
        if self.scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    def ask(self, method, path, body=None, headers=JSON):
        """(status, headers, body) of one request."""
        connection = self.connection()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.headers, content

    def request(self, method, path, body=None, headers=JSON):
        """(status, body) of one request; the body parsed if it is an object."""
        status, _, content = self.ask(method, path, body, headers)
        return status, json.loads(content) if content.startswith(b"{") else content

    def order(self, *orders):
        return self.request("POST", "/invocations", json.dumps({"inputs": list(orders)}))

    def refuses(self):
        """Whether it takes no more connections, as it does once it stops."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    def stop(self, signum=signal.SIGTERM):
        """Its exit code; fails when it takes a minute, which is less than `PATIENT` allows."""
        self.process.send_signal(signum)
        return self.process.wait(60)


class Waiting:
    """An order that is obeyed until it is let go."""

    def __init__(self, folder):
        self.go = folder / f"go {time.monotonic_ns()}"
        self.order = f"wait {self.go}"

    def has_begun(self):
        return self.go.with_name(f"{self.go.name}.begun").exists()

    def let_go(self):
        self.go.touch()


def eventually(condition, seconds=60):
    """What a condition returns once that is true; fails when it never is."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.05)
    return found
