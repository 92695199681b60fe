"""The logs of all pods of a deployment as one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping

from ...errors import MlpackError, NotFound
from .cluster import Cluster
from .rollout import newest

_END = None


def log_lines(
    cluster: Cluster, labels: Mapping[str, str], container: str, tail: int | None, follow: bool
) -> Iterator[str]:
    """Each line with the pod that wrote it before it, if there are several.

    Raises:
        NotFound: there is no pod.
    """
    pods = [each["metadata"]["name"] for each in newest(cluster, labels)]
    if not pods:
        raise NotFound("No pod of it is there now; it may be scaled to none.")
    if not follow:
        for pod in pods:
            for line in _of_pod(cluster, pod, container, tail):
                yield f"{pod}  {line}" if len(pods) > 1 else line
        return
    yield from _together(cluster, pods, container, tail)


def _of_pod(cluster: Cluster, pod: str, container: str, tail: int | None) -> Iterator[str]:
    try:
        yield from cluster.log(pod, container, tail, follow=False)
    except MlpackError as error:
        yield f"(no log: {error.message})"  # the others' logs are wanted all the same


def _together(cluster: Cluster, pods: list[str], container: str, tail: int | None) -> Iterator[str]:
    lines: queue.Queue[str | None] = queue.Queue(maxsize=1000)

    def read(pod: str) -> None:
        try:
            for line in cluster.log(pod, container, tail, follow=True):
                lines.put(f"{pod}  {line}" if len(pods) > 1 else line)
        except MlpackError as error:
            lines.put(f"(no log of {pod}: {error.message})")
        finally:
            lines.put(_END)

    for pod in pods:
        threading.Thread(target=read, args=(pod,), daemon=True).start()
    left = len(pods)
    while left:
        line = lines.get()
        if line is _END:
            left -= 1
        else:
            yield line
