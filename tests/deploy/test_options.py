"""Options of a target: declared once, read from strings and YAML, listed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from mlpack.deploy_targets.local import LocalOptions
from mlpack.deploy_targets.options import (
    REQUIRED,
    describe_options,
    option,
    parse_pairs,
    read_options,
    read_place,
    secrets_of,
    shown,
    without_secrets,
)
from mlpack.errors import InvalidInput


@dataclass(frozen=True)
class Sample:
    port: int | None = option(None, "a port")
    ratio: float = option(1.5, "a ratio")
    on: bool = option(False, "a switch")
    mode: str = option("a", "a mode", ("a", "b"))
    env: tuple[str, ...] = option((), "variables")


@dataclass(frozen=True, kw_only=True)
class Variant:
    name: str = option(REQUIRED, "a name")
    weight: float = option(1, "its share", minimum=0, maximum=100)


@dataclass(frozen=True)
class Capture:
    percent: int = option(100, "of requests", minimum=0, maximum=100)
    to: Path | None = option(None, "where")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    region: str = option(REQUIRED, "where", pattern="[a-z]+-[0-9]", like="here-1", place=True)
    mode: Literal["a", "b"] = option("a", "which")
    count: int = option(1, "how many", minimum=1, group="Scaling")
    share: float = option(0.5, "of it", above=0, group="Scaling")
    subnets: tuple[str, ...] = option((), "networks", split=",")
    ports: tuple[int, ...] = option((), "ports", maximum=65535)
    tags: dict[str, str] = option({}, "of all that is made")
    traffic: dict[str, int] = option({}, "percent", minimum=0, maximum=100)
    variants: tuple[Variant, ...] = option((), "several models", group="Traffic")
    capture: Capture = option(Capture(), "of data")
    raw: Any = option(None, "passed on as it is")
    token: str | None = option(None, "to enter", secret=True)
    env: dict[str, str] = option({}, "variables", secret=True)


def cloud(*pairs: str, **given: object) -> Cloud:
    return read_options(Cloud, {"region": "here-1", **given, **parse_pairs(pairs)}, "cloud")


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


def test_mappings_and_lists_from_a_command_line() -> None:
    found = cloud(
        "tags=a=1", "tags=b=x=y", "traffic.blue=90", "subnets=s1, s2", "subnets=s3", "ports=1",
        "capture.percent=5", "variants=[{name: one, weight: 9}, {name: two}]", "raw={a: [1, 2]}",
        "env.A.B=1",
    )  # fmt: skip
    assert found.tags == {"a": "1", "b": "x=y"}
    assert found.traffic == {"blue": 90}
    assert found.subnets == ("s1", "s2", "s3")
    assert found.ports == (1,)
    assert found.capture == Capture(5)
    assert found.variants == (Variant(name="one", weight=9.0), Variant(name="two"))
    assert found.raw == {"a": [1, 2]}
    assert found.env == {"A.B": "1"}


def test_mappings_and_lists_from_yaml() -> None:
    found = cloud(
        "tags.b=2",
        tags={"a": True},
        traffic={"blue": 10},
        variants=[{"name": "one", "weight": 2}],
        capture={"percent": 3, "to": "/x"},
    )
    assert found.tags == {"a": "true", "b": "2"}
    assert found.traffic == {"blue": 10}
    assert found.variants == (Variant(name="one", weight=2.0),)
    assert found.capture == Capture(3, Path("/x"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"region": "x"}, "write it like here-1"),
        ({"region": None}, "expected text"),
        ({"mode": "c"}, "one of a, b"),
        ({"count": 0}, "must be 1 or more"),
        ({"count": True}, "expected integer"),
        ({"share": 0}, "above 0"),
        ({"share": "nan"}, "above 0"),
        ({"ports": [80, 70000]}, r"'ports\[1\]' is 70000"),
        ({"tags": "x"}, "tags=NAME=VALUE"),
        ({"tags": {"a": [1]}}, "'tags.a'"),
        ({"traffic": {"blue": 101}}, "'traffic.blue' is 101; it goes from 0 to 100"),
        ({"traffic": {"blue": "much"}}, "expected integer"),
        ({"variants": [{"weight": 1}]}, r"needs variants.name \(a name\)"),
        (
            {"variants": [{"name": "a"}, {"name": "b", "wieght": 1}]},
            r"variants\[1\].wieght.*weight",
        ),
        ({"variants": "[{"}, "not YAML"),
        ({"variants": 7}, "must be a mapping"),
        ({"capture": [1]}, "must be a mapping"),
        ({"capture": {"percent": 101}}, "'capture.percent' is 101"),
        ({"capture.prcent": 1}, "Did you mean 'percent'"),
        ({"mode": {"a": 1}}, "is a mapping; expected text"),
    ],
)
def test_what_is_wrong_deep_within(given: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        cloud(**given)


def test_what_must_be_given() -> None:
    with pytest.raises(InvalidInput, match=r"'cloud' needs -C region=… \(where\)"):
        read_options(Cloud, {}, "cloud")


def test_secrets_are_shown_nowhere() -> None:
    found = cloud("token=hunter22", "env=PASSWORD=swordfish", "count=2")
    assert "hunter22" not in repr(found)
    assert "swordfish" not in repr(found)
    told = shown(found)
    assert told["token"] == "***"
    assert told["env"] == {"PASSWORD": "***"}
    assert told["count"] == 2
    assert told["capture"] == {"percent": 100}
    assert "raw" not in told
    assert without_secrets("no swordfish for hunter22", secrets_of(found)) == "no *** for ***"
    with pytest.raises(InvalidInput) as raised:
        cloud(token={"hunter22": 1})
    assert "hunter22" not in raised.value.message


def test_settings_that_say_where() -> None:
    assert read_place(Cloud, {"region": "there-2"}, "cloud") == {"region": "there-2"}
    with pytest.raises(InvalidInput, match="write it like"):
        read_place(Cloud, {"region": "?"}, "cloud")
    with pytest.raises(InvalidInput, match="no option 'count' that says where"):
        read_place(Cloud, {"count": 1}, "cloud")


def test_options_are_listed_by_group_with_their_parts() -> None:
    listed = describe_options(Cloud)
    names = [each.name for each in listed]
    assert names[:3] == ["region", "mode", "subnets"]
    assert names[-3:] == ["variants", "variants[].name", "variants[].weight"]
    found = {each.name: each for each in listed}
    assert found["region"].required and found["region"].place
    assert found["count"].group == found["share"].group == "Scaling"
    assert found["mode"].choices == ("a", "b")
    assert found["tags"].type == "name=text, may be repeated"
    assert found["variants"].type == "list of mappings"
    assert found["variants[].weight"].group == "Traffic"
    assert found["capture.percent"].default == "100"
    assert found["token"].secret


def test_every_option_of_the_local_target_is_described() -> None:
    listed = describe_options(LocalOptions)
    assert [o.name for o in listed][:3] == ["port", "host", "timeout"]
    assert all(o.help and o.type for o in listed)
    assert next(o for o in listed if o.name == "env").type == "name=text, may be repeated"


def test_plain_fields_of_a_dataclass_are_options_too() -> None:
    @dataclass(frozen=True)
    class Plain:
        a: int
        b: str = "x"

    assert read_options(Plain, {"a": "1"}, "plain") == Plain(1)
    assert [each.required for each in describe_options(Plain)] == [True, False]
    assert shown(Plain(1)) == {"a": 1, "b": "x"}
    with pytest.raises(InvalidInput, match="needs -C a="):
        read_options(Plain, {}, "plain")
