"""The target ``kserve``: an InferenceService, with our image or with KServe's own server."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import Conflict, InvalidInput, InvalidState
from ..asking import answer_of, ask_server, authorization
from ..base import DeployRequest, Prediction, Report, say
from .cluster import Cluster
from .common import FAILED, PREVIOUS, URI, WANTED, Manifest
from .flow import ClusterTarget
from .inference import inference_service
from .options import ClusterOptions, KServeOptions
from .owned import owned
from .rollout import Trouble, failed, trouble_of
from .source import Source

_ISVC = "serving.kserve.io/inferenceservice"
_MODE = "serving.kserve.io/deploymentMode"
_RAW = ("RawDeployment", "Standard")
_LOADABLE = ("s3://", "gs://", "https://", "abfss://", "wasbs://")
_BROKEN = ("InvalidSpec", "BlockedByFailedLoad")


class KServeTarget(ClusterTarget[KServeOptions]):
    """The `DeployTarget` ``kserve``."""

    name = "kserve"
    options = KServeOptions
    kind = "InferenceService"
    container = "kserve-container"

    def predict(self, name: str, body: bytes, content_type: str) -> Prediction:
        """See `DeployTarget.predict`."""
        with self._cluster() as cluster:
            found = self._need(cluster, name)
            own_server = "model" in found["spec"]["predictor"]
            path = _path(name, body) if own_server else "/invocations"
            if _is_raw(found) and not authorization():
                answer: Any = cluster.ask(f"{name}-predictor", 80, path, body, content_type)
                return answer_of(answer, f"The deployment {name!r}")
            url = (found.get("status") or {}).get("url")
            if not url:
                raise InvalidState(f"The deployment {name!r} has no address yet.")
            return ask_server(f"{url}{path}", body, content_type)

    def _read(self, request: DeployRequest) -> KServeOptions:
        options = super()._read(request)
        if options.way != "mlflow" or options.storage_uri:
            return options
        if request.model_uri.startswith(_LOADABLE):
            return replace(options, storage_uri=request.model_uri)
        raise InvalidInput(
            "KServe's own server fetches the model itself: say from where with "
            "-C storage_uri=s3://…, or use our image, which holds it (-C way=image)."
        )

    def _source(self, request: DeployRequest, options: KServeOptions) -> Source:
        if options.way == "image":
            return super()._source(request, options)
        return Source(request.model_digest or request.model_uri, "")

    def _manifests(
        self,
        request: DeployRequest,
        options: KServeOptions,
        image: str,
        wanted: str,
        current: Manifest | None,
    ) -> Sequence[Manifest]:
        previous = None
        if current is not None:
            # what is applied again leaves the way back as it is
            again = self._noted(current) == wanted
            previous = (
                self._all_annotations(current).get(PREVIOUS) if again else _remembered(current)
            )
        notes = self._notes(request, image, wanted)
        return [inference_service(request.name, image, options, notes, previous)]

    def _noted(self, found: Manifest) -> str:
        return str(self._annotations(found).get(WANTED, ""))

    def _annotations(self, found: Manifest) -> Mapping[str, str]:
        return self._all_annotations(found)

    @staticmethod
    def _all_annotations(found: Manifest) -> Mapping[str, str]:
        return dict(found["metadata"].get("annotations") or {})

    def _wait(
        self, cluster: Cluster, applied: Manifest, options: ClusterOptions, report: Report
    ) -> None:
        name, generation = applied["metadata"]["name"], applied["metadata"].get("generation", 0)
        deadline, pause, told = time.monotonic() + options.timeout, 0.1, ""
        while True:
            found = cluster.find(self.kind, name)
            if found is None or self._noted(found) != self._noted(applied):
                raise Conflict(f"Somebody else changed the deployment {name!r} meanwhile.")
            status = found.get("status") or {}
            seen = int(status.get("observedGeneration") or 0) >= generation
            if seen and _is_ready(status):
                return
            message, broken = _doing(status) if seen else ("Not seen yet", False)
            trouble = _trouble(cluster, name)
            if broken or trouble.hopeless or time.monotonic() > deadline:
                why = trouble.text or f"{message} (after {options.timeout:g} s)"
                raise failed(cluster, name, why, trouble, self._pod_labels(name))
            if message != told:
                say(report, message)
                told = message
            time.sleep(pause)
            pause = min(pause * 1.5, 3.0)

    def _put_back(self, cluster: Cluster, current: Manifest) -> Manifest:
        name = current["metadata"]["name"]
        text = self._all_annotations(current).get(PREVIOUS)
        try:
            before = json.loads(text or "")
            annotations, predictor = dict(before["annotations"]), dict(before["predictor"])
        except (ValueError, KeyError, TypeError):
            raise InvalidState(
                f"The deployment {name!r} has had no version before this one."
            ) from None
        predictor.pop("canaryTrafficPercent", None)  # all of it comes back
        manifest = owned(current)
        manifest["metadata"]["annotations"] = {**annotations, PREVIOUS: _remembered(current)}
        return cluster.apply({**manifest, "spec": {"predictor": predictor}})

    def _status(self, cluster: Cluster, found: Manifest) -> tuple[Any, str | None, dict[str, Any]]:
        status = found.get("status") or {}
        seen = int(status.get("observedGeneration") or 0) >= int(
            found["metadata"].get("generation") or 0
        )
        message, broken = _doing(status)
        if seen and _is_ready(status):
            word = "healthy"
        elif broken:
            word = "failed"
        else:
            word = "updating" if status.get("url") else "starting"
        predictor = (status.get("components") or {}).get("predictor") or {}
        before = json.loads(self._all_annotations(found).get(PREVIOUS, "{}"))
        details = {
            "revision": predictor.get("latestReadyRevision"),
            "canary_percent": found["spec"]["predictor"].get("canaryTrafficPercent"),
            "condition": None if word == "healthy" else message,
            "previous_model_uri": (before.get("annotations") or {}).get(URI),
        }
        told = {key: value for key, value in details.items() if value is not None}
        return word, status.get("url"), told

    def _pod_labels(self, name: str) -> Mapping[str, str]:
        return {_ISVC: name}

    def _paid(self, options: KServeOptions) -> Sequence[str]:
        if not options.gpus:
            return []
        most = options.max_replicas or options.min_replicas or 1
        return [f"{most} × {options.gpus} {options.gpu_resource}, until deleted"]


def _remembered(current: Manifest) -> str:
    """What a rollback puts back."""
    ours = owned(current)
    notes = {
        key: value
        for key, value in ours["metadata"].get("annotations", {}).items()
        if key not in (PREVIOUS, FAILED)
    }
    what = {"annotations": notes, "predictor": ours["spec"]["predictor"]}
    return json.dumps(what, sort_keys=True)


def _is_ready(status: Mapping[str, Any]) -> bool:
    return any(
        (each.get("type"), each.get("status")) == ("Ready", "True")
        for each in status.get("conditions") or ()
    )


def _doing(status: Mapping[str, Any]) -> tuple[str, bool]:
    """What keeps it from being ready, and whether waiting is of no use."""
    model = status.get("modelStatus") or {}
    last = model.get("lastFailureInfo") or {}
    broken = model.get("transitionStatus") in _BROKEN
    if broken:
        said = str(last.get("message") or last.get("reason") or model["transitionStatus"])
        return said.splitlines()[0][:300].rstrip("."), True
    for each in status.get("conditions") or ():
        if each.get("status") == "False":
            said = str(each.get("message") or each.get("reason") or each.get("type"))
            return f"{each.get('type')}: {said[:300].rstrip('.')}", False
    return "Not ready yet", False


def _trouble(cluster: Cluster, name: str) -> Trouble:
    found = [trouble_of(pod) for pod in cluster.all_of("Pod", {_ISVC: name})]
    return next((t for t in found if t.hopeless), next((t for t in found if t.text), Trouble()))


def _is_raw(found: Manifest) -> bool:
    """Do ordinary Services lead to it, which the cluster's proxy can reach?"""
    mode = (found.get("status") or {}).get("deploymentMode")
    mode = mode or (found["metadata"].get("annotations") or {}).get(_MODE)
    return mode in _RAW


def _path(name: str, body: bytes) -> str:
    """KServe's server for MLflow models takes MLflow's bodies, too, at another address."""
    try:
        inputs = json.loads(body).get("inputs")
    except (ValueError, AttributeError):
        inputs = None
    is_v2 = isinstance(inputs, list) and inputs and isinstance(inputs[0], dict)
    return f"/v2/models/{name}/infer" if is_v2 and "datatype" in inputs[0] else "/invocations"
