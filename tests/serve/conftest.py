"""A model that is only a function: what the app needs of a loaded one, without files."""

import pytest

from mlpack.flavors.descriptor import Model
from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.serve.app import create_app
from mlpack.serve.settings import ServeSettings


class FakeModel:
    """Calls ``function(data, params)``; everything else is plain attributes."""

    streams = False

    def __init__(self, function, signature=None, folder="none", flavors=("python_function",)):
        self.function = function
        self.signature = signature
        self.folder = folder
        self.metadata = Model(flavors={name: {} for name in flavors}, signature=signature)

    def predict_enforced(self, data, params):
        return self.function(data, params)


@pytest.fixture
def fake_model():
    return FakeModel


@pytest.fixture
def client():
    """``client(function, signature, **settings)``: a test client of the app around a function."""

    def make(function, signature=None, **settings):
        return create_app(FakeModel(function, signature), ServeSettings(**settings)).test_client()

    return make


@pytest.fixture
def people():
    """A signature of mixed columns, one of them optional, and one parameter."""
    return ModelSignature(
        Schema(
            [
                ColSpec("long", "age"),
                ColSpec("double", "income"),
                ColSpec("string", "city"),
                ColSpec("boolean", "member", required=False),
            ]
        ),
        params=ParamSchema([ParamSpec("threshold", "double", 0.5)]),
    )


@pytest.fixture
def grid():
    """A signature of one tensor with three numbers a row."""
    return ModelSignature(Schema([TensorSpec("float64", (-1, 3))]))
