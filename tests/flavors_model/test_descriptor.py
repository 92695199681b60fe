"""MLmodel: what is read, what is written, what is refused and with which words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlpack.errors import BadModel, InvalidInput, ModelTooNew
from mlpack.flavors import Model
from mlpack.flavors.signature import ModelSignature

MINIMAL = "flavors:\n  python_function:\n    loader_module: m\n"


def folder_with(tmp_path: Path, text: str | bytes) -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "MLmodel").write_bytes(content)
    return tmp_path


def test_round_trip_keeps_everything_and_unknown_keys(tmp_path: Path) -> None:
    text = MINIMAL + (
        "model_id: null\nmodel_uuid: abc\nmlflow_version: 3.17.2\nmodel_size_bytes: 12\n"
        "prompts: null\nresources:\n  api_version: '1'\nmetadata:\n  a: [1, 2.5, x]\n"
        "utc_time_created: '2026-11-23 22:40:27.830695'\nmlpack:\n  format: 1\n  new: thing\n"
        'signature:\n  inputs: \'[{"type": "double", "name": "x", "required": true}]\'\n'
        "  outputs: null\n  params: null\n"
    )
    model = Model.read(folder_with(tmp_path, text))
    assert model.mlflow_version == "3.17.2"
    assert model.extra == {"prompts": None, "resources": {"api_version": "1"}}
    written = yaml.safe_load(model.to_yaml())
    for key, value in yaml.safe_load(text).items():
        if value is not None or key == "prompts":
            assert written[key] == value, key
    assert Model.from_dict(written) == model


def test_new_descriptor_has_an_id_and_a_time() -> None:
    model = Model.new(model_id="m-1", flavors={"f": {}})
    assert (model.model_uuid, model.mlpack["format"]) == ("m-1", 1)
    assert model.utc_time_created and len(model.utc_time_created) == 26
    assert Model.new().model_uuid != Model.new().model_uuid


def test_no_such_folder_and_no_mlmodel(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no such folder"):
        Model.read(tmp_path / "nothing")
    with pytest.raises(BadModel, match="it has no file named MLmodel"):
        Model.read(tmp_path)
    (tmp_path / "m.pkl").write_bytes(b"x")
    with pytest.raises(BadModel, match="mlpack models wrap"):
        Model.read(tmp_path / "m.pkl")
    (tmp_path / "MLmodel").mkdir()
    with pytest.raises(BadModel, match="Cannot read"):
        Model.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a mapping, got nothing"),
        ("just words", "expected a mapping, got text"),
        ("- a\n- b\n", "expected a mapping, got a list"),
        ("1: 2\n", "expected a mapping"),
        ("a: b\nflavors: [\n", "line 3"),
        ("flavors:\n\t- x\n", "line 2"),
        ("a: 'unclosed\n", "damaged"),
        (b"\xff\xfe\x00broken", "damaged"),
        (b"a: \xc3\x28\n", "damaged"),
        ("a: b\x00c\n", "damaged"),
        ("a: !!python/object/apply:os.system [echo]\n", "line 1"),
        ("a: b\n", "names no flavors"),
        ("flavors: {}\n", "names no flavors"),
        ("flavors: text\n", "'flavors' must be a mapping, got text"),
        ("flavors: [a]\n", "'flavors' must be a mapping, got a list"),
        ("flavors: {f: text}\n", "'flavors.f' must be a mapping, got text"),
        ("flavors: {f: {1: 2}}\n", "'flavors.f' must be a mapping"),
        ("flavors: {1: {}}\n", "'flavors' must be a mapping of names"),
        (MINIMAL + "signature: text\n", "'signature' must be a mapping"),
        (MINIMAL + "signature: {inputs: [1]}\n", "'signature.inputs' must be a JSON string"),
        (MINIMAL + "signature: {inputs: '[oops'}\n", "damaged signature"),
        (MINIMAL + 'signature: {inputs: \'[{"type": "x"}]\'}\n', "damaged signature"),
        (MINIMAL + "metadata: 3\n", "'metadata' must be a mapping, got a number"),
        (MINIMAL + "run_id: [a]\n", "'run_id' must be text, got a list"),
        (MINIMAL + "model_size_bytes: many\n", "'model_size_bytes' must be a number"),
        (MINIMAL + "is_signature_from_type_hint: 3\n", "must be true or false"),
        (MINIMAL + "saved_input_example_info: x\n", "must be a mapping"),
        (MINIMAL + "mlpack: x\n", "'mlpack' must be a mapping"),
        (MINIMAL + "mlpack: {format: x}\n", "'mlpack.format' must be a number"),
    ],
)
def test_damage_is_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(BadModel) as error:
        Model.read(folder_with(tmp_path, text))
    assert says in error.value.message
    assert "\n" not in error.value.message


def test_bombs_are_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(BadModel, match="aliases"):
        Model.read(folder_with(tmp_path, "\n".join(levels) + "\n" + MINIMAL))
    with pytest.raises(BadModel, match="contains itself"):
        Model.read(folder_with(tmp_path, MINIMAL + "metadata: &m {self: *m}\n"))
    with pytest.raises(BadModel, match="damaged"):
        Model.read(folder_with(tmp_path, "a: &a {b: 1}\nflavors: {<<: *a}\n"))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_absurd_depth_is_refused_before_it_can_crash(tmp_path: Path, opening: str) -> None:
    with pytest.raises(BadModel, match="damaged"):
        Model.read(folder_with(tmp_path, opening * 100_000))


def test_shared_values_of_other_tools_are_read(tmp_path: Path) -> None:
    model = Model.read(folder_with(tmp_path, MINIMAL + "metadata: {a: &x [1], b: *x}\n"))
    assert model.metadata == {"a": [1], "b": [1]}


def test_too_new_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelTooNew, match=r"mlpack 9\.1 in format 7.*Upgrade"):
        Model.read(folder_with(tmp_path, MINIMAL + "mlpack: {format: 7, version: 9.1}\n"))


def test_a_link_is_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(MINIMAL)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/MLmodel").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadModel, match="symbolic link"):
        Model.read(tmp_path / "model")


@pytest.mark.parametrize("value", [object(), lambda: None])
def test_metadata_that_yaml_cannot_hold(value: object) -> None:
    model = Model.new(flavors={"f": {}}, metadata={"deep": [{"x": value}]})
    with pytest.raises(InvalidInput, match="must hold only text, numbers, lists and mappings"):
        model.to_yaml()


def test_metadata_that_contains_itself() -> None:
    loop: dict[str, object] = {}
    loop["me"] = loop
    with pytest.raises(InvalidInput):
        Model.new(flavors={"f": {}}, metadata=loop).to_yaml()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1), plain, min_size=1, max_size=4))
def test_any_plain_metadata_comes_back(metadata: dict[str, object]) -> None:
    model = Model.new(flavors={"f": {}}, metadata=metadata)
    again = Model.from_dict(yaml.load(model.to_yaml(), yaml.SafeLoader))
    assert again.metadata == metadata


def test_signature_is_three_strings(tmp_path: Path) -> None:
    inputs = '[{"type": "long", "name": "a", "required": true}]'
    model = Model.new(flavors={"f": {}}, signature=ModelSignature.from_dict({"inputs": inputs}))
    written = yaml.safe_load(model.to_yaml())
    assert written["signature"] == {"inputs": inputs, "outputs": None, "params": None}
    assert written["is_signature_from_type_hint"] is False
