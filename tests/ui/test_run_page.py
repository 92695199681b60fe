"""A run's overview without a browser: what it tells, what it refuses, and hostile texts in it."""

import json
import re
from html import unescape

import pytest

from mlpack.tracking_server.ui.run_code import commit_link, repository_link

ATTACK = "<img src=x onerror=alert(1)>\"'`{{7*7}}</textarea></script>"


def log(api, run_id, metrics=(), params=(), tags=()):
    moment = {"timestamp": 1, "step": 3}
    api.post(
        "runs/log-batch",
        run_id=run_id,
        metrics=[{"key": key, "value": value, **moment} for key, value in dict(metrics).items()],
        params=[{"key": key, "value": value} for key, value in dict(params).items()],
        tags=[{"key": key, "value": value} for key, value in dict(tags).items()],
    )


def page(api, run_id, **query):
    answer = api.client.get(f"/runs/{run_id}", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def fact(html, name):
    found = re.search(rf"<dt>{name}</dt><dd>(.*?)</dd>", html, re.DOTALL)
    return found and found[1]


def keys(html, kind):
    section = re.search(rf'data-values="{kind}".*?</section>', html, re.DOTALL)[0]
    return [unescape(key) for key in re.findall(r'<tr data-key="([^"]*)"', section)]


def test_what_a_run_was(api):
    parent = api.run(run_name="sweep")
    tags = {
        "mlflow.parentRunId": parent,
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": "main",
        "mlflow.source.git.commit": "a" * 40,
        "mlflow.source.git.branch": "next",
        "mlflow.source.git.repoURL": "https://github.com/some/thing.git",
        "mlflow.source.git.dirty": "true",
        "team": "blue",
    }
    run_id = api.run(run_name="trial", start_time=1_000_000, user_id="ada")
    log(api, run_id, {"loss": 0.25}, {"depth": "4"}, tags)
    api.post("runs/update", run_id=run_id, status="FAILED", end_time=1_065_000)
    html = page(api, run_id)
    assert 'class="status failed" id="status">failed<' in html
    assert fact(html, "Duration").startswith('<span id="duration">1 min 5 s')
    assert fact(html, "User") == "ada" and "project" in fact(html, "Source")
    assert fact(html, "Project entryPoint") == "main" and fact(html, "Branch") == "next"
    assert f'href="https://github.com/some/thing/commit/{"a" * 40}"' in fact(html, "Commit")
    assert "uncommitted" in fact(html, "Working tree") and "/changes" in html
    assert f'href="/runs/{parent}"' in fact(html, "Parent")
    assert f'<a href="/runs/{parent}">sweep</a>' in html.split("<h1")[0]
    assert "loss" in keys(html, "metric") and "depth" in keys(html, "param")
    assert f'href="/runs/{run_id}/charts?key=loss"' in html
    assert re.search(r'<tr data-key="team">', html)
    assert "1 run<" in fact(page(api, parent), "Children")
    children = unescape(re.search(r'href="([^"]+)"', fact(page(api, parent), "Children"))[1])
    assert "trial" in api.client.get(children).text


def test_empty_parts_do_not_clutter(api):
    html = page(api, api.run())
    for absent in ("Datasets", "Models", "Params", "Commit", "Parent", "Children", "Environment"):
        assert f">{absent}" not in html.split("<main")[1], absent
    assert "log_metric(" in html and 'class="notice' not in html


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b/commit/abcdef1"),
        ("git@github.com:a/b.git", "https://github.com/a/b/commit/abcdef1"),
        (
            "https://gitlab.example.org:8443/g/s/b",
            "https://gitlab.example.org:8443/g/s/b/-/commit/abcdef1",
        ),
        ("https://bitbucket.org/a/b/", "https://bitbucket.org/a/b/commits/abcdef1"),
        ("https://elsewhere.example/a/b", None),
        ("javascript:alert(1)//github.com/a/b", None),
        ("https://user:secret@github.com/a/b", None),
        ("https://github.com/a/b?x=<script>", None),
        ("https://github.com/a/b#'\"", None),
        ("git@elsewhere.example:a/b", None),
        ("https://[::1", None),
        ("https://github.com:x/a/b", None),
        ("", None),
        (None, None),
    ],
)
def test_links_to_commits(repository, link):
    assert commit_link(repository, "abcdef1") == link
    assert commit_link(repository, "abc/../x") is None and commit_link(repository, None) is None


def test_repositories_of_unknown_hosts_are_linked_without_their_commits():
    assert repository_link("https://elsewhere.example/a/b.git") == "https://elsewhere.example/a/b"
    assert repository_link("file:///etc/passwd") is None


