"""A logged model's page: whole, half there, damaged, hostile."""

from __future__ import annotations

import hashlib
import html
import json
import shlex
import shutil
import subprocess

import pytest
import yaml
from playwright.sync_api import expect

from mlpack.flavors.integrity import digest
from mlpack.tests.ui.conftest import held
from mlpack.tests.ui.story import ATTACK
from mlpack.tracking.rest.wire import DIGEST_TAG

COLUMNS = [
    {"type": "long", "name": "age", "required": True},
    {"type": "string", "name": ATTACK, "required": False},
]
DESCRIPTOR = {
    "flavors": {"python_function": {"loader_module": "x", "python_version": "3.11.7"}},
    "signature": {"inputs": json.dumps(COLUMNS), "outputs": None, "params": None},
    "model_size_bytes": 12,
    "mlpack": {"format": 1, "version": "0.1.0", "files": {}},
}


class Made:
    """A logged model in the application's store, whose files a test writes itself."""

    def __init__(self, api, folder, **more):
        self.api, self.root = api, folder / "mlruns"
        given = {"experiment_id": "0", "name": "churn", **more}
        info = api.post("logged-models", **given)["model"]["info"]
        self.id = info["model_id"]
        self.folder = self.root / "0" / "models" / self.id / "artifacts"

    def write(self, **files):
        """With checksums on record for what is not the descriptor."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def finish(self, status="LOGGED_MODEL_READY", descriptor=None, **files):
        self.write(**files)
        sums = {name.replace("__", "."): _checksum(text) for name, text in files.items()}
        told = DESCRIPTOR if descriptor is None else descriptor
        text = yaml.safe_dump({**told, "mlpack": {**DESCRIPTOR["mlpack"], "files": sums}})
        self.write(MLmodel=text)
        tag = {"key": DIGEST_TAG, "value": digest({**sums, "MLmodel": _checksum(text)})}
        self.api.patch(f"logged-models/{self.id}", model_id=self.id, status=status, tags=[tag])
        return self

    def page(self, status=200):
        answer = self.api.client.get(f"/models/{self.id}")
        assert answer.status_code == status, answer.text
        return answer.text


def _checksum(text):
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.fixture
def made(api, tmp_path):
    """``made(**fields of the record)``"""
    return lambda **more: Made(api, tmp_path, **more)


def _commands(page):
    """What the page has to copy, by what it is for."""
    return {
        part.partition('"')[0]: html.unescape(part.partition(">")[2].partition("</pre>")[0])
        for part in page.split('<pre tabindex="0" aria-label="')[1:]
    }


def test_a_whole_model(made):
    example = {"dataframe_split": {"columns": ["age"], "data": [[40], [41]]}}
    info = {"artifact_path": "input_example.json", "type": "dataframe"}
    page = (
        made(params=[{"key": "depth", "value": "7"}])
        .finish(
            descriptor={
                **DESCRIPTOR,
                "saved_input_example_info": info,
                "metadata": {"a": {"b": 1}},
            },
            serving_input_example__json=json.dumps(example),
            requirements__txt="numpy==2.0\n",
            python_env__yaml="python: 3.11.7\n",
        )
        .page()
    )
    for text in (
        "depth",
        "numpy==2.0",
        "python_env.yaml",
        "record vouches for",
        "mlpack 0.1.0",
        "3.11.7",
    ):
        assert text in page
    assert "{&#34;b&#34;: 1}" in page
    assert "not on record" not in page
    assert "[[40], [41]]" in page
    commands = _commands(page)
    assert commands["Ask it"].startswith("curl http://127.0.0.1:5001/invocations")
    assert '"data": [[40], [41]]' in commands["Ask it"]


def test_commands_name_this_server_and_this_model(made):
    one = made().finish()
    commands = _commands(one.page())
    assert commands["Serve it"].splitlines() == [
        "export MLPACK_TRACKING_URI=http://localhost",
        f"mlpack serve -m models:/{one.id} -p 5001",
    ]
    assert f"mlpack build-docker -m models:/{one.id} -n churn" in commands["Build its image"]
    assert "--target local -n churn" in commands["Deploy it"]
    assert f"load_model('models:/{one.id}')" in commands["Load it in Python"]
    # made up from the signature, for there is no example
    assert '"columns": ["age"' in commands["Ask it"]


@pytest.mark.parametrize(
    "host", ["a$(touch${IFS}x)b", "x';touch${IFS}x;'", "`touch${IFS}x`", "x&touch${IFS}x", 'a"b']
)
def test_hosts_do_nothing_in_a_shell_or_in_python(make_app, api, made, tmp_path, host):
    one = made().finish()
    client = make_app(public_url=f"http://{host}").test_client()
    commands = _commands(client.get(f"/models/{one.id}").text)
    for text in (commands["Serve it"], commands["Deploy it"]):
        done = subprocess.run(
            ["bash", "-c", f'mlpack() {{ :; }}\n{text}\nprintf %s "$MLPACK_TRACKING_URI"'],
            cwd=tmp_path,
            capture_output=True,
            check=True,
            text=True,
        )
        assert done.stdout == f"http://{host}"
    assert not (tmp_path / "x").exists()
    compile(commands["Load it in Python"], "it", "exec")


def test_an_example_does_nothing_in_a_shell(made, tmp_path):
    hostile = {"inputs": ["'; touch x; '", "$(touch x)", "`touch x`", "\n\x03\x1b[201~", "!!", "é"]}
    info = {"artifact_path": "input_example.json", "serving_input_path": "ex.json"}
    told = {**DESCRIPTOR, "saved_input_example_info": info}
    page = made().finish(descriptor=told, ex__json=json.dumps(hostile)).page()
    asking = _commands(page)["Ask it"]
    assert asking.replace(" \\\n", "").isprintable()
    script = f'curl() {{ printf %s "${{@: -1}}"; }}\n{asking}'
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=True)
    assert json.loads(done.stdout) == hostile
    assert not (tmp_path / "x").exists()
    assert shlex.split(asking)[-1] == done.stdout.decode()


def test_models_whose_files_are_not_there(made):
    pending = made().page()
    assert "This model is pending" in pending
    assert "Register as a version" not in pending.partition("<dialog")[0]
    failed = made()
    failed.api.patch(
        f"logged-models/{failed.id}", model_id=failed.id, status="LOGGED_MODEL_UPLOAD_FAILED"
    )
    assert "never came" in failed.page()
    gone = made().finish()
    shutil.rmtree(gone.folder)
    page = gone.page()
    assert "What this model is made of cannot be read" in page
    assert "There are no files" in page
    assert "mlpack serve -m" in page


def test_a_deleted_model_says_as_what_it_is_registered(made):
    one = made().finish()
    one.api.post("registered-models/create", name="churn")
    one.api.post("model-versions/create", name="churn", source=f"models:/{one.id}", model_id=one.id)
    one.api.delete(f"logged-models/{one.id}", model_id=one.id)
    page = one.page(404)
    assert "It may have been deleted" in page
    assert 'href="/registry/churn/1"' in page
    assert "no such model" in one.api.client.get("/models/m-'\"<script>").text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "damaged"),
        ("- a\n- b\n", "expected a mapping"),
        ("flavors: {}\n", "no flavors"),
        ("flavors:\n  x: [", "damaged"),
        ("a: &a [1,1]\nb: &b [*a,*a]\nflavors: 3\n", "must be a mapping"),
        ("[" * 5000, "damaged"),
        ("flavors: {x: {}}\nsignature: {inputs: 'no json'}\n", "signature"),
        ("flavors: {x: {}}\nmlpack: {format: 99}\n", "Upgrade"),
        ("\x00", "damaged"),
    ],
)
def test_damaged_descriptors(made, text, said):
    one = made().finish(model__pkl="x")
    one.write(MLmodel=text)
    page = one.page()
    assert "cannot be read" in page
    assert said in html.unescape(page)
    assert "model.pkl" in page


def test_files_that_are_not_those_on_record(made):
    one = made().finish(a__txt="a", b__txt="b")
    (one.folder / "a.txt").unlink()
    one.write(more__txt="c")
    page = one.page()
    assert "missing" in page
    assert "not on record" in page
    one.write(MLmodel=(one.folder / "MLmodel").read_text() + "run_id: x\n")
    assert "is not the one that was logged" in one.page()


def test_a_descriptor_that_names_files_elsewhere(made, tmp_path):
    (tmp_path / "secret.json").write_text('{"inputs": "the secret of the house"}')
    for path in ("../../../../../secret.json", str(tmp_path / "secret.json"), "a\0b", 7, ["x"]):
        info = {"artifact_path": path, "serving_input_path": path}
        page = made().finish(descriptor={**DESCRIPTOR, "saved_input_example_info": info}).page()
        assert "the secret of the house" not in page
    one = made().finish(descriptor={**DESCRIPTOR, "saved_input_example_info": {"type": "x"}})
    (one.folder / "serving_input_example.json").symlink_to(tmp_path / "secret.json")
    assert "the secret of the house" not in one.page()


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[" * 90_000,
        '{"dataframe_split": 3}',
        '{"dataframe_split": {"data": [1, [2], {}], "columns": 5}}',
        '{"dataframe_split": {"data": [], "columns": []}}',
        '{"dataframe_records": [{"a": "\\ud800"}, {}]}',
        '{"inputs": "\\ud800"}',
        '{"inputs": [NaN, Infinity]}',
        "[" * 400 + "]" * 400,
        '"' + "x" * 200_000 + '"',
        "7",
        "null",
        "",
    ],
)
def test_examples_of_any_shape(made, text):
    info = {"artifact_path": "input_example.json", "type": "dataframe"}
    told = {**DESCRIPTOR, "saved_input_example_info": info}
    page = made().finish(descriptor=told, serving_input_example__json=text).page()
    assert "Input example" in page


def test_every_text_may_be_an_attack(made, api):
    evil = {"a": ATTACK, "mlpack.image.1": json.dumps({"reference": ATTACK})}
    evil |= {"mlpack.image.2": "[1]", "mlpack.image.3": "{", "mlpack.image.4": '{"platforms": {}}'}
    one = made(
        name="a-<b>",
        params=[{"key": "p", "value": ATTACK}],
        tags=[{"key": key, "value": value} for key, value in evil.items()],
    )
    metadata = {"note": ATTACK, "half": "\ud83d", "when": "x", "more": {"deep": [ATTACK]}}
    flavors = {
        "python_function": {"loader_module": ATTACK, "half": "\ud83d"},
        ATTACK: {"x": ATTACK},
    }
    told = {**DESCRIPTOR, "metadata": metadata, "flavors": flavors, "mlflow_version": ATTACK}
    page = one.finish(descriptor=told, requirements__txt=ATTACK).page()
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "{{7*7}}" in page  # as it is, not 49


def test_a_wide_model(made):
    """Thousands of columns: a page of bounded size, in bounded time."""
    columns = [{"type": "double", "name": f"c{i}", "required": True} for i in range(5000)]
    data = {"columns": [c["name"] for c in columns], "data": [[0.5] * 5000]}
    told = {
        **DESCRIPTOR,
        "signature": {**DESCRIPTOR["signature"], "inputs": json.dumps(columns)},
        "saved_input_example_info": {"artifact_path": "input_example.json", "type": "dataframe"},
    }
    one = made().finish(
        descriptor=told, serving_input_example__json=json.dumps({"dataframe_split": data})
    )
    page = one.page()
    assert len(page) < 1_000_000
    assert "more columns" in page
    assert "| curl" in _commands(page)["Ask it"]


@pytest.mark.server
def test_registering_a_model(own_story, watched, look_at):
    page, model = watched.page, own_story.names["second_model"]
    page.goto(f"{own_story.address}/models/{model}")
    page.get_by_role("button", name="Register as a version").click()
    dialog = page.get_by_role("dialog", name="Register as a version")
    assert dialog.get_by_label("Name").input_value() == "iris"
    look_at(page, "model-register")
    dialog.get_by_label("Name").fill("a/b")
    watched.expected.append("400")
    dialog.get_by_role("button", name="Register").click()
    dialog.get_by_role("alert").wait_for()
    dialog.get_by_label("Name").fill("iris, for a trial")
    dialog.get_by_label("Note").fill("tried on the page")
    dialog.get_by_role("button", name="Register").click()
    page.wait_for_url("**/registry/iris%2C%20for%20a%20trial/1")
    page.goto(f"{own_story.address}/models/{model}")
    names = page.get_by_role("link", name="iris, for a trial version 1")
    assert names.is_visible()


@pytest.mark.server
def test_a_registration_that_is_under_way(own_story, browser_page):
    """It is sent once, and does not take away the page of somebody who closed its dialog."""
    page = browser_page
    page.goto(f"{own_story.address}/models/{own_story.names['second_model']}")
    opener = page.get_by_role("button", name="Register as a version")
    dialog = page.get_by_role("dialog", name="Register as a version")
    create = "**/model-versions/create"
    opener.click()
    with held(page, create):
        with page.expect_request(create):
            dialog.get_by_role("button", name="Register").click()
        dialog.get_by_role("button", name="Cancel").click()
        opener.click()
        expect(dialog.get_by_role("button", name="Register")).to_be_disabled()
        dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This is version 3 of iris now.")).to_be_visible()
    page.get_by_role("button", name="Show it").click()
    page.wait_for_url("**/registry/iris/3")
