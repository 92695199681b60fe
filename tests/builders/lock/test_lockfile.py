"""The text of a lock: written, read back, read from other tools, compared with requirements."""

from pathlib import Path

import pytest

from mlpack.builders.lock.lockfile import Lock, Pin, differences
from mlpack.builders.lock.target import NoWheel, Target
from mlpack.builders.oci.spec import Platform
from mlpack.errors import InvalidInput

TARGET = Target("3.11", Platform("linux", "amd64"))
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PINS = (Pin("numpy", "2.1.0", (A, B), 16_000_000), Pin("scikit-learn", "1.8.0", (B,)))


def test_what_is_written_is_read_back_the_same() -> None:
    lock = Lock(TARGET, A, PINS)
    again = Lock.parse(lock.text, Target("3.13", Platform("linux", "arm64")))
    assert again == lock
    assert again.text == lock.text
    assert again.digest == lock.digest


def test_a_lock_of_another_tool() -> None:
    text = f"""
    # made by uv
    --extra-index-url https://host/simple
    numpy==2.1.0 \\
        --hash={B} \\
        --hash={A}
        # via scikit-learn
    scikit_learn==1.8.0 ; python_version < "3.12" --hash={B}
    colorama==1 ; sys_platform == "win32" --hash={A}
    """
    lock = Lock.parse(text, TARGET)
    assert [(pin.name, pin.version, pin.hashes) for pin in lock.pins] == [
        ("numpy", "2.1.0", (A, B)),
        ("scikit-learn", "1.8.0", (B,)),
    ]
    assert lock.options == ("--extra-index-url https://host/simple",)
    assert "://" not in lock.text
    assert lock.target == TARGET


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("numpy==2.1.0", "no sha256 of numpy"),
        (f"numpy==2.1.0 --hash=md5:{'a' * 32}", "no sha256 of numpy"),
        (f"numpy>=2.1.0 --hash={A}", "does not pin numpy"),
        (f"numpy==2.* --hash={A}", "does not pin numpy"),
        (f"numpy --hash={A}", "does not pin numpy"),
        (f"numpy==1 --hash={A}\nnumpy==2 --hash={A}", "numpy twice"),
        ("<<<<<<< HEAD", "no requirement"),
        ("# mlpack lock 2", "later mlpack"),
    ],
)
def test_locks_that_are_none(line: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Lock.parse(line, TARGET)


@pytest.mark.parametrize(
    "line",
    ["--index-url https://me:pa55word@host/simple", f"x @ https://me:pw55@h/x.whl --hash={A}"],
)
def test_a_lock_with_a_password_is_refused_without_telling_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "x.lock"
    file.write_text(line)
    with pytest.raises(InvalidInput) as caught:
        Lock.read(file, TARGET)
    assert "credentials" in caught.value.message
    assert "pa55word" not in caught.value.message and "pw55" not in caught.value.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("nowhere", "binary", "."):
        with pytest.raises(InvalidInput):
            Lock.read(tmp_path / name, TARGET)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("scikit-learn==1.9.0", "scikit-learn==1.9.0 is asked for, the lock has 1.8.0"),
        ("Scikit_Learn~=1.9", "Scikit_Learn~=1.9 is asked for, the lock has 1.8.0"),
        ("pandas", "pandas is asked for, the lock does not have it"),
        ("numpy @ https://h/n.whl", "numpy@ https://h/n.whl is asked for, the lock has 2.1.0"),
    ],
)
def test_what_differs(line: str, told: str) -> None:
    assert [each.replace(" @", "@") for each in differences(Lock(TARGET, A, PINS), [line])] == [
        told
    ]


def test_what_does_not_differ() -> None:
    lines = [
        "scikit-learn==1.8.0",
        "numpy>=2",
        "numpy[extra]",
        "--pre",
        "pandas; python_version < '3.9'",
        "not a requirement!",
    ]
    assert differences(Lock(TARGET, A, PINS), lines, ["pandas<2", "numpy<3"]) == []
    assert differences(Lock(TARGET, A, PINS), [], ["numpy<2"]) == [
        "numpy<2 is a constraint, the lock has 2.1.0"
    ]


def test_targets() -> None:
    for target in (TARGET, Target("3.13", Platform("linux", "arm64"), ("musl", (1, 2)))):
        assert Target.parse(str(target)) == target
    assert Target.parse("anything") is None
    newer = Target("3.11", Platform("linux", "amd64"), ("glibc", (2, 41)))
    assert newer.common == TARGET
    assert TARGET.runs_on(newer) and not newer.runs_on(TARGET)
    assert not TARGET.runs_on(Target("3.12", Platform("linux", "amd64")))
    older = Target("3.11", Platform("linux", "arm64"), ("glibc", (2, 30)))
    assert older.uv_platform == "aarch64-manylinux_2_28"
    assert older.common == older


@pytest.mark.parametrize(
    "target",
    [
        Target("3.11", Platform("linux", "s390x")),
        Target("3.11", Platform("windows", "amd64")),
        Target("3.11", Platform("linux", "amd64"), ("glibc", (2, 5))),
    ],
)
def test_targets_without_wheels_say_what_to_do(target: Target) -> None:
    with pytest.raises(NoWheel, match="--builder docker"):
        _ = target.uv_platform
