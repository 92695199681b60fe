"""Options of a target: declared once, read from strings and YAML, listed."""

from dataclasses import dataclass

import pytest

from mlpack.deploy_targets.local import LocalOptions
from mlpack.deploy_targets.options import describe_options, option, parse_pairs, read_options
from mlpack.errors import InvalidInput


@dataclass(frozen=True)
class Sample:
    port: int | None = option(None, "a port")
    ratio: float = option(1.5, "a ratio")
    on: bool = option(False, "a switch")
    mode: str = option("a", "a mode", ("a", "b"))
    env: tuple[str, ...] = option((), "variables")


def read(**given: object) -> Sample:
    return read_options(Sample, given, "sample")


def test_strings_become_what_is_declared() -> None:
    given = parse_pairs(["port=80", "ratio=2", "on=yes", "mode=b", "env=A=1", "env=B=2=3"])
    assert read_options(Sample, given, "sample") == Sample(80, 2.0, True, "b", ("A=1", "B=2=3"))


def test_values_of_yaml() -> None:
    assert read(port=80, ratio=2, on=True, env={"A": 1}) == Sample(80, 2.0, True, "a", ("A=1",))
    assert read(port=None, env=["A=1"]) == Sample(env=("A=1",))
    assert read(env="A=1") == Sample(env=("A=1",))


@pytest.mark.parametrize("text", ["false", "no", "off", "0", "False"])
def test_ways_to_say_no(text: str) -> None:
    assert read(on=text).on is False


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": "many"}, "'port' is 'many'; expected integer"),
        ({"port": 8080.5}, "expected integer"),
        ({"port": ""}, "expected integer"),
        ({"ratio": "x"}, "expected number"),
        ({"on": "perhaps"}, "expected true or false"),
        ({"mode": "c"}, "one of a, b"),
        ({"port": ["1", "2"]}, "more than once"),
        ({"prot": "1"}, "Did you mean 'port'"),
        ({"zzzzz": "1"}, "It has: port, ratio"),
    ],
)
def test_what_is_wrong(given: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read(**given)


@pytest.mark.parametrize("pair", ["port", "=1", ""])
def test_no_pair(pair: str) -> None:
    with pytest.raises(InvalidInput, match="key=value"):
        parse_pairs([pair])


def test_hyphens_and_underscores_are_one() -> None:
    assert parse_pairs(["a-b=1"]) == {"a_b": "1"}


def test_every_option_of_the_local_target_is_described() -> None:
    listed = describe_options(LocalOptions)
    assert [o.name for o in listed][:3] == ["port", "host", "timeout"]
    assert all(o.help and o.type for o in listed)
    assert next(o for o in listed if o.name == "env").type == "text, may be repeated"
