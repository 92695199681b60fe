"""Logged models: their life, and their digest, which travels as a tag and is kept apart."""

BAD = "INVALID_PARAMETER_VALUE"
GONE = "RESOURCE_DOES_NOT_EXIST"
DIGEST = "sha256:" + "ab" * 32


def _new(api, **more):
    return api.post("logged-models", experiment_id="0", name="m", **more)["model"]["info"]


def _tags(api, model_id):
    info = api.get(f"logged-models/{model_id}")["model"]["info"]
    return {tag["key"]: tag["value"] for tag in info.get("tags", [])}


def test_the_life_of_a_model(api):
    run_id = api.run()
    pair = [{"key": "a", "value": "1"}]
    info = _new(api, source_run_id=run_id, model_type="forest", params=pair, tags=pair)
    model_id = info["model_id"]
    assert info["status"] == "LOGGED_MODEL_PENDING" and info["source_run_id"] == run_id
    assert info["artifact_uri"] == f"mlflow-artifacts:/0/models/{model_id}/artifacts"

    api.post(f"logged-models/{model_id}/params", params=[{"key": "b", "value": "2"}])
    more = [{"key": "b", "value": "2"}, {"key": "c/d", "value": "3"}]
    api.patch(f"logged-models/{model_id}/tags", tags=more)
    api.delete(f"logged-models/{model_id}/tags/c/d")
    ready = api.patch(f"logged-models/{model_id}", model_id=model_id, status="LOGGED_MODEL_READY")
    assert ready["model"]["info"]["status"] == "LOGGED_MODEL_READY"
    assert _tags(api, model_id) == {"a": "1", "b": "2"}
    data = api.get(f"logged-models/{model_id}")["model"]["data"]
    assert {p["key"]: p["value"] for p in data["params"]} == {"a": "1", "b": "2"}

    api.delete(f"logged-models/{model_id}")
    api.refused("get", f"logged-models/{model_id}", 404, GONE)


def test_the_digest(api):
    model_id = _new(api)["model_id"]
    digest = [{"key": "mlpack.digest", "value": DIGEST}]
    api.patch(f"logged-models/{model_id}/tags", tags=digest)
    assert _tags(api, model_id) == {"mlpack.digest": DIGEST}
    assert api.get(f"logged-models/{model_id}")["model"]["info"]["status"] == "LOGGED_MODEL_PENDING"
    ready = api.patch(f"logged-models/{model_id}", status=2, tags=digest)["model"]["info"]
    assert ready["status"] == "LOGGED_MODEL_READY"
    api.refused("delete", f"logged-models/{model_id}/tags/mlpack.digest", 400, BAD)
    other = [{"key": "mlpack.digest", "value": "sha256:" + "cd" * 32}]
    response = api.client.patch(
        f"/api/2.0/mlflow/logged-models/{model_id}/tags", json={"tags": other}
    )
    assert response.status_code == 400
    assert _tags(api, model_id) == {"mlpack.digest": DIGEST}


def test_searching_models(api):
    made = [_new(api, tags=[{"key": "n", "value": str(i)}])["model_id"] for i in range(3)]
    asked = {"experiment_ids": ["0"], "max_results": 2}
    asked["order_by"] = [{"field_name": "creation_time", "ascending": False}]
    first = api.post("logged-models/search", **asked)
    rest = api.post("logged-models/search", **asked, page_token=first["next_page_token"])
    found = [m["info"]["model_id"] for m in first["models"] + rest["models"]]
    assert sorted(found) == sorted(made) and len(first["models"]) == 2
    found = api.post("logged-models/search", experiment_ids=["0"], filter="tags.n = '1'")["models"]
    assert [m["info"]["model_id"] for m in found] == [made[1]]
    api.refused("post", "logged-models/search", 400, BAD, filter="nonsense")


def test_what_is_refused(api):
    api.refused("post", "logged-models", 400, BAD, name="m")
    api.refused("post", "logged-models", 400, BAD, experiment_id="0", name="a/b")
    api.refused("post", "logged-models", 404, GONE, experiment_id="77", name="m")
    model_id = _new(api)["model_id"]
    api.refused("patch", f"logged-models/{model_id}", 400, BAD)
    api.refused("patch", f"logged-models/{model_id}", 400, BAD, status="NO")
