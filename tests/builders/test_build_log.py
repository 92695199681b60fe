"""What an engine says, as people should see it."""

import sys

import pytest

from mlpack.builders import install
from mlpack.builders.base import Progress
from mlpack.builders.build_log import BuildLog
from mlpack.errors import BuildFailed, StorageFailed

WARM = """\
Step 1/6 : FROM python:3.11-slim
 ---> ea9ec5360ecc
Step 2/6 : COPY install/ /opt/mlpack/install/
 ---> Using cache
 ---> 111111111111
Step 3/6 : RUN ["python3"]
 ---> Using cache
 ---> 222222222222
Step 4/6 : COPY runtime/ /opt/mlpack/runtime/
 ---> Using cache
 ---> 333333333333
Step 5/6 : COPY model/ /opt/ml/model/
 ---> 444444444444
Step 6/6 : LABEL a=b
 ---> Running in 8b5c1e4c1a5b
Removing intermediate container 8b5c1e4c1a5b
 ---> 555555555555
Successfully built 555555555555
Successfully tagged x:latest
"""


def read(
    text: str, *, secrets: tuple[str, ...] = (), cut: int = 7
) -> tuple[BuildLog, list[Progress]]:
    seen: list[Progress] = []
    log = BuildLog(seen.append, secrets, "python:3.11-slim")
    for start in range(0, len(text), cut):  # messages end anywhere
        log.feed({"stream": text[start : start + cut]})
    log.finish()
    return log, seen


def test_which_parts_came_from_the_cache() -> None:
    log, seen = read(WARM)
    assert log.built == {"model"}
    assert log.made == ["444444444444", "555555555555"]
    assert [(e.kind, e.part) for e in seen] == [
        ("part", "base"),
        ("part", "dependencies"),
        ("cached", "dependencies"),
        ("part", "runtime"),
        ("cached", "runtime"),
        ("part", "model"),
    ]


def test_secrets_never_pass() -> None:
    text = "Step 1/2 : COPY install/ x\nfetching https://u5er:pa55word@host/simple pa55word\n"
    _, seen = read(text, secrets=("u5er", "pa55word"))
    assert [e.message for e in seen if e.kind == "log"] == ["fetching https://***@host/simple ***"]


def test_colours_are_taken_out() -> None:
    _, seen = read("\x1b[91mfoo\n\x1b[0m")
    assert [e.message for e in seen if e.kind == "log"] == ["foo"]


def test_the_reason_that_the_installation_gave() -> None:
    log, _ = read("Step 2/6 : COPY install/ x\nmlpack-error: no such package\n")
    with pytest.raises(BuildFailed, match="could not install the model's requirements: no such p"):
        log.feed({"error": "The command '/bin/x' returned a non-zero code: 1"})


@pytest.mark.parametrize(
    ("output", "error", "kind", "told"),
    [
        ("Step 1/2 : FROM x\n", "pull access denied for x", BuildFailed, "--base-image"),
        ("Step 2/2 : COPY install/ x\n", "x: no space left on device", StorageFailed, "full"),
        ("Step 2/2 : COPY install/ x\nexec format error\n", "code: 1", BuildFailed, "--platform"),
        (
            "Step 2/2 : COPY install/ x\n",
            'exec: "python3": executable file not found in $PATH: unknown',
            BuildFailed,
            "has no python3",
        ),
    ],
)
def test_what_to_do_about_it(output: str, error: str, kind: type, told: str) -> None:
    log, _ = read(output)
    with pytest.raises(kind, match=told):
        log.feed({"error": error})


def test_progress_of_a_pull() -> None:
    seen: list[Progress] = []
    log = BuildLog(seen.append, (), "b")
    log.feed({"status": "Downloading", "id": "ab", "progressDetail": {"current": 5, "total": 9}})
    log.feed({"status": "Pull complete", "id": "ab", "progressDetail": {}})
    assert [(e.message, e.done, e.total) for e in seen] == [
        ("Downloading ab", 5, 9),
        ("Pull complete ab", 0, 0),
    ]


FAILED = """\
Step 2/6 : COPY install/ /opt/mlpack/install/
 ---> 111111111111
Step 3/6 : RUN ["python3"]
  + six==1.17.0
Step 4/6 : COPY runtime/ /opt/mlpack/runtime/
"""


def test_a_failure_is_told_by_its_own_step_alone() -> None:
    seen: list[Progress] = []
    log = BuildLog(seen.append, (), "b")
    log.feed({"stream": FAILED})
    with pytest.raises(BuildFailed) as caught:
        log.feed({"error": "it broke"})
    assert caught.value.message == "The build failed: it broke"
    assert "cached" not in [event.kind for event in seen]


def test_what_packages_print_is_not_taken_for_the_engines_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    forged = ["Step 5/6 : COPY model/ x", " ---> ea9ec5360ecc", "mlpack-error: all is lost"]
    code = f"print({chr(10).join(forged)!r})"
    install.run([sys.executable, "-c", code], [])
    log, seen = read("Step 3/6 : COPY install/ x\n" + capfd.readouterr().out)
    assert (log.made, log.error) == ([], None)
    assert [event.part for event in seen if event.kind == "part"] == ["dependencies"]
