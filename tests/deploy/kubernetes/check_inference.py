"""Runs in the environment that has KServe's own models: what is wrong with an InferenceService.

One JSON object a line in, one answer a line out, '' when it is well-formed.
"""

import json
import re
import sys

import kserve
from kubernetes import client

_LIST, _DICT = re.compile(r"list\[(.*)\]"), re.compile(r"dict\(\w+, (.*)\)")


def wrong(value: object, kind: str, path: str) -> str:
    if found := _LIST.fullmatch(kind):
        if not isinstance(value, list):
            return f"{path} is no list"
        parts = [wrong(each, found[1], f"{path}[{n}]") for n, each in enumerate(value)]
        return next(filter(None, parts), "")
    if found := _DICT.fullmatch(kind):
        if not isinstance(value, dict):
            return f"{path} is no mapping"
        return next(filter(None, (wrong(v, found[1], f"{path}.{k}") for k, v in value.items())), "")
    if kind in ("str", "int", "float", "bool"):
        names = {"str": str, "int": int, "float": (int, float), "bool": bool}
        fits = isinstance(value, names[kind]) and (kind == "bool" or not isinstance(value, bool))
        return "" if fits else f"{path} is {value!r}, no {kind}"
    model = getattr(kserve, kind, None) or getattr(client, kind, None)
    if model is None or not hasattr(model, "openapi_types"):
        return ""  # quantities and the like
    if not isinstance(value, dict):
        return f"{path} is no object"
    names = {outer: inner for inner, outer in model.attribute_map.items()}
    for key, each in value.items():
        if key not in names:
            return f"{path}.{key} is unknown"
        if said := wrong(each, model.openapi_types[names[key]], f"{path}.{key}"):
            return said
    return ""


for line in sys.stdin:
    print(json.dumps(wrong(json.loads(line), "V1beta1InferenceService", "")), flush=True)
