"""Size of the quickstart model's image, time to build it, what a push sends, time to ready.

    python benchmarks/image.py --peer-python PATH [--no-peer]

Images from the same base image and the same pipeline:

- ours, as `mlpack build-docker` makes it through the engine (docker) and without one (oci);
- the yardstick: the base image with `pip install --no-cache-dir` of numpy, scipy, scikit-learn
  (and pandas if the model's requirements name it) and nothing else;
- the peer's: its `mlflow models generate-dockerfile` writes what its `build-docker` builds. The
  `FROM` line, which names an exact patch release of Python, is replaced with our base image, and
  the context goes to the same engine through the same call. It installs nginx by apt and mlflow
  by pip, so the build needs a network and takes minutes; `--no-peer` leaves it out.

"Cold" is a build without any cache: the engine's own, and for oci empty caches of ours and of uv,
with the base image in a registry on this machine. "New model" is the build that follows when the
pipeline was fitted anew and nothing else changed. oci writes an image layout where nothing else is
said. "Command" is the whole `mlpack` process; the other builds are without the start of Python.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import image_sides as sides
from harness import Row, install_ours, interleave, parser, peer_python, report
from image_sides import DOCKER, NAMES, OCI, PEER, YARDSTICK

OVER_BASE_LIMIT_MB = 30
OF_PEER_LIMIT = 0.5
STOP_LIMIT = 1.0
NEW_MODEL_LIMIT, NEW_MODEL_TIMES = 1.0, 30
UNCHANGED_LIMIT = 0.3


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--no-peer", action="store_true", help="leave the peer's image out")
    options.add_argument("--base-image", default="python:3.11-slim")
    arguments = options.parse_args()
    peer = None if arguments.no_peer else peer_python(arguments)

    import docker

    client = docker.from_env(timeout=3600)
    try:
        with tempfile.TemporaryDirectory() as folder, sides.registry(Path(folder)) as registry:
            bench = Bench(client, Path(folder), arguments.base_image, peer, arguments.rounds)
            rows = bench.measure(registry)
    finally:
        for name in NAMES:
            sides.remove(client, name)
        client.close()
    report("Image of the quickstart's model", rows, arguments)


class Bench:
    """One run: models are fitted, each side builds its images, and they are compared."""

    def __init__(self, client: Any, work: Path, base: str, peer: Path | None, rounds: int) -> None:
        self.client, self.work, self.base, self.peer = client, work, base, peer
        self.rounds = rounds
        # every build of "a new model" needs one that no cache has seen
        penalties = [0.5 + 0.25 * number for number in range(4 * rounds + 2)]
        self.models = [sides.save("mlpack", sys.executable, work, C) for C in penalties]

    def measure(self, registry: sides.Registry | None) -> list[Row]:
        theirs = self.build_peers()
        docker = self.build_through_engine()
        rows = self.rows_of_building(docker, theirs, registry)
        sides.build_yardstick(self.client, self.work / "yardstick", self.models[0], self.base)
        sides.build_in_process("oci", self.models[0], self.base, ["engine"])
        pushes = self.rows_of_pushing(registry) if registry else []
        return [*self.rows_of_size(), *rows, *pushes, *self.rows_of_running()]

    def new(self) -> Path:
        """A model that was not built yet."""
        return self.models.pop()

    def build_peers(self) -> dict[str, float]:
        if not self.peer:
            return {}
        theirs, folders = {}, {}
        for kind, C in (("cold", 0.5), ("new model", 2.0)):
            model = sides.save("mlflow", self.peer, self.work, C)
            context = self.work / f"context-{C}"
            folders[kind] = sides.peer_context(self.peer, model, context, self.base)
            theirs[kind] = sides.build(self.client, context, PEER, cold=kind == "cold")
        again = folders["new model"]
        theirs["unchanged"] = sides.build(self.client, again, PEER, cold=False)
        return theirs

    def build_through_engine(self) -> dict[str, float]:
        def build(model: Path, *, cold: bool = False) -> float:
            return sides.build_in_process("docker", model, self.base, cold=cold)

        first = self.models[0]
        return {
            "cold": build(first, cold=True),
            "new model": median(build(self.new()) for _ in range(self.rounds)),
            "unchanged": median([build(first) for _ in range(self.rounds + 1)][1:]),
        }

    def rows_of_building(
        self, docker: dict[str, float], theirs: dict[str, float], registry: sides.Registry | None
    ) -> list[Row]:
        base = self.base
        if registry:
            base = f"{registry.address}/{self.base.rpartition('/')[2]}"
            name, _, tag = base.rpartition(":")
            self.client.images.get(self.base).tag(name, tag)
            for _ in self.client.api.push(name, tag, stream=True):
                pass
            self.client.images.remove(base)
        where = f"layout:{self.work / 'layout'}"
        mlpack = install_ours(self._folder("installed"), "uv", "rich").with_name("mlpack")
        first = self.models[0]
        with sides.empty_caches(self.work / "caches") as environment:
            cold = sides.process(mlpack, first, base, where, environment)
            new = median(
                sides.build_in_process("oci", self.new(), base, [where]) for _ in range(self.rounds)
            )
            new_command = median(
                sides.process(mlpack, self.new(), base, where, environment)
                for _ in range(self.rounds)
            )
            same = median(
                [
                    sides.build_in_process("oci", first, base, [where])
                    for _ in range(self.rounds + 1)
                ][1:]
            )
            same_command = median(
                sides.process(mlpack, first, base, where, environment) for _ in range(self.rounds)
            )
        peer_cold, peer_new = theirs.get("cold"), theirs.get("new model")
        unchanged = theirs.get("unchanged")
        fast = new < NEW_MODEL_LIMIT and (peer_new is None or peer_new >= NEW_MODEL_TIMES * new)
        return [
            self._half(Row("build, cold: docker", docker["cold"], peer_cold)),
            self._half(Row("build, cold: oci, command", cold, peer_cold)),
            Row("new model: docker", docker["new model"], peer_new),
            Row(
                "new model: oci",
                new,
                peer_new,
                target=f"under {NEW_MODEL_LIMIT:.0f} s, {NEW_MODEL_TIMES} x",
                met=fast,
            ),
            Row("new model: oci, command", new_command, peer_new),
            Row("nothing changed: docker", docker["unchanged"], unchanged),
            Row(
                "nothing changed: oci",
                same,
                unchanged,
                target=f"under {UNCHANGED_LIMIT} s",
                met=same < UNCHANGED_LIMIT,
            ),
            Row("nothing changed: oci, command", same_command, unchanged),
        ]

    def rows_of_pushing(self, registry: sides.Registry) -> list[Row]:
        """The first version fills the registry; what counts is the second."""
        name = f"{registry.address}/{OCI}"
        sides.push_in_process(self.new(), f"{name}:1", self.base)
        before = registry.size()
        seconds = sides.push_in_process(self.new(), f"{name}:2", self.base)
        sent = (registry.size() - before) / 1000
        theirs: tuple[float, float] | None = None
        if self.peer:
            registry.push_from_engine(self.client, PEER, "1")
            model = sides.save("mlflow", self.peer, self.work, 3.0)
            context = sides.peer_context(self.peer, model, self.work / "context-3", self.base)
            built = sides.build(self.client, context, PEER, cold=False)
            before = registry.size()
            took = built + registry.push_from_engine(self.client, PEER, "2")
            theirs = took, (registry.size() - before) / 1000
        return [
            Row("new model built and pushed: oci", seconds, theirs[0] if theirs else None),
            Row("  sent to the registry", sent, theirs[1] if theirs else None, "kB"),
        ]

    def rows_of_size(self) -> list[Row]:
        sizes = {name: sides.size(self.client, name) for name in (DOCKER, OCI, YARDSTICK)}
        base = sides.size(self.client, self.base)
        peer = sides.size(self.client, PEER) if self.peer else None
        rows = [
            self._half(Row(f"image: {kind}", sizes[name], peer, "MB"))
            for kind, name in (("docker", DOCKER), ("oci", OCI))
        ]
        rows.append(Row("  base image", base, base if self.peer else None, "MB"))
        for kind, name in (("docker", DOCKER), ("oci", OCI)):
            over = sizes[name] - sizes[YARDSTICK]
            rows.append(
                Row(
                    f"  over base, numpy, scipy, scikit-learn: {kind}",
                    over,
                    peer - sizes[YARDSTICK] if peer else None,
                    "MB",
                    target=f"at most {OVER_BASE_LIMIT_MB} MB",
                    met=over <= OVER_BASE_LIMIT_MB,
                )
            )
        return rows

    def rows_of_running(self) -> list[Row]:
        measured = [DOCKER, OCI, *([PEER] if self.peer else [])]
        stops: dict[str, list[float]] = {name: [] for name in measured}
        starts = interleave(
            {
                name: lambda name=name: sides.start(self.client, name, stops[name])
                for name in measured
            },
            self.rounds,
        )
        peer = starts.get(PEER)
        rows = [
            self._half(Row(f"start to ready: {kind}", starts[name], peer))
            for kind, name in (("docker", DOCKER), ("oci", OCI))
        ]
        ours = max(*stops[DOCKER], *stops[OCI])
        return [
            *rows,
            Row(
                "SIGTERM to end",
                ours,
                max(stops[PEER]) if self.peer else None,
                target=f"under {STOP_LIMIT:.0f} s",
                met=ours < STOP_LIMIT,
            ),
        ]

    def _half(self, row: Row) -> Row:
        """At most half of the peer's, where there is a peer."""
        if row.peer is None:
            return row
        return Row(
            row.what,
            row.ours,
            row.peer,
            row.unit,
            target=f"at most {OF_PEER_LIMIT:.0%} of the peer's",
            met=row.ours <= OF_PEER_LIMIT * row.peer,
        )

    def _folder(self, name: str) -> Path:
        folder = self.work / name
        folder.mkdir()
        return folder


if __name__ == "__main__":
    main()
