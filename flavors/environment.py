"""What a model needs to be installed, found without loading it, and the files that say so.

The modules that a model file names (`pickle_scan`) are looked up in the installed distributions
(`distributions`) and pinned to what is installed. That takes milliseconds and no subprocess.
"""

from __future__ import annotations

import platform
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from .distributions import Located
from .installed import Distribution, Installed, installed, normalise
from .requirement_lines import EXCLUDED, Lines, check_line, read_lines, without_credentials
from .source_scan import follow_own_code

REQUIREMENTS_FILE = "requirements.txt"
CONSTRAINTS_FILE = "constraints.txt"
CONDA_FILE = "conda.yaml"
VIRTUALENV_FILE = "python_env.yaml"


def capture(
    modules: Iterable[str], extra: Sequence[str] = (), *, code_paths: Sequence[str | Path] = ()
) -> list[str]:
    """The distributions that a model needs, pinned to what is installed here.

    Beside what the modules name, the dependencies that those distributions always have are pinned,
    too (scikit-learn's scipy): they would be installed anyway, and they were part of what the
    model was trained with.

    Args:
        modules: what the saved model names, as found by `pickle_scan`.
        extra: distributions that its flavor needs besides (``skops``); pinned as well unless
            they come with a version.
        code_paths: the user's own files and folders that travel with the model; what they
            import counts, and there is no warning about them.

    Returns:
        requirement lines, sorted by name.

    Warns:
        UserWarning: the model uses the user's own modules and ``code_paths`` does not carry them,
            or a distribution that was installed from this machine.
    """
    modules = set(modules)
    if "__main__" in modules:
        warnings.warn(
            "The model uses something that was defined in the script that is running; no other "
            "process can load it. Move the definition into a module and pass that file with "
            "code_paths=[…], or save with cloudpickle, which takes definitions along.",
            stacklevel=2,
        )
    located = follow_own_code(modules - {"__main__"}, code_paths)
    _warn_of_own_code(located, code_paths)
    here, lines = installed(), dict[str, str]()
    for distribution in located.distributions.values():
        if distribution.name in EXCLUDED or distribution.origin == "editable":
            continue
        _pin(distribution, lines)
        for dependency in _dependencies(distribution, here):
            _pin(dependency, lines)
    for line in extra:
        name = _name(line)
        present = here.find(name) if _is_bare(line) else None
        lines[name] = _pinned(present) if present else line
    return [lines[name] for name in sorted(lines) if name not in EXCLUDED]


def write_environment(
    folder: Path,
    requirements: Sequence[str],
    *,
    pip_requirements: str | Path | Sequence[str] | None = None,
    extra_pip_requirements: str | Path | Sequence[str] | None = None,
) -> dict[str, str]:
    """Write ``requirements.txt``, ``conda.yaml`` and ``python_env.yaml``.

    Args:
        folder: the model folder.
        requirements: what `capture` found.
        pip_requirements: used instead of it, when given: lines, or a requirements file.
        extra_pip_requirements: used besides; a line replaces a captured one of the same name.

    Returns:
        the value of ``env`` in the descriptor.

    Raises:
        InvalidInput: a line is refused; see `requirement_lines`.
    """
    lines = Lines({_name(line): line for line in requirements})
    if pip_requirements is not None:
        lines = read_lines(pip_requirements)
    if extra_pip_requirements is not None:
        more = read_lines(extra_pip_requirements)
        lines.requirements.update(more.requirements)
        lines.constraints.update(more.constraints)
    wanted = [lines.requirements[name] for name in sorted(lines.requirements)]
    if lines.constraints:
        _write_lines(folder / CONSTRAINTS_FILE, lines.constraints.values())
        wanted.insert(0, f"-c {CONSTRAINTS_FILE}")
    _write_lines(folder / REQUIREMENTS_FILE, wanted)
    _write_yaml(folder / VIRTUALENV_FILE, _virtualenv())
    _write_yaml(folder / CONDA_FILE, _conda(wanted))
    return {"conda": CONDA_FILE, "virtualenv": VIRTUALENV_FILE}


def _warn_of_own_code(located: Located, code_paths: Sequence[str | Path]) -> None:
    """Own modules that nothing carries make a model that loads nowhere else."""
    carried = [Path(path).absolute() for path in code_paths]
    left = {
        module.partition(".")[0]: file
        for module, file in sorted(located.own.items())
        if not any(file.absolute().is_relative_to(path) for path in carried)
    }
    for module, file in left.items():
        where = next((folder for folder in file.parents if folder.name == module), file)
        warnings.warn(
            f"The model uses your own module {module!r}, which is in no package that can be "
            f"installed elsewhere. Let it travel with the model: code_paths=[{str(where)!r}].",
            stacklevel=3,
        )


def _pin(distribution: Distribution, lines: dict[str, str]) -> None:
    line = _pinned(distribution)
    if distribution.origin != "index" and " @ " not in line:
        warnings.warn(
            f"{distribution.name} {distribution.version} was installed from "
            f"{without_credentials(distribution.url)}, which others cannot reach; where the "
            "model goes, an index must offer that version.",
            stacklevel=3,
        )
    lines[distribution.name] = line


def _pinned(distribution: Distribution) -> str:
    if distribution.origin == "url":
        with suppress(InvalidInput):
            return check_line(f"{distribution.name} @ {distribution.url}")[1]
    # '2.1.0+cpu' is one vendor's build of 2.1.0 and on no public index; '==2.1.0' accepts it
    return f"{distribution.name}=={distribution.version.partition('+')[0]}"


def _dependencies(distribution: Distribution, here: Installed) -> Iterable[Distribution]:
    for declared in distribution.requires:
        if _is_needed(declared.partition(";")[2]) and (present := here.find(_name(declared))):
            yield present


def _is_needed(marker: str) -> bool:
    """What hangs on a platform or an extra is not needed everywhere; on Python's version, here."""
    if not marker.strip():
        return True
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", " ", marker)
    if set(re.findall(r"[a-z_]+", unquoted)) - _PYTHON_MARKER:
        return False
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(marker).evaluate()
    except InvalidMarker:
        return False


_PYTHON_MARKER = frozenset(["python_version", "python_full_version", "and", "or", "not", "in"])


def _name(requirement: str) -> str:
    """The distribution's name in a line that needs no checking: our own, or an installer's."""
    return normalise(re.split(r"[\s\[<>=!~(@;]", requirement, maxsplit=1)[0])


def _is_bare(line: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._-]+(\[[^\]]*\])?", line) is not None


def _virtualenv() -> dict[str, Any]:
    tools = [
        f"{tool}=={found.version}" if (found := installed().find(tool)) else tool
        for tool in ("pip", "setuptools")
    ]
    return {
        "python": platform.python_version(),
        "build_dependencies": [*tools, "wheel"],
        "dependencies": [f"-r {REQUIREMENTS_FILE}"],
    }


def _conda(lines: Sequence[str]) -> dict[str, Any]:
    pip = installed().find("pip")
    return {
        "channels": ["conda-forge"],
        "dependencies": [
            f"python={platform.python_version()}",
            f"pip<={pip.version}" if pip else "pip",
            {"pip": list(lines)},
        ],
        "name": "mlflow-env",
    }


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    import yaml

    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
