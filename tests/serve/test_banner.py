"""The banner's curl line is run by a shell and must send the example unharmed."""

import json
import shlex
import subprocess

import pytest

from mlpack.flavors.schema import Array, ColSpec, DataType, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.serve.banner import banner, curl_line
from mlpack.serve.codecs import decode

URL = "http://127.0.0.1:5000/invocations"


@pytest.fixture
def model(fake_model, tmp_path):
    def make(example=None, signature=None):
        made = fake_model(None, signature, folder=tmp_path)
        if example is not None:
            text = example if isinstance(example, str) else json.dumps(example)
            (tmp_path / "serving_input_example.json").write_text(text)
            made.metadata.saved_input_example_info = {
                "serving_input_path": "serving_input_example.json"
            }
        return made

    return make


def body_of(line):
    """What a shell hands to curl after -d."""
    words = shlex.split(line)
    assert words[:2] == ["curl", URL]
    assert words[2:5] == ["-H", "Content-Type: application/json", "-d"]
    (body,) = words[5:]
    return body


@pytest.mark.parametrize(
    "example",
    [
        {"dataframe_split": {"columns": ["a"], "data": [['it\'s $HOME `id` "x" \\ \n ü !']]}},
        {"inputs": ["a", "b"], "params": {"k": 3}},
    ],
)
def test_the_example_survives_the_shell(model, example):
    line = curl_line(URL, model(example))
    assert "\n" not in line
    printed = subprocess.run(
        ["sh", "-c", line.replace("curl", "printf '%s\\n'", 1)], capture_output=True, text=True
    )
    assert json.loads(printed.stdout.splitlines()[-1]) == example
    assert json.loads(body_of(line)) == example


def test_a_long_example_is_cut_to_its_first_row(model):
    data = [[i] for i in range(1000)]
    line = curl_line(URL, model({"dataframe_split": {"columns": ["a"], "data": data}}))
    assert json.loads(body_of(line)) == {"dataframe_split": {"columns": ["a"], "data": [[0]]}}
    line = curl_line(URL, model({"inputs": data, "params": {"p": [1, 2]}}))
    assert json.loads(body_of(line)) == {"inputs": [[0]], "params": {"p": [1, 2]}}


def test_a_long_row_is_sent_from_its_file(model, tmp_path):
    line = curl_line(URL, model({"inputs": [[0.5] * 5000]}))
    assert body_of(line) == f"@{tmp_path}/serving_input_example.json"


@pytest.mark.parametrize("damaged", ["", "{", "[" * 100_000])
def test_a_damaged_example_does_not_matter(model, damaged):
    assert "curl" in curl_line(URL, model(damaged))


def test_an_example_outside_the_folder_is_not_read(model):
    made = model()
    made.metadata.saved_input_example_info = {"serving_input_path": "../../etc/passwd"}
    assert "passwd" not in curl_line(URL, made)


@pytest.mark.parametrize(
    "inputs",
    [
        [ColSpec(kind, kind.name) for kind in DataType],
        [ColSpec("double"), ColSpec("string")],
        [ColSpec("string")],
        [TensorSpec("float32", (-1, 2, 2))],
        [TensorSpec("int64", (-1, 2), "ids"), TensorSpec("str", (-1,), "words")],
    ],
    ids=str,
)
def test_without_an_example_one_that_fits_is_made_up(model, inputs):
    signature = ModelSignature(Schema(inputs))
    made = model(signature=signature)
    body = body_of(curl_line(URL, made)).encode()
    from mlpack.flavors.enforce import enforce

    enforce(signature, decode(body, "application/json", signature).data)


def test_no_honest_example_for_nested_types_and_no_signature(model):
    nested = ModelSignature(Schema([ColSpec(Array(DataType.long), "ids")]))
    for made in (model(), model(signature=nested)):
        assert json.loads(body_of(curl_line(URL, made))) == {
            "dataframe_records": [{"column": "value"}]
        }


def test_the_banner_says_what_is_served_where(model, people):
    text = banner(model(signature=people), "0.0.0.0", 8080, "runs:/abc/model\x1b[31m")
    assert "http://127.0.0.1:8080" in text
    assert "runs:/abc/model�[31m" in text and "\x1b" not in text
    assert "age: long, income: double, city: string, member: boolean?" in text
    assert "threshold=0.5" in text
    assert "Ctrl-C" in text
    assert "http://[::1]:80" in banner(model(), "::", 80, "m")


def test_of_several_models_the_others_are_named_and_the_line_is_the_firsts(model):
    text = banner(model(), "h", 80, "m", path="/models/a/invocations", others=["b", "c"])
    assert "b, c: see http://h:80/models" in text
    assert "curl http://h:80/models/a/invocations -H" in text


def test_a_wide_signature_is_cut(model):
    wide = ModelSignature(Schema([ColSpec("double", f"column {i}") for i in range(500)]))
    assert max(map(len, banner(model(signature=wide), "h", 1, "m").splitlines())) < 1000
