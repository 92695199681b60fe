"""The quick answers about what skops trusts are those of its own lists."""

from __future__ import annotations

import subprocess
import sys

COMPARE = """
import sys
from mlpack.flavors import skops_names
skops_names.prepare()
import skops.io

stand_in = sys.modules["skops.io._trusted_types"]
names = [
    "PRIMITIVE_TYPE_NAMES", "CONTAINER_TYPE_NAMES", "SKLEARN_ESTIMATOR_TYPE_NAMES",
    "SKLEARN_INTERNAL_TYPE_NAMES", "SCIPY_UFUNC_TYPE_NAMES", "NUMPY_UFUNC_TYPE_NAMES",
    "NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES", "NUMPY_DTYPE_TYPE_NAMES",
]
lazy = {name: getattr(stand_in, name) for name in names}
len(lazy["PRIMITIVE_TYPE_NAMES"])  # loads the real module
lists = sys.modules["skops.io._trusted_types"]
names = [name for name in names if hasattr(lists, name)]  # earlier versions have fewer
assert len(names) >= 6
real = {name: set(lazy[name]) for name in names}
assert type(sys.modules["skops.io._trusted_types"]) is not type(stand_in)

candidates = set().union(*real.values())
for module_name, module in list(sys.modules.items()):
    if module_name.partition(".")[0] in ("sklearn", "numpy", "scipy", "builtins", "os"):
        for attribute in dir(module):
            candidates.add(f"{module_name}.{attribute}")
assert len(candidates) > 20_000

for name in names:
    confirmed = {candidate for candidate in candidates if lazy[name]._confirms(candidate)}
    assert confirmed <= real[name], (name, sorted(confirmed - real[name])[:5])
    quick = name != "SKLEARN_INTERNAL_TYPE_NAMES"
    assert not quick or confirmed == real[name], (name, sorted(real[name] - confirmed)[:5])
    assert all(candidate in lazy[name] for candidate in real[name])
"""

QUICK = """
import sys
from mlpack.flavors import skops_names
skops_names.prepare()
skops_names.prepare()
import numpy, skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

model = make_pipeline(StandardScaler(), FunctionTransformer(numpy.tanh), LogisticRegression())
data = skops.io.dumps(model.fit([[0.0], [1.0]], [0, 1]))
assert skops.io.get_untrusted_types(data=data) == []
skops.io.loads(data)
assert type(sys.modules["skops.io._trusted_types"]) is skops_names._StandIn
assert "pytest" not in sys.modules

# what is in no list is still refused, and what the user trusts still counts
from sklearn.base import BaseEstimator
class Own(BaseEstimator): pass
data = skops.io.dumps(Own())
assert skops.io.get_untrusted_types(data=data) == ["__main__.Own"]
skops.io.loads(data, trusted=["__main__.Own"])
"""

LATE = """
import sys, skops.io
from mlpack.flavors import skops_names
lists = sys.modules["skops.io._trusted_types"]
skops_names.prepare()
assert sys.modules["skops.io._trusted_types"] is lists
"""

STRANGE = """
import sys, types
import skops.io._audit as audit
del audit.get_type_paths
sys.modules.pop("skops.io")
from mlpack.flavors import skops_names
skops_names.prepare()
import skops.io
skops.io.loads(skops.io.dumps([1]))
"""


def run(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_answer_differs() -> None:
    run(COMPARE)


def test_what_most_models_need_loads_no_list() -> None:
    run(QUICK)


def test_skops_that_is_loaded_already_or_strange_stays_as_it_is() -> None:
    run(LATE + STRANGE)  # in one Python: most of the time goes into importing scikit-learn
