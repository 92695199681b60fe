"""What the scripts of this folder share: chapters of a day, and what was seen in each.

Run by MLflow's Python; nothing of mlpack is imported. Whatever differs from run to run (ids,
times, addresses) is told alike, so that two diaries of the same day can be compared.
"""

import json
import os
import re
import sys
import traceback
import uuid
import warnings

import mlflow
import requests

warnings.simplefilter("ignore")

GENERATION = int(mlflow.__version__.split(".")[0])
DAY = uuid.uuid4().hex[:12]
NAME = f"day {DAY}"  # a prefix of all names, so that many days fit on one server

_chapters = []


def chapter(since=1):
    """A function that lives a part of the day, for MLflow from that generation on."""

    def keep(function):
        if since <= GENERATION:
            _chapters.append(function)
        return function

    return keep


def refusal(call, *args, **kwargs):
    """How a call fails: the error's class, code and HTTP status."""
    try:
        answer = call(*args, **kwargs)
    except mlflow.exceptions.MlflowException as error:
        assert str(error).strip()
        return [type(error).__name__, error.error_code, error.get_http_status_code()]
    except requests.HTTPError as error:  # transfers of files tell it in requests' own way
        text = str(error)
        return [re.search(r'"error_code": *"(\w+)"', text).group(1), int(text[:3])]
    return f"not refused: {answer!r}"


def run_fields(run):
    """A run as plain values."""
    info = run.info
    return {
        "name": info.run_name,
        "id": info.run_id,
        "status": info.status,
        "stage": info.lifecycle_stage,
        "user": info.user_id,
        "times": [type(info.start_time).__name__, type(info.end_time).__name__],
        "place": info.artifact_uri.replace(info.experiment_id, "<experiment>", 1),
        "params": run.data.params,
        "metrics": run.data.metrics,
        "latest": sorted(
            [metric.key, metric.value, metric.step] for metric in run.data._metric_objs
        ),
        "tags": {key: value for key, value in run.data.tags.items() if key != "mlflow.user"},
    }


def _told(value):
    """The value with what differs from run to run taken out, as plain JSON."""
    if isinstance(value, dict):
        return {str(_told(key)): _told(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_told(item) for item in value]
    if isinstance(value, float):
        return repr(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    text = str(value).replace(os.environ["MLFLOW_TRACKING_URI"], "<server>").replace(DAY, "")
    text = re.sub(r"\bm-[0-9a-f]{32}\b", "<model>", text)
    return re.sub(r"\b[0-9a-f]{32}(?:[0-9a-f]{8})?\b", "<id>", text)  # also commits of Git


def tell():
    """Live all chapters, in order, and print what was seen as one JSON object."""
    diary = {}
    for part in _chapters:
        try:
            diary[part.__name__] = _told(part())
        except Exception:
            diary[part.__name__] = {"crashed": traceback.format_exc()}
        finally:
            while mlflow.active_run():
                mlflow.end_run()
    print("\n" + json.dumps(diary), file=sys.__stdout__)
