"""Where a build takes packages from, and what of it may be seen."""

import os
from pathlib import Path

import pytest

from mlpack.builders.indexes import (
    find_indexes,
    proxies,
    secret_parts,
    without_credentials,
)
from mlpack.errors import InvalidInput

NOWHERE = {"PIP_CONFIG_FILE": os.devnull}


def test_the_users_choice_wins() -> None:
    environment = {**NOWHERE, "PIP_INDEX_URL": "https://other/simple"}
    found = find_indexes("https://u5er:pa55@host/simple", ["https://x/simple"], environment)
    assert found.settings == {
        "UV_DEFAULT_INDEX": "https://u5er:pa55@host/simple",
        "UV_INDEX": "https://x/simple",
    }
    assert set(found.secrets) == {"u5er:pa55", "u5er", "pa55"}


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
def test_variables_of_uv_and_pip(name: str) -> None:
    found = find_indexes(None, (), {**NOWHERE, name: "https://host/simple"})
    assert found.settings == {"UV_DEFAULT_INDEX": "https://host/simple"}


def test_pips_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://us3r:pw7@host/simple\ntrusted-host = host\n"
        "extra-index-url =\n  https://two/simple\n  file:///srv/wheels\n"
    )
    found = find_indexes(None, (), {"PIP_CONFIG_FILE": str(file)})
    assert found.settings == {
        "UV_DEFAULT_INDEX": "https://us3r:pw7@host/simple",
        "UV_INDEX": "https://two/simple",
        "UV_INSECURE_HOST": "host",
    }
    assert len(found.notices) == 1
    assert "file:///srv/wheels" in found.notices[0]


def test_percent_encoded_passwords_are_secret_both_ways() -> None:
    found = find_indexes("https://me1:a%2Fb%40c@host/simple", (), NOWHERE)
    assert {"a%2Fb%40c", "a/b@c"} <= set(found.secrets)


def test_loopback_indexes_are_left_out_with_a_notice() -> None:
    environment = {**NOWHERE, "PIP_INDEX_URL": "http://us3r:pw7@127.0.0.1:3141/simple"}
    found = find_indexes(None, (), environment)
    assert found.settings == {}
    assert "http://***@127.0.0.1:3141/simple" in found.notices[0]


def test_credentials_of_netrc(tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine host login me@corp password s3cr/t\n")
    netrc.chmod(0o600)
    found = find_indexes("https://host/simple", (), {**NOWHERE, "NETRC": str(netrc)})
    assert found.settings["UV_DEFAULT_INDEX"] == "https://me%40corp:s3cr%2Ft@host/simple"
    assert "s3cr/t" in found.secrets


@pytest.mark.parametrize("url", ["ftp://h/x", "host/simple", "file:///x", "https://"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InvalidInput, match="not an http"):
        find_indexes(url, (), NOWHERE)


def test_nothing_configured() -> None:
    found = find_indexes(None, (), NOWHERE)
    assert (found.settings, found.secrets, found.notices) == ({}, (), ())


def test_proxies_in_both_spellings_and_loopback_left_out() -> None:
    found, notices = proxies({"https_proxy": "http://p:3128", "HTTP_PROXY": "http://localhost:1"})
    assert found == {"HTTPS_PROXY": "http://p:3128", "https_proxy": "http://p:3128"}
    assert len(notices) == 1


def test_without_credentials() -> None:
    text = "a https://u:p@h/x and git+ssh://git@h/y"
    assert without_credentials(text) == "a https://***@h/x and git+ssh://***@h/y"


def test_named_indexes_have_their_credentials_in_variables() -> None:
    environment = {
        **NOWHERE,
        "UV_INDEX": "my-corp=https://host/simple other=https://two/simple",
        "UV_INDEX_MY_CORP_USERNAME": "us3r",
        "UV_INDEX_MY_CORP_PASSWORD": "p@ss7",
    }
    found = find_indexes(None, (), environment)
    assert found.settings["UV_INDEX"] == "https://us3r:p%40ss7@host/simple https://two/simple"
    assert "p@ss7" in found.secrets
    # here uv itself looks at them
    there = find_indexes(None, (), environment, here=True)
    assert there.settings["UV_INDEX"] == environment["UV_INDEX"]


def test_a_keyring_is_asked_for_a_container(tmp_path: Path) -> None:
    keyring = tmp_path / "keyring"
    keyring.write_text('#!/bin/sh\n[ "$2 $3" = "https://host/simple us3r" ] && echo fr0m-keyring\n')
    keyring.chmod(0o755)
    environment = {**NOWHERE, "PATH": f"{tmp_path}:/bin", "UV_KEYRING_PROVIDER": "subprocess"}
    found = find_indexes("https://us3r@host/simple", ["https://us3r@two/simple"], environment)
    assert found.settings["UV_DEFAULT_INDEX"] == "https://us3r:fr0m-keyring@host/simple"
    assert found.settings["UV_INDEX"] == "https://us3r@two/simple"
    assert "fr0m-keyring" in found.secrets
    without = find_indexes("https://us3r@host/simple", (), {**environment, "PATH": "/nonexistent"})
    assert without.settings["UV_DEFAULT_INDEX"] == "https://us3r@host/simple"


def test_here_a_place_on_this_machine_counts() -> None:
    environment = {**NOWHERE, "PIP_INDEX_URL": "http://localhost:3141/simple"}
    environment["PIP_EXTRA_INDEX_URL"] = "file:///srv/wheels https://two/simple"
    found = find_indexes(None, (), environment, here=True)
    assert found.settings == {
        "UV_DEFAULT_INDEX": "http://localhost:3141/simple",
        "UV_INDEX": "https://two/simple",
    }
    assert found.notices == ()


def test_a_slash_in_a_password_is_no_reason_to_show_it() -> None:
    url = "https://user7:a/Secret/b@host/simple"
    assert without_credentials(url) == "https://***@host/simple"
    assert {"user7", "a/Secret/b"} <= set(secret_parts(url))
    with pytest.raises(InvalidInput, match="%2F") as told:
        find_indexes(url, environment={})
    assert "Secret" not in told.value.message
    for plain in ("git+https://github.com/a/b@v1", "https://host:8080/a/b@v1"):
        assert without_credentials(plain) == plain
