"""The user's own modules travel with a model, and do not get into each other's way."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlpack.errors import InvalidInput
from mlpack.flavors import Trust, load_model, load_native, save_model
from mlpack.flavors.integrity import digest, manifest

pytestmark = pytest.mark.filterwarnings("ignore:.*is a pickle:UserWarning")
X = np.ones((2, 1))


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    modules, path, finders = dict(sys.modules), list(sys.path), list(sys.meta_path)
    yield
    for name in set(sys.modules) - set(modules):
        if name.partition(".")[0] in ("helping", "scaling", "nested", "loading"):
            del sys.modules[name]
    sys.path[:], sys.meta_path[:] = path, finders


def model_with(tmp_path: Path, name: str, factor: int, *, lazy: bool = False) -> Path:
    """A saved model whose loader uses a helper module that knows the factor."""
    source = tmp_path / f"{name}-src"
    source.mkdir()
    (source / "helping.py").write_text(f"FACTOR = {factor}\n")
    first = "" if lazy else "import helping\n"
    later = "        import helping\n" if lazy else ""
    (source / "loading.py").write_text(
        f"{first}class M:\n    def predict(self, data):\n{later}"
        "        return data * helping.FACTOR\n"
        "def _load_pyfunc(path): return M()\n"
    )
    save_model(
        None,
        tmp_path / name,
        flavor="pyfunc",
        loader_module="loading",
        code_paths=[source / "helping.py", source / "loading.py"],
    )
    return tmp_path / name


def test_code_is_copied_and_found(tmp_path: Path) -> None:
    folder = model_with(tmp_path, "m", 3)
    assert sorted(p.name for p in (folder / "code").iterdir()) == ["helping.py", "loading.py"]
    before = digest(manifest(folder))
    assert load_model(folder).predict(X).tolist() == [[3.0], [3.0]]
    assert digest(manifest(folder)) == before  # no bytecode
    assert str(folder / "code") not in sys.path


def test_two_models_keep_their_own(tmp_path: Path) -> None:
    one, two = model_with(tmp_path, "one", 1), model_with(tmp_path, "two", 2)
    first = load_model(one)
    with pytest.warns(UserWarning, match="brings its own 'helping', and"):
        second = load_model(two)
    assert first.predict(X)[0, 0] == 1
    assert second.predict(X)[0, 0] == 2
    assert first.predict(X)[0, 0] == 1
    assert sys.modules["helping"].FACTOR == 1


def test_the_same_model_twice_is_no_conflict(tmp_path: Path) -> None:
    folder = model_with(tmp_path, "m", 4)
    load_model(folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The model brings")
        assert load_model(folder).predict(X)[0, 0] == 4


def test_the_users_own_module_is_shared_when_it_is_the_same(tmp_path: Path) -> None:
    folder = model_with(tmp_path, "m", 5)
    sys.path.insert(0, str(tmp_path / "m-src"))
    import helping  # type: ignore[import-not-found]

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The model brings")
        load_model(folder)
    assert sys.modules["helping"] is helping


def test_the_users_own_module_stays_when_it_differs(tmp_path: Path) -> None:
    folder = model_with(tmp_path, "m", 5)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/helping.py").write_text("FACTOR = 7\n")
    sys.path.insert(0, str(tmp_path / "elsewhere"))
    import helping  # type: ignore[import-not-found]

    with pytest.warns(UserWarning, match="brings its own 'helping'"):
        loaded = load_model(folder)
    assert loaded.predict(X)[0, 0] == 5
    assert sys.modules["helping"] is helping


def test_imports_inside_of_functions(tmp_path: Path) -> None:
    loaded = load_model(model_with(tmp_path, "m", 6, lazy=True))
    assert loaded.predict(X)[0, 0] == 6


def test_packages_and_data_beside_them(tmp_path: Path) -> None:
    package = tmp_path / "nested"
    (package / "deep/__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "deep/__init__.py").write_text("from .more import VALUE\n")
    (package / "deep/more.py").write_text(
        "from pathlib import Path\nVALUE = int(Path(__file__).with_name('value.txt').read_text())\n"
    )
    (package / "deep/value.txt").write_text("9")
    (package / "deep/__pycache__/more.pyc").write_bytes(b"stale")
    (tmp_path / "loading.py").write_text(
        "from nested.deep import VALUE\n"
        "class M:\n    def predict(self, data): return data * VALUE\n"
        "def _load_pyfunc(path): return M()\n"
    )
    save_model(
        None,
        tmp_path / "m",
        flavor="pyfunc",
        loader_module="loading",
        code_paths=[package, tmp_path / "loading.py"],
    )
    assert not list((tmp_path / "m").rglob("*.pyc"))
    assert load_model(tmp_path / "m").predict(X)[0, 0] == 9


def test_a_transformer_of_an_own_module(tmp_path: Path) -> None:
    """skops names the user's class; the caller, or the user's own store, vouches for it."""
    (tmp_path / "scaling.py").write_text(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "class Tenfold(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None): return self\n"
        "    def transform(self, X): return X * 10\n"
    )
    train = (
        "import numpy as np\nfrom sklearn.linear_model import LinearRegression\n"
        "from sklearn.pipeline import make_pipeline\nfrom scaling import Tenfold\n"
        "from mlpack.flavors import save_model\n"
        "X = np.arange(6.0).reshape(-1, 1)\n"
        "model = make_pipeline(Tenfold(), LinearRegression()).fit(X, X[:, 0] * 30)\n"
        "saved = save_model(model, 'm', code_paths=['scaling.py'], input_example=X)\n"
        "assert not saved.is_pickle\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", train], check=True, cwd=tmp_path, env=environment)
    (tmp_path / "scaling.py").unlink()
    folder = tmp_path / "m"
    for given in (
        {"trust": Trust(types=frozenset({"scaling.Tenfold"}))},
        {"trust": Trust(everything=True)},
        {"expected_digest": digest(manifest(folder))},
    ):
        loaded = load_model(folder, **given)  # type: ignore[arg-type]
        np.testing.assert_allclose(loaded.predict(np.array([[2.0]])), [60.0])
        assert type(load_native(folder, **given)[0]).__name__ == "Tenfold"  # type: ignore[arg-type]


def test_wrong_code_paths(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for place in "ab":
        (tmp_path / place / "same.py").write_text("")
    with pytest.raises(InvalidInput, match=r"two things called 'same.py'"):
        save_model(len, tmp_path / "m", code_paths=[tmp_path / "a/same.py", tmp_path / "b/same.py"])
    with pytest.raises(InvalidInput, match="contains the model folder itself"):
        save_model(len, tmp_path / "m", code_paths=[tmp_path])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_the_standard_library_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('not me')\n")
    (tmp_path / "loading.py").write_text(
        "import json\n"
        "class M:\n    def predict(self, data): return json.dumps(1)\n"
        "def _load_pyfunc(path): return M()\n"
    )
    save_model(
        None,
        tmp_path / "m",
        flavor="pyfunc",
        loader_module="loading",
        code_paths=[tmp_path / "json.py", tmp_path / "loading.py"],
    )
    assert load_model(tmp_path / "m").predict(X) == "1"
