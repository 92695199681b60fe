"""A day with registered models, as people live it with the client of MLflow."""

from pathlib import Path

import mlflow
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
from diary import GENERATION, NAME, chapter, refusal, tell
from mlflow import MlflowClient
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

client = MlflowClient()
features, labels = load_iris(return_X_y=True, as_frame=True)
ODD_NAMES = ["ünï 中", "100% %41", "a'b", 'a"b', "a&b=c+d#e?f;g", " spaces "]


def model_fields(model):
    """A registered model as plain values."""
    fields = {
        "name": model.name,
        "times": [type(model.creation_timestamp).__name__, model.last_updated_timestamp > 0],
        "description": model.description,
        "tags": model.tags,
        "latest": sorted([one.version, one.current_stage] for one in model.latest_versions),
    }
    if GENERATION > 1:
        fields["aliases"] = model.aliases
    return fields


def version_fields(version):
    """A version as plain values."""
    fields = {
        "name": version.name,
        "version": [type(version.version).__name__, version.version],
        "times": [
            type(version.creation_timestamp).__name__,
            version.last_updated_timestamp >= version.creation_timestamp,
        ],
        "stage": version.current_stage,
        "description": version.description,
        "source": version.source,
        "run": version.run_id,
        "link": version.run_link,
        "status": [version.status, version.status_message],
        "user": version.user_id,
        "tags": version.tags,
    }
    if GENERATION > 1:
        fields["aliases"] = version.aliases
    return fields


def place(version, experiment):
    """Where its files are, the same in whatever experiment."""
    found = client.get_model_version_download_uri(version.name, version.version)
    return found.replace(f":/{experiment}/", ":/<experiment>/", 1)


def without_day(text):
    """A filter as a key of the diary."""
    return text.replace(NAME, "").replace(NAME.upper(), "")


def create(name, source="s3://bucket/model", **more):
    return client.create_model_version(name, source, **more)


@chapter()
def names():
    name = f"{NAME} names"
    seen = {"made": model_fields(client.create_registered_model(name))}
    more = client.create_registered_model(f"{name} more", {"k": "v", "n": "1"}, "**bold**")
    seen["more"] = model_fields(more)
    seen["taken"] = refusal(client.create_registered_model, name)
    seen["updated"] = model_fields(client.update_registered_model(name, "described"))
    client.set_registered_model_tag(name, "a/b", "1")
    client.set_registered_model_tag(name, "a/b", "2")
    client.set_registered_model_tag(name, "gone", "x")
    client.delete_registered_model_tag(name, "gone")
    client.delete_registered_model_tag(name, "never was")
    seen["tagged"] = model_fields(client.get_registered_model(name))
    client.rename_registered_model(name, f"{name} new")
    seen["renamed"] = model_fields(client.get_registered_model(f"{name} new"))
    seen["rename refused"] = refusal(client.rename_registered_model, f"{name} new", more.name)
    seen["old name"] = refusal(client.get_registered_model, name)
    client.delete_registered_model(f"{name} new")
    seen["deleted"] = refusal(client.get_registered_model, f"{name} new")
    seen["deleted again"] = refusal(client.delete_registered_model, f"{name} new")
    for odd in ODD_NAMES:
        full = f"{NAME} {odd}|"
        client.create_registered_model(full)
        create(full)
        found = client.search_registered_models(f"name = '{full}'") if "'" not in odd else "-"
        seen[odd] = [
            client.get_registered_model(full).name == full,
            client.get_model_version(full, "1").name == full,
            len(found),
        ]
    seen["refused"] = {
        text: refusal(client.create_registered_model, text) for text in ("", "a/b", "a:b")
    }
    return seen


