"""A deploy target of one's own: models as plain processes of this machine, without containers.

pip install ./examples/process_target
mlpack deploy -m URI --target process -n churn -C port=5005
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mlpack.deploy_targets.asking import answers, ask
from mlpack.deploy_targets.base import Deployment, Plan, check_name, ignore, say
from mlpack.deploy_targets.options import REQUIRED, option, read_options
from mlpack.errors import DeployFailed, InvalidState, NotFound

FOLDER = Path.home() / ".cache" / "mlpack-process"


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    port: int = option(REQUIRED, "port on this machine", minimum=1, maximum=65535)
    workers: int = option(1, "processes that answer", minimum=1, group="Scaling")


class ProcessTarget:
    name = "process"
    options = ProcessOptions

    def plan(self, request):
        check_name(request.name)
        options = read_options(self.options, request.options, self.name)
        action = "update" if _record(request.name).exists() else "create"
        return Plan(action, [f"start a process on port {options.port}"], asdict(options))

    def create(self, request, report=ignore):
        options = read_options(self.options, request.options, self.name)
        url, log = f"http://127.0.0.1:{options.port}", _record(request.name).with_suffix(".log")
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mlpack.serve", "--model", str(request.model)]
        command += ["--host=127.0.0.1", f"--port={options.port}", f"--workers={options.workers}"]
        environment = {**os.environ, "MLPACK_MODEL_DIGEST": request.model_digest or ""}
        say(report, f"Starting a process on port {options.port}")
        with log.open("w") as file:
            process = subprocess.Popen(command, stderr=file, env=environment, process_group=0)
        while process.poll() is None and not answers(url):
            time.sleep(0.1)
        if process.returncode is not None:
            raise DeployFailed("The process ended.", log.read_text().splitlines()[-5:])
        uri, digest, more = request.model_uri, request.model_digest, {"pid": process.pid}
        made = Deployment(request.name, self.name, "healthy", url, uri, digest, "", "", more)
        _record(request.name).write_text(json.dumps(made.to_dict()))
        return made

    def update(self, request, report=ignore):
        self.delete(request.name, report)
        return self.create(request, report)

    def rollback(self, name, report=ignore):
        raise InvalidState("This target keeps no versions: deploy the one before again.")

    def delete(self, name, report=ignore, *, force=False):
        os.killpg(self.get(name).details["pid"], signal.SIGTERM)
        _record(name).unlink()

    def list(self):
        return [self.get(file.stem) for file in sorted(FOLDER.glob("*.json"))]

    def get(self, name):
        if not _record(name).exists():
            raise NotFound(f"There is no process {name!r}.")
        return Deployment(**json.loads(_record(name).read_text()))

    def predict(self, name, body, content_type):
        return ask(f"{self.get(name).endpoint}/invocations", body, content_type)

    def logs(self, name, tail=None, follow=False):
        return iter(_record(name).with_suffix(".log").read_text().splitlines()[-(tail or 0) :])


def _record(name):
    return FOLDER / f"{name}.json"
