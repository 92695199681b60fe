"""What registries write into WWW-Authenticate, and what hostile ones might."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpack.builders.remote.challenge import Challenge, challenges


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            [
                'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
                'scope="repository:a/b:pull,push repository:c:pull"'
            ],
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push repository:c:pull",
                    },
                )
            ],
        ),
        (["basic realm=plain"], [Challenge("basic", {"realm": "plain"})]),
        (
            ['Negotiate, BEARER Realm = "a, b=\\"c\\"" , Service=s , Basic realm="x"'],
            [
                Challenge("negotiate", {}),
                Challenge("bearer", {"realm": 'a, b="c"', "service": "s"}),
                Challenge("basic", {"realm": "x"}),
            ],
        ),
        (['Basic realm="1"', 'Bearer realm="2"'],) * 1
        + ([Challenge("basic", {"realm": "1"}), Challenge("bearer", {"realm": "2"})],),
        (['Bearer realm="first",realm="second"'], [Challenge("bearer", {"realm": "first"})]),
        (['realm="of nobody"', "", ",,,", '"'], []),
        (['Bearer realm="never closed'], [Challenge("bearer", {})]),
    ],
)
def test_challenges(headers: list[str], expected: list[Challenge]) -> None:
    assert challenges(headers)[: len(expected) or 1] == expected


@pytest.mark.parametrize(
    "text", [" " * 10**6, "a=" * 10**6, 'a="\\' * 10**6, "a " * 10**6, "=" * 10**6]
)
def test_long_nonsense_takes_no_time(text: str) -> None:
    challenges([text])


@given(st.lists(st.text()))
def test_nothing_makes_it_fail(headers: list[str]) -> None:
    challenges(headers)