@chapter()
def versions():
    name = f"{NAME} versions"
    client.create_registered_model(name)
    experiment = client.create_experiment(name)
    run = client.create_run(experiment).info
    made = [
        create(name, "s3://bucket/one", run_id=run.run_id),
        create(name, tags={"k": "v"}, description="# 2", run_link="https://host/run"),
        create(name, f"{run.artifact_uri}/model", run_id=run.run_id),
    ]
    seen = {"made": [version_fields(one) for one in made[:2]]}
    seen["place"] = [place(one, experiment) for one in made]
    client.update_model_version(name, "1", "described")
    client.set_model_version_tag(name, "1", "t", "1")
    client.set_model_version_tag(name, "1", "gone", "x")
    client.delete_model_version_tag(name, "1", "gone")
    client.delete_model_version_tag(name, "1", "never was")
    seen["changed"] = version_fields(client.get_model_version(name, "1"))

    def stages():
        found = client.search_model_versions(f"name = '{name}'")
        return sorted([one.version, one.current_stage] for one in found)

    def latest(*asked):
        found = client.get_latest_versions(name, list(asked) or None)
        return sorted([one.version, one.current_stage] for one in found)

    move = client.transition_model_version_stage
    seen["moved"] = version_fields(move(name, "1", "Production"))
    move(name, "2", "production", archive_existing_versions=True)
    move(name, "3", "Staging")
    seen["stages"] = stages()
    seen["latest"] = [latest(), latest("Production"), latest("Staging", "None"), latest("Archived")]
    seen["model"] = model_fields(client.get_registered_model(name))
    move(name, "2", "Production")
    move(name, "1", "Production")
    seen["two at once"] = [stages(), latest("Production")]
    seen["refused"] = [
        refusal(move, name, "1", "Nowhere"),
        refusal(move, name, "9", "Staging"),
        refusal(move, f"{name} not there", "1", "Staging"),
        refusal(client.get_latest_versions, name, ["Nowhere"]),
        refusal(client.get_latest_versions, f"{name} not there"),
        refusal(client.get_model_version, name, "9"),
        refusal(client.get_model_version, f"{name} not there", "1"),
        refusal(client.get_model_version_download_uri, name, "9"),
        refusal(client.update_model_version, name, "9", "x"),
        refusal(client.set_model_version_tag, name, "9", "k", "v"),
        refusal(client.delete_model_version, name, "9"),
        refusal(create, f"{name} not there"),
        refusal(create, name, "/etc/passwd"),
        refusal(create, name, "file:///etc/passwd"),
        refusal(create, name, "mlflow-artifacts:/../../etc", run_id=run.run_id),
        refusal(create, name, "http://host/x"),
        refusal(create, name, f"runs:/{'0' * 32}/m"),
    ]
    for number in ("1", "2", "3"):
        move(name, number, "Archived")
    client.delete_model_version(name, "2")
    seen["deleted"] = [stages(), refusal(client.get_model_version, name, "2")]
    if GENERATION > 1:
        seen["next"] = create(name).version
    client.delete_registered_model(name)
    seen["gone"] = client.search_model_versions(f"name = '{name}'")
    return seen


@chapter(since=2)
def aliases():
    name = f"{NAME} aliases"
    client.create_registered_model(name)
    for _ in range(2):
        create(name)
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "Champion-2_x", "1")
    client.set_registered_model_alias(name, "champion", 2)
    found = client.get_model_version_by_alias(name, "champion")
    seen = {
        "found": version_fields(found),
        "model": client.get_registered_model(name).aliases,
        "versions": sorted(
            [one.version, sorted(one.aliases)]
            for one in client.search_model_versions(f"name = '{name}'")
        ),
        "refused": [
            refusal(client.set_registered_model_alias, name, "latest", "1"),
            refusal(client.set_registered_model_alias, name, "v3", "1"),
            refusal(client.set_registered_model_alias, name, "a b", "1"),
            refusal(client.set_registered_model_alias, name, "x", "9"),
            refusal(client.set_registered_model_alias, f"{name} not there", "x", "1"),
            refusal(client.get_model_version_by_alias, name, "nobody"),
        ],
    }
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model_alias(name, "champion")
    seen["gone"] = refusal(client.get_model_version_by_alias, name, "champion")
    client.delete_model_version(name, "1")
    seen["with its version"] = client.get_registered_model(name).aliases
    return seen


@chapter()
def searching():
    letters = "cab"
    for letter in letters:
        name = f"{NAME} find {letter}"
        tags = {"letter": letter, "odd": str(letter != "a")}
        client.create_registered_model(name, tags=tags)
        for number in range(2):
            create(name, f"s3://bucket/{letter}/{number}", tags={"number": str(number)})
    mine = f"name LIKE '{NAME} find %'"

    def models(text=mine, **more):
        return [model.name for model in client.search_registered_models(text, **more)]

    seen = {
        "models": {
            without_day(text): models(text)
            for text in (
                mine,
                f"name = '{NAME} find a'",
                f"name ILIKE '{NAME.upper()} FIND A'",
                f"{mine} AND tags.letter = 'b'",
                f"{mine} AND tags.letter != 'b'",
                f"{mine} AND tags.letter LIKE '%c%'",
                f"{mine} AND tags.`odd` = 'True' AND tags.letter = 'c'",
                f"name = '{NAME} nobody'",
            )
        },
        "orders": [
            models(order_by=["name DESC"]),
            models(order_by=["last_updated_timestamp DESC"]),
            models(order_by=["name ASC"]),
        ],
        "refused": {
            text: refusal(client.search_registered_models, text)
            for text in ("nonsense", "name > 'a'", "run_id = 'x'", "name = 'a' OR name = 'b'")
        },
    }
    pages, token = [], None
    while True:
        page = client.search_registered_models(mine, max_results=2, page_token=token)
        pages.append([model.name for model in page])
        token = page.token
        if not token:
            break
    seen["pages"] = pages

    def versions(text, **more):
        found = client.search_model_versions(text, **more)
        return [[one.name, one.version] for one in found]

    seen["versions"] = {
        without_day(text): sorted(versions(text))
        for text in (
            f"name = '{NAME} find a'",
            f"name='{NAME} find b'",
            f"name = '{NAME} nobody'",
            f"run_id = '{'0' * 32}'",
        )
    }
    if GENERATION > 1:
        more = (
            f"name LIKE '{NAME} find %' AND tags.number = '1'",
            f"name ILIKE '{NAME.upper()} FIND %' AND tags.number != '1'",
            f"name = '{NAME} find a' AND version_number > 1",
            f"name = '{NAME} find a' AND source_path = 's3://bucket/a/0'",
            f"source_path LIKE 's3://bucket/c/%' AND name LIKE '{NAME}%'",
            f"run_id IN ('{'0' * 32}', '{'1' * 32}')",
        )
        seen["versions"] |= {without_day(text): sorted(versions(text)) for text in more}
        seen["ordered"] = versions(mine, order_by=["name DESC", "version_number ASC"])
        seen["newest first"] = versions(mine, order_by=["creation_timestamp DESC"])[:1]
        page = client.search_model_versions(mine, max_results=4, order_by=["name ASC"])
        rest = client.search_model_versions(
            mine, max_results=4, order_by=["name ASC"], page_token=page.token
        )
        seen["pages of versions"] = [len(page), len(rest), bool(page.token), bool(rest.token)]
        seen["too many"] = [
            refusal(client.search_model_versions, mine, 200_001),
            refusal(client.search_registered_models, mine, 1001),
        ]
    seen["versions refused"] = refusal(client.search_model_versions, "nonsense")
    return seen


