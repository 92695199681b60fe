"""Passwords and tokens within addresses are not on pages, which people look at together."""

import json
import time

import pytest

from mlpack.tracking_server.ui.secrets_in_addresses import redacted

SECRET = "hunter2hunter2"
WITH_PASSWORD = f"https://ada:{SECRET}@elsewhere.example/a.git"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ada:p:w@db.example/x", "postgresql://ada:***@db.example/x"),
        ("s3://key:secret@bucket/a", "s3://key:***@bucket/a"),
        ("git+https://ghp_abc@github.com/a/b", "git+https://***@github.com/a/b"),
        ("https://x.example/a?sig=abc&b=1#c", "https://x.example/a?sig=***&b=1#c"),
        (
            "https://x.example/a?b=1&X-Amz-Signature=f0",
            "https://x.example/a?b=1&X-Amz-Signature=***",
        ),
        ("mysql://h/d?password=x y", "mysql://h/d?password=*** y"),
        ('{"a": "https://x.example/", "b": "c@d"}', '{"a": "https://x.example/", "b": "c@d"}'),
        ("git@github.com:a/b", "git@github.com:a/b"),
        ("ssh://git@github.com/a/b", "ssh://git@github.com/a/b"),
        ("models:/m-1", "models:/m-1"),
        ("registry.example:5000/a@sha256:ab", "registry.example:5000/a@sha256:ab"),
        ("", ""),
        (None, ""),
    ],
)
def test_what_is_shown_of_an_address(address, shown):
    assert redacted(address) == shown


@pytest.mark.parametrize("text", ["://a:", "http://", "?token=", "://:@", "http://a"])
def test_long_texts_are_read_once(text):
    started = time.thread_time()
    redacted(text * 100_000)
    assert time.thread_time() - started < 2


def test_no_page_shows_the_password_of_an_address(api):
    tags = {
        "mlflow.source.name": WITH_PASSWORD,
        "mlflow.source.git.repoURL": WITH_PASSWORD,
        "mlflow.source.git.commit": "a" * 40,
    }
    run_id = api.run(tags=[{"key": key, "value": value} for key, value in tags.items()])
    dataset = {"name": "d", "digest": "1", "source_type": "http", "source": WITH_PASSWORD}
    api.post("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])
    told = dict.fromkeys(("endpoint", "image", "reference"), WITH_PASSWORD)
    note = json.dumps({"name": "d", "target": "local", **told})
    kinds = ("deployment", "image")
    model = api.post(
        "logged-models",
        experiment_id="0",
        source_run_id=run_id,
        tags=[{"key": f"mlpack.{kind}.{'0' * 12}", "value": note} for kind in kinds],
    )["model"]["info"]["model_id"]
    api.patch(f"logged-models/{model}", status="LOGGED_MODEL_READY")
    api.post("registered-models/create", name="r")
    api.post(
        "model-versions/create", name="r", source=f"models:/{model}", model_id=model, run_id=run_id
    )
    pages = ["/", "/experiments/0", f"/runs/{run_id}", f"/models/{model}", "/deployments?all=1"]
    pages += ["/registry", "/registry/r", "/registry/r/1", "/registry/r/1/lineage"]
    pages += ["/registry/r/history", f"/runs/{run_id}/artifacts", f"/models/{model}/artifacts"]
    for page in pages:
        answer = api.client.get(page)
        assert answer.status_code == 200, page
        assert SECRET not in answer.text, page
    assert "elsewhere.example" in api.client.get(f"/runs/{run_id}").text