def test_many_values_are_searched_by_the_server(api):
    run_id = api.run()
    for start in range(0, 1200, 600):
        log(api, run_id, {f"train/m{i}": i for i in range(start, start + 600)})
    log(api, run_id, {"system/cpu": 1, "loss": 0.5, "val/only": 1}, {"b": "Forest", "a": "x" * 900})
    first = page(api, run_id)
    assert len(keys(first, "metric")) == 500 and "data-whole" in first
    assert keys(first, "metric")[:4] == ["loss", "val/only", "train/m0", "train/m1"]
    assert "1 system metric<" in first and "train/<small>1200<" in first
    later = unescape(re.search(r'href="([^"]+)" rel="next"', first)[1])
    assert keys(api.client.get(later.split("#")[0]).text, "metric")[0] == "train/m498"
    assert "<details><summary>" + "x" * 120 in first

    def values(**query):
        return api.client.get(f"/ui/runs/{run_id}/values", query_string=query)

    assert re.findall(
        r'<tr data-key="([^"]+)"', values(kind="metric", words="M119 train").text
    ) == [f"train/m{i}" for i in (119, *range(1190, 1200))]
    assert 'data-key="b"' in values(kind="param", words="forest").text  # values, too
    assert "No metric fits" in values(kind="metric", words="nothing").text
    assert "train/m1199" in values(kind="metric", page="999").text  # the last there is
    for bad in ({"kind": "tag"}, {"kind": "metric", "page": "0"}, {"kind": "metric", "page": "x"}):
        answer = values(**bad)
        assert (answer.status_code, answer.mimetype) == (400, "application/json")


def test_the_state_of_a_running_run(api):
    run_id = api.run(run_name="goes")
    before = api.client.get(f"/ui/runs/{run_id}/state").json
    assert before["status"] == "RUNNING" and before["live"] and before["name"] == "goes"
    log(api, run_id, {"loss": 1})
    assert api.client.get(f"/ui/runs/{run_id}/state").json["metrics"] != before["metrics"]
    api.post("runs/update", run_id=run_id, status="FINISHED", end_time=5)
    assert not api.client.get(f"/ui/runs/{run_id}/state").json["live"]
    assert api.client.get("/ui/runs/none/state").status_code == 404


def test_notes_do_not_overwrite_what_somebody_else_wrote(api):
    run_id = api.run()

    def send(**message):
        return api.client.post(f"/ui/runs/{run_id}/note", json=message)

    assert send(text="**a**", before="").json == {
        "conflict": False,
        "text": "**a**",
        "html": "<p><strong>a</strong></p>\n",
    }
    answer = send(text="mine", before="").json
    assert answer["conflict"] and answer["text"] == "**a**"
    assert send(text="**a**", before="old").json["conflict"] is False  # both wrote the same
    assert not send(text="mine", before="**a**").json["conflict"]
    assert "<p>mine</p>" in page(api, run_id)
    assert send(text="x" * 8001, before="mine").status_code == 400
    assert send(text=3, before="").status_code == 400 and send(text="a").status_code == 400
    assert (
        api.client.post("/ui/markdown", json={"text": "# <b>"}).json["html"]
        == "<h3>&lt;b&gt;</h3>\n"
    )
    elsewhere = {"Origin": "https://evil.example"}
    sent = api.client.post(
        f"/ui/runs/{run_id}/note", json={"text": "x", "before": "mine"}, headers=elsewhere
    )
    assert sent.status_code == 403


def test_changes_that_no_commit_has(api):
    run_id = api.run()
    log(api, run_id, tags={"mlflow.source.git.dirty": "true"})
    address = f"/ui/runs/{run_id}/changes"
    assert "MLPACK_LOG_GIT_DIFF" in api.client.get(address).text
    diff = f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new {ATTACK}\n same\n" + "+more\n" * 6000
    place = api.get("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"]
    below = place.removeprefix("mlflow-artifacts:/")
    api.client.put(f"/api/2.0/mlflow-artifacts/artifacts/{below}/git.diff", data=diff.encode())
    html = api.client.get(address).text
    assert "<del>-old\n</del>" in html and "<ins>+new &lt;img" in html and "<img" not in html
    assert "only the beginning is shown" in html and len(html) < 300_000
    download = unescape(re.search(r'href="([^"]+)" download', html)[1])
    assert api.client.get(download).data == diff.encode()