@chapter()
def models():
    mlflow.set_experiment(f"{NAME} models")
    experiment = client.get_experiment_by_name(f"{NAME} models").experiment_id
    model = LogisticRegression(max_iter=500).fit(features, labels)
    expected = model.predict(features).tolist()
    name = f"{NAME} classifier"
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            model,
            **{"name" if GENERATION > 2 else "artifact_path": "classifier"},
            registered_model_name=name,
            pip_requirements=["scikit-learn"],
        )
    again = mlflow.register_model(f"runs:/{run.info.run_id}/classifier", name, tags={"second": "1"})
    move = client.transition_model_version_stage
    move(name, again.version, "Production")

    def same(address, flavor=mlflow.pyfunc):
        return np.asarray(flavor.load_model(address).predict(features)).tolist() == expected

    def told(version):
        fields = version_fields(version)
        fields["source"] = version.source.replace(f":/{experiment}/", ":/<experiment>/", 1)
        return fields

    seen = {
        "first": told(client.get_model_version(name, "1")),
        "second": told(again),
        "by number": [same(f"models:/{name}/1"), same(f"models:/{name}/2", mlflow.sklearn)],
        "by stage": same(f"models:/{name}/Production"),
        "latest": same(f"models:/{name}/latest"),
        "missing": [
            refusal(mlflow.pyfunc.load_model, f"models:/{name}/9"),
            refusal(mlflow.pyfunc.load_model, f"models:/{name}/Staging"),
            refusal(mlflow.pyfunc.load_model, f"models:/{name} not there/1"),
        ],
        "place": place(again, experiment),
        "nothing there": refusal(mlflow.register_model, f"runs:/{'0' * 32}/x", f"{NAME} no run"),
    }
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1", dst_path="got"))
    seen["files"] = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    if GENERATION > 1:
        client.set_registered_model_alias(name, "champion", "1")
        seen["by alias"] = [same(f"models:/{name}@champion")]
        copy = client.copy_model_version(f"models:/{name}@champion", f"{NAME} copy")
        seen["copy"] = told(copy)
        seen["copy place"] = place(copy, experiment)
        seen["by alias"].append(same(f"models:/{NAME} copy/1"))
        seen["info"] = mlflow.models.get_model_info(f"models:/{name}/1").run_id == run.info.run_id
    if GENERATION > 2:
        logged = mlflow.search_logged_models([experiment], output_format="list")[0]
        by_id = mlflow.register_model(f"models:/{logged.model_id}", name)
        seen["by id"] = [told(by_id), same(f"models:/{name}/{by_id.version}")]
        tags = client.get_logged_model(logged.model_id).tags
        seen["told the model"] = tags.get("mlflow.modelVersions")
    move(name, "2", "Archived")
    client.rename_registered_model(name, f"{name} new")
    seen["renamed"] = same(f"models:/{name} new/1")
    client.delete_registered_model(f"{name} new")
    seen["deleted"] = refusal(mlflow.pyfunc.load_model, f"models:/{name} new/1")
    return seen


def the_old_list():
    """What clients gave up after their first generation, and newer servers with them."""
    names = [f"{NAME} list {number}" for number in range(3)]
    for name in names:
        client.create_registered_model(name)
    found, token = [], None
    while True:
        page = client.list_registered_models(max_results=2, page_token=token)
        found += [model.name for model in page]
        token = page.token
        if not token:
            break
    return {
        "all in pages": set(names) <= set(found),
        "by either address": client.get_latest_versions(names[0]) == [],
    }


if GENERATION == 1:
    chapter()(the_old_list)


if __name__ == "__main__":
    tell()
