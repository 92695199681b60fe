"""A model in an image against what is on record of it; and the ways in which it may be another."""

import io
import tarfile
from dataclasses import replace

import pytest

from mlpack.builders.inspect.verify import Record, _served, verify_image
from mlpack.builders.oci.spec import sha256
from mlpack.flavors.integrity import digest
from mlpack.tests.builders.inspect.small_images import DEBIAN, Link, make_image

MODEL = {"MLmodel": b"flavors: {}\nmlpack: {files: {weights: 'sha256:0'}}\n", "weights": b"1 2 3"}
FILES = {name: sha256(content) for name, content in MODEL.items()}
DIGEST = digest(FILES)
LAYER = {"opt": None, "opt/ml": None, "opt/ml/model": None} | {
    f"opt/ml/model/{name}": content for name, content in MODEL.items()
}


def image(*above, label=DIGEST, env=(), layer=LAYER, **config):
    labels = {"mlpack.model.digest": label} if label else {}
    environment = [f"MLPACK_MODEL_DIGEST={label}"] if label else []
    config = {"Entrypoint": ["python", "-m", "mlpack.serve"], **config}
    env = [*environment, "PATH=/opt/venv/bin:/bin", "PYTHONSAFEPATH=1", *env]
    return make_image([DEBIAN, layer, *above], labels=labels, Env=env, **config)


RECORD = Record("the registry", DIGEST, FILES)


