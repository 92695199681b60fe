"""Which registry: what was chosen, the environment, the tracking store."""

import pytest

from mlpack.errors import InvalidInput
from mlpack.registry.entities import By
from mlpack.registry.rest.store import RestRegistry
from mlpack.registry.sql.store import SqlRegistry
from mlpack.registry.uri import (
    get_registry_uri,
    open_registry,
    registry_uri_for,
    set_registry_uri,
)
from mlpack.tracking.uri import set_tracking_uri


def test_who_has_a_say(monkeypatch):
    assert get_registry_uri() == "mlruns"
    set_tracking_uri("sqlite:///runs.db")
    assert get_registry_uri() == "sqlite:///runs.db"
    assert registry_uri_for(None, "other") == "other"
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "theirs")
    assert get_registry_uri() == registry_uri_for(None, "other") == "theirs"
    monkeypatch.setenv("MLPACK_REGISTRY_URI", "ours")
    assert get_registry_uri() == "ours"
    set_registry_uri("http://localhost:5000")
    assert get_registry_uri() == registry_uri_for(None, "other") == "http://localhost:5000"
    assert registry_uri_for("named", "other") == "named"
    set_registry_uri("")
    assert get_registry_uri() == "ours"
    with pytest.raises(InvalidInput, match="not the address"):
        set_registry_uri("ftp://host/registry")


def test_a_registry_is_opened_once_and_of_its_kind(tmp_path, monkeypatch):
    one = open_registry(tmp_path / "one")
    assert isinstance(one, SqlRegistry) and open_registry(tmp_path / "one") is one
    assert isinstance(open_registry("http://localhost:5000"), RestRegistry)
    with pytest.raises(InvalidInput):
        open_registry("ftp://host/registry")
    one.create_registered_model("churn", {}, "", By())
    assert open_registry(f"sqlite:///{tmp_path}/one/mlpack.db").get_registered_model("churn")
    here = open_registry()
    monkeypatch.chdir(tmp_path / "one")
    assert open_registry() is not here  # ./mlruns is another folder now


def test_reading_makes_no_database(tmp_path):
    registry = open_registry(tmp_path / "none")
    assert list(registry.search_registered_models()) == list(registry.search_model_versions()) == []
    assert not (tmp_path / "none").exists()
