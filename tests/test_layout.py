"""The house rules that a machine can check: the package list, who imports whom, what is loaded."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlpack

ROOT = Path(mlpack.__file__).parent

# Later layers may import earlier ones, never the other way round.
ORDER = [
    {"errors", "uris"},
    {"flavors", "http_client", "http_failures", "progress"},
    {"serve", "artifacts"},
    {"tracking"},
    {"registry"},
    {"data"},
    {"fluent", "flavor_modules"},
    {"autolog", "evaluation"},
    {"builders", "deploy_targets", "tracking_server"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
# the scoring image holds these and nothing else of ours
RUNTIME = {"__init__", "errors", "uris", "flavors", "serve"}


def _modules():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in config["tool"]["setuptools"]["packages"]:
        folder = ROOT.joinpath(*package.split(".")[1:])
        yield from sorted(folder.glob("*.py"))


def _imports(file):
    """(top-level room, line) of every import of ours in a file, lazy ones included."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level]
            target = base + tuple((node.module or "").split(".") if node.module else ())
            rooms = [target[0]] if target else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mlpack":
            rooms = [*node.module.split(".")[1:2]]
        elif isinstance(node, ast.Import):
            rooms = [a.name.split(".")[1] for a in node.names if a.name.startswith("mlpack.")]
        else:
            continue
        for room in rooms:
            if room in LEVEL:
                yield room, node.lineno


def test_the_package_list_names_every_folder_with_code():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    outside = {"tests", "examples", "benchmarks", "docs", "build", "dist"}
    found = {"mlpack"} | {
        ".".join(("mlpack", *init.parent.relative_to(ROOT).parts))
        for init in ROOT.rglob("*/__init__.py")
        if not outside & set(init.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in init.relative_to(ROOT).parts)
    }
    assert found == set(config["packages"])


@pytest.mark.parametrize("file", list(_modules()), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_never_run_back_up(file):
    room = file.relative_to(ROOT).with_suffix("").parts[0]
    if room == "__init__":
        return
    for target, line in _imports(file):
        where = f"{file.relative_to(ROOT)}:{line} imports {target}"
        assert LEVEL[target] <= LEVEL[room], where
        if room in RUNTIME:
            assert target in RUNTIME, f"{where}, which is not in the scoring image"


@pytest.mark.parametrize("file", list(_modules()), ids=lambda f: str(f.relative_to(ROOT)))
def test_files_stay_small(file):
    assert len(file.read_text().splitlines()) <= 450, "one idea a file: split it"


def _loaded_by(*command):
    """Top-level modules that the commands load beyond what the bare interpreter has."""
    code = "import sys; bare = set(sys.modules); "
    code += f"{'; '.join(command)}; print(*(sys.modules.keys() - bare))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


HEAVY = {"numpy", "pandas", "sklearn", "skops", "flask", "gunicorn", "sqlalchemy", "docker", "tqdm"}


def test_import_mlpack_loads_nothing_heavy():
    loaded = _loaded_by("import mlpack")
    assert not loaded & (HEAVY | {"click", "yaml", "typing", "pathlib"})


def test_help_loads_nothing_heavy():
    loaded = _loaded_by(
        "from click.testing import CliRunner",
        "from mlpack.cli.main import cli",
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0",
    )
    assert not loaded & (HEAVY | {"yaml"})


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "predict",
        "build-docker",
        "cache",
        "image",
        "verify",
        "deploy",
        "runs",
        "models",
        "artifacts",
        "server",
        "db",
        "gc",
    ],
)
def test_a_commands_help_loads_nothing_heavy(command):
    loaded = _loaded_by(
        "from click.testing import CliRunner",
        "from mlpack.cli.main import cli",
        f"assert CliRunner().invoke(cli, [{command!r}, '--help']).exit_code == 0",
    )
    assert not loaded & HEAVY


def test_public_names_resolve():
    for name in mlpack.__all__:
        assert getattr(mlpack, name) is not None
    assert set(mlpack.__all__) <= set(dir(mlpack))


def test_familiar_submodules_import():
    import mlpack.models
    import mlpack.pyfunc
    import mlpack.sklearn
    import mlpack.types

    assert mlpack.models.infer_signature is mlpack.infer_signature
    assert callable(mlpack.sklearn.log_model)
    assert mlpack.pyfunc.PythonModel
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mlpack.nonsense


def test_locks_and_docs_carry_no_addresses_of_package_hosts():
    for lock in ROOT.glob("*.lock"):
        assert "://" not in lock.read_text(), lock.name