def overlaid(attribute):
    """A layer whose folder of the model tells overlay file systems to show something else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        folder = tarfile.TarInfo("opt/ml/model")
        folder.type = tarfile.DIRTYPE
        folder.pax_headers = {f"SCHILY.xattr.{attribute}": "/evil"}
        tar.addfile(folder)
    return buffer.getvalue()


def test_the_model_that_was_recorded_is_good():
    found = verify_image(image(), "churn", [RECORD])
    assert found.good and found.model == DIGEST and found.files == 2
    assert found.vouched_by == ("the registry", "the image's own label")
    assert not found.notices


def test_only_the_own_label_is_said_to_be_little():
    found = verify_image(image(), "churn")
    assert found.good
    assert "own label" in found.notices[0]


@pytest.mark.parametrize(
    ("above", "says"),
    [
        ({"opt/ml/model/weights": b"evil"}, "weights differs, replaced by layer 3"),
        ({"opt/ml/model/.wh.weights": ""}, "weights is missing, hidden by layer 3"),
        ({"opt/ml/model/more": b"x"}, "more was added"),
        ({"opt/ml/.wh.model": ""}, "there is no model in /opt/ml/model, hidden by layer 3"),
        ({"opt/ml/model/.wh..wh..opq": ""}, "there is no model"),
        ({"opt/ml": Link("/evil")}, "there is no model"),
        ({"opt/ml/model/weights": Link("/evil")}, "weights is a symlink to /evil"),
        ({"opt/ml/model/weights": Link("etc/passwd", hard=True)}, "weights is a hardlink"),
        ({"opt/ml/model/../model/weights": b"evil"}, "a path with '..' in it"),
        ({"srv": Link("/opt/ml"), "srv/model/weights": b"evil"}, "links lead into the model"),
        ({"a": Link("b"), "b": Link("opt/x/.."), "a/ml/model/.wh.weights": ""}, "links lead into"),
        ({"srv": Link("opt"), "srv/ml": Link("/evil")}, "links lead into the model"),
        (
            {"opt/ml/model/weights": MODEL["weights"], "opt/ml/model/.wh.weights": ""},
            "hidden by the very layer that holds it",
        ),
        (overlaid("trusted.overlay.redirect"), "another folder's content"),
        (overlaid("trusted.overlay.opaque"), "another folder's content"),
    ],
)
def test_a_later_layer_cannot_change_the_model_unseen(above, says):
    found = verify_image(image(above), "churn", [RECORD])
    assert not found.good
    assert any(says in each for each in found.problems), found.problems


def test_a_link_below_the_model_leads_elsewhere():
    layer = {path: content for path, content in LAYER.items() if content is not None}
    found = verify_image(make_image([{"opt": Link("srv")}, layer]), "churn", [RECORD])
    assert any("/opt is a symlink to srv" in each for each in found.problems)


def test_the_stores_word_counts_more_than_the_labels():
    changed = {**LAYER, "opt/ml/model/weights": b"evil"}
    label = digest({**FILES, "weights": sha256(b"evil")})
    assert verify_image(image(layer=changed, label=label), "churn").good
    found = verify_image(image(layer=changed, label=label), "churn", [RECORD])
    assert found.problems == ("weights differs (recorded by the registry)",)


def test_a_record_without_files_still_says_which_as_the_descriptor_knows():
    found = verify_image(image({"opt/ml/model/x": b""}), "churn", [Record("a store", DIGEST)])
    assert any("x was added" in each for each in found.problems)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"env": ["MLPACK_MODEL_PATH=/elsewhere"]}, "would serve /elsewhere"),
        ({"env": ["MLPACK_MODEL_DIGEST=sha256:0"]}, "would not compare"),
        ({"env": ["MLPACK_TRUST_MODEL=1"]}, "without any check"),
        ({"Volumes": {"/opt/ml": {}}}, "the volume /opt/ml would hide"),
        ({"Entrypoint": ["sh"]}, "would start sh"),
        ({"Cmd": ["serve", "--mode=/evil"]}, "what its arguments say"),
        ({"env": ["MLPACK_MODEL_PATH=/evil", "MLPACK_MODEL_PATH=/opt/ml/model"]}, "set twice"),
        ({"env": ["SAGEMAKER_MULTI_MODEL=true"]}, "the models that it is sent"),
        ({"env": ["PYTHONHOME=/evil"]}, "Python's library from /evil"),
        ({"env": ["PATH=/evil:/opt/venv/bin"]}, "set twice"),
    ],
)
def test_a_container_that_would_serve_something_else_is_no_good(config, says):
    found = verify_image(image(**config), "churn", [RECORD])
    assert any(says in each for each in found.problems), found.problems


def test_code_that_would_come_before_the_servers():
    problems = [*_served(make_image([LAYER], Env=["PATH=/evil"]), None)]
    assert any("Python from /evil" in each for each in problems)
    assert any("working folder" in each for each in problems)
    server = {"opt/mlpack/runtime/mlpack/serve/app.py": b"good"}
    found = verify_image(image(server, {**server, "srv/x": b""}), "churn", [RECORD])
    assert any("layer 4 hides or replaces a file of mlpack's server" in p for p in found.problems)


def test_an_unvouched_model_is_only_good_when_that_is_asked_for():
    layer = {**LAYER, "opt/ml/model/MLmodel": b"flavors: {}\n"}
    assert any(
        "nobody vouched" in p for p in verify_image(image(layer=layer, label=None), "x").problems
    )
    found = verify_image(image(layer=layer, label=None), "x", unrecorded_ok=True)
    assert found.good


def test_damage_is_found_without_any_record():
    found = verify_image(image(label=None), "x", unrecorded_ok=True)
    assert found.problems == ("weights differs (listed in MLmodel)",)


def test_layers_that_are_not_what_the_configuration_says():
    good = image()
    other = image({"srv/x": "y"})
    swapped = replace(good, config=other.config)
    problems = verify_image(swapped, "x", [RECORD]).problems
    assert "the configuration is not the one that the manifest names" in problems
    assert "the configuration lists other layers than the manifest" in problems
    lying = replace(
        good, config=good.config.replace(good.diff_ids[0].encode(), b"sha256:" + b"0" * 64)
    )
    problems = verify_image(lying, "x", [RECORD]).problems
    assert any("holds something else" in each for each in problems)


def test_an_image_without_a_model_says_so():
    assert any("no model" in p for p in verify_image(make_image([DEBIAN]), "x").problems)


def test_a_note_of_the_peers_is_no_part_of_the_model():
    note = {"opt/ml/model/registered_model_meta": "model_name: a\nmodel_version: '1'\n"}
    assert verify_image(image(layer={**LAYER, **note}), "x", [RECORD]).good
