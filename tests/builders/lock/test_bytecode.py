"""Bytecode: the same bytes every time, and such as Python takes."""

import random
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlpack.builders.lock import compile_worker
from mlpack.builders.lock.bytecode import (
    Compiler,
    Source,
    compile_sources,
    compiled_path,
    find_compiler,
)
from mlpack.errors import BuildFailed

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def compiler() -> Compiler:
    found = find_compiler(HERE)
    assert found is not None
    return found


def bytes_of(made: dict[str, Path]) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in made.items()}


def test_the_same_bytes_in_any_order_and_company(tmp_path: Path) -> None:
    """On what most models need. What a process has seen before leaves marks in `marshal`."""
    site = Path(sysconfig.get_path("purelib"))
    sources = [
        Source(file, f"/opt/venv/{file.relative_to(site).as_posix()}")
        for package in ("numpy", "scipy", "sklearn")
        for file in sorted((site / package).rglob("*.py"))
        if "tests" not in file.parts
    ]
    assert len(sources) > 1000
    (tmp_path / "one").mkdir()
    (tmp_path / "two" / "elsewhere").mkdir(parents=True)
    first = bytes_of(compile_sources(sources, compiler(), tmp_path / "one", workers=2))
    random.Random(7).shuffle(sources)
    second = bytes_of(compile_sources(sources, compiler(), tmp_path / "two" / "elsewhere", 5))
    assert first == second
    assert len(first) == len(sources)


def test_this_process_has_seen_much_and_makes_the_same(tmp_path: Path) -> None:
    text = "import decimal\nNAMES = ('alpha', 'prec', '+', 'é')\nif 'a' in {'x', 'y', 'a'}: pass\n"
    text += "def function(argument, *, other=3.5): return argument.prec + other\n"
    file = tmp_path / "module.py"
    file.write_text(text)
    (made,) = compile_sources([Source(file, "/x/module.py")], compiler(), tmp_path).values()
    for number in range(256):
        sys.intern(chr(number))
    assert compile_worker.compiled_bytes(text.encode(), "/x/module.py") == made.read_bytes()


def test_words_in_sets_that_something_has_used_before(tmp_path: Path) -> None:
    """Since 3.12 what was interned once stays so, and equal sets were then not kept as one."""
    words = "{'alpha_word', 'beta_word', 'gamma_word'}"
    text = f"def f(x): return x in {words}\n" + f"def g(x):\n  if x in {words}: return 1\n"
    (tmp_path / "sets.py").write_text(text)
    before = "alpha_word = beta_word = gamma_word = 1\n"
    (tmp_path / "before.py").write_text(before + "# larger, so that it comes first\n" * 20)
    both = [Source(tmp_path / name, f"/{name}") for name in ("sets.py", "before.py")]
    for python in (HERE, "3.12", "3.13"):
        if found := find_compiler(python):
            path = compiled_path("/sets.py", found.tag)
            alone = bytes_of(compile_sources(both[:1], found, tmp_path))[path]
            assert bytes_of(compile_sources(both, found, tmp_path, workers=1))[path] == alone


def test_python_takes_it_unchecked(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("value = 1\ndef fail(): raise ValueError\n")
    shown = "/opt/venv/lib/module.py"
    made = compile_sources([Source(file, shown)], compiler(), tmp_path)
    target = Path(compiled_path(str(file), compiler().tag))
    target.parent.mkdir()
    made[compiled_path(shown, compiler().tag)].rename(target)
    file.write_text("value = 2\ndef fail(): pass\n")
    code = "import module; print(module.value, module.fail.__code__.co_filename)"
    told = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert told.split()[0] == "1"


def test_what_is_no_python_is_left_out(tmp_path: Path) -> None:
    for name, content in {
        "template.py": b"def {{name}}(: pass",
        "old.py": b"print 'two'",
        "bytes.py": b"x = '\xff'",
        "null.py": b"x\0",
        "deep.py": b"(" * 5000,
        "fine.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    sources = [Source(file, f"/{file.name}") for file in sorted(tmp_path.glob("*.py"))]
    made = compile_sources(sources, compiler(), tmp_path)
    assert list(made) == [f"/__pycache__/fine.{compiler().tag}.pyc"]


def test_a_compiler_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("x = 1\n")
    with pytest.raises(BuildFailed, match="Bytecode"):
        compile_sources([Source(file, "/x.py")], Compiler("/bin/false", "3.11.0"), tmp_path)


def test_a_signpost_is_no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyenv puts programs on the path that only say that the version is not chosen."""
    signpost = tmp_path / "python3.99"
    signpost.write_text("#!/bin/sh\nexit 127\n")
    signpost.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler("3.99") is None
    signpost.write_text("#!/bin/sh\necho 3 99 1 cpython\n")
    assert find_compiler("3.99") == Compiler(str(signpost), "3.99.1")