def test_datasets_and_models(api):
    run_id = api.run()
    schema = {
        "mlflow_colspec": [{"name": ATTACK, "type": "double"}, {"type": "long", "required": False}]
    }
    tensors = {
        "features": json.dumps(
            [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]
        )
    }
    datasets = [
        ("iris", json.dumps({"uri": "s3://bucket/iris.csv"}), schema, {"num_rows": 150}),
        (ATTACK, "no json", {"mlflow_tensorspec": tensors}, [1]),
        ("odd", "[" * 100_00, {"mlflow_colspec": "x", "mlflow_tensorspec": 3}, None),
    ]
    api.post(
        "runs/log-inputs",
        run_id=run_id,
        datasets=[
            {
                "dataset": {
                    "name": name,
                    "digest": "d1",
                    "source_type": "s3",
                    "source": source,
                    "schema": json.dumps(schema),
                    "profile": json.dumps(profile),
                },
                "tags": [{"key": "mlflow.data.context", "value": "training"}],
            }
            for name, source, schema, profile in datasets
        ],
    )
    made = api.post(
        "logged-models",
        experiment_id="0",
        name="<img src=x onerror=alert(1)>",
        source_run_id=run_id,
    )
    model_id = made["model"]["info"]["model_id"]
    api.post("runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": 7}])
    html = page(api, run_id)
    assert "s3://bucket/iris.csv" in html and "<dt>Num rows</dt><dd>150</dd>" in html
    assert "float64 [-1, 4]" in html and "<img src=x" not in html
    link = unescape(re.search(r'href="([^"]+)">Runs with the same data', html)[1])
    assert api.client.get(link).status_code == 200 and run_id in api.client.get(link).text
    assert f'href="/models/{model_id}"' in html and "step 7" in html and "pending" in html
    assert "data-register" not in html  # its files are not there yet
    assert api.client.get(f"/ui/runs/{run_id}/environment").status_code == 200


def test_hostile_texts_stay_texts(api):
    experiment = api.post("experiments/create", name=f"e {ATTACK}")["experiment_id"]
    parent = api.run(experiment, run_name=ATTACK)
    names = ("note.content", "source.name", "source.type", "source.git.branch", "user", "x")
    names = (*names, "source.git.commit", "source.git.repoURL", "project.entryPoint")
    tags = {f"mlflow.{name}": ATTACK for name in names}
    tags |= {"own": ATTACK, "mlflow.parentRunId": parent, "mlflow.source.git.diff": ATTACK}
    tags["mlflow.source.git.dirty"] = "true"
    tags["mlflow.log-model.history"] = json.dumps(
        [{"artifact_path": ATTACK}, 3, {"artifact_path": 4}]
    )
    run_id = api.run(experiment, run_name=ATTACK, user_id=ATTACK)
    log(api, run_id, {"m": float("nan")}, {"p": ATTACK, "long": ATTACK * 50}, tags)
    log(api, run_id, tags={"mlflow.parentRunId": run_id})  # its own parent
    assert "<img src=x" not in page(api, run_id)
    for address in ("changes", "siblings", "values?kind=param"):
        html = api.client.get(f"/ui/runs/{run_id}/{address}").text
        assert "<img" not in html
    assert ATTACK in unescape(page(api, run_id, params=ATTACK))
    link = re.search(r'href="([^"]*artifacts\?path=[^"]*)"', page(api, run_id))[1]
    assert "<" not in unescape(link)
    api.client.get(f"/ui/runs/{run_id}/siblings", query_string={"words": ATTACK})


def test_deleted_runs_are_shown_and_locked(api):
    run_id = api.run()
    log(api, run_id, {"loss": 1}, tags={"own": "1"})
    api.post("runs/delete", run_id=run_id)
    html = page(api, run_id)
    assert 'data-run="restore"' in html and 'data-run="delete"' not in html
    assert "data-edit" not in html and "new-tag" not in html and 'id="rename"' not in html
    answer = api.client.post(f"/ui/runs/{run_id}/note", json={"text": "x", "before": ""})
    assert answer.status_code == 400 and "deleted" in answer.json["message"]
    experiment = api.post("experiments/create", name="gone")["experiment_id"]
    other = api.run(experiment)
    api.post("experiments/delete", experiment_id=experiment)
    assert "deleted with its experiment" in page(api, other)


def test_times_that_are_none(api):
    run_id = api.run(start_time=2**62)
    api.post("runs/update", run_id=run_id, status="FINISHED", end_time=-(2**62))
    assert str(2**62) in page(api, run_id)
    assert api.client.get(f"/ui/runs/{run_id}/state").status_code == 200


def test_runs_to_compare_with(api):
    parent = api.run(run_name="parent")
    ids = [
        api.run(run_name=f"child {i}", tags=[{"key": "mlflow.parentRunId", "value": parent}])
        for i in range(2)
    ]
    other = api.run(run_name='it\'s "other"')
    html = api.client.get(f"/ui/runs/{ids[0]}/siblings").text
    found = re.findall(r'value="([^"]+)"', html)
    assert found[0] == ids[1] and set(found) == {ids[1], parent, other}
    html = api.client.get(f"/ui/runs/{ids[0]}/siblings", query_string={"words": "it's \"O"}).text
    assert re.findall(r'value="([^"]+)"', html) == [other]


def test_there_is_an_end_to_what_is_shown(api):
    run_id = api.run()
    for start in range(0, 400, 100):
        log(api, run_id, tags={f"tag{number}": "v" * 5000 for number in range(start, start + 100)})
    data = [
        {"dataset": {"name": f"d{number}", "digest": "1", "source": "s", "source_type": "local"}}
        for number in range(60)
    ]
    api.post("runs/log-inputs", run_id=run_id, datasets=data)
    html = page(api, run_id)
    assert "100 more are not shown" in html and "10 more are not shown" in html
