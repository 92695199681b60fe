"""Tokens: what is let in, what is refused, and that they never show."""

import hmac
import logging
import os

import pytest

from mlpack.errors import InvalidInput, Unauthenticated
from mlpack.serve import auth
from mlpack.serve.auth import PROBES, Auth, auth_from
from mlpack.serve.exchange import Exchange

OLD, NEW, OTHER = "old-token-0123456789", "new-token-0123456789", "other-token-01234567"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# for the app\n{OLD}  # until May\n\n{NEW}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def every_request_looks_at_the_file(monkeypatch):
    monkeypatch.setattr(auth, "_CHECK_SECONDS", 0)


def ask(guard, header=None, path="/invocations", **environ):
    if header is not None:
        environ["HTTP_AUTHORIZATION"] = header
    return guard(Exchange({"PATH_INFO": path, **environ}))


def is_let_in(guard, token):
    try:
        return ask(guard, f"Bearer {token}") is None
    except Unauthenticated:
        return False


def test_every_token_of_file_and_environment_counts(file):
    guard = auth_from(str(file), {"MLPACK_AUTH_TOKENS": f"{OTHER}, {OTHER}2"})
    for token in (OLD, NEW, OTHER, OTHER + "2"):
        assert is_let_in(guard, token)
    assert ask(guard, f"bearer   {OLD} ") is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {OLD}x",
        f"Bearer {OLD[:-1]}",
        f"Bearer {OLD} {OLD}",
        f"Bearer {OLD},{NEW}",
        f"Basic {OLD}",
        OLD,
        f"Bearer # {OLD}",
        "Bearer # until May",
        "Bearer " + "\udcff" * 100,
        "Bearer \x00\xff",
    ],
)
def test_others_are_refused_without_an_echo(file, header):
    with pytest.raises(Unauthenticated) as refused:
        ask(Auth(file), header)
    assert OLD[:-1] not in refused.value.message and "until" not in refused.value.message
    assert refused.value.http_status == 401


def test_only_the_probes_are_open(file):
    guard = Auth(file)
    for path in PROBES:
        assert ask(guard, path=path) is None
    for path in (
        "/metrics",
        "/models",
        "/nothing",
        "/ping/",
        "//ping",
        "/PING",
        "",
        "/ping/..",
    ):
        with pytest.raises(Unauthenticated):
            ask(guard, path=path)
    with pytest.raises(Unauthenticated):
        guard(Exchange({}))
    page = Exchange({"PATH_INFO": "/"})
    assert guard(page) is None and page.facts == {"authorized": False}
    with pytest.raises(Unauthenticated):
        ask(guard, "Bearer wrong", path="/")
    assert ask(Auth(file, open_paths=PROBES | {"/metrics"}), path="/metrics") is None


def test_all_tokens_are_compared_whichever_fits(file, monkeypatch):
    compared = []

    def compare(a, b):
        compared.append(len(a) == len(b) == 32)  # hashes: their length tells nothing
        return hmac_compare(a, b)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr(auth.hmac, "compare_digest", compare)
    guard = Auth(file, OTHER)
    for token in (OTHER, OLD, NEW, "wrong"):
        compared.clear()
        is_let_in(guard, token)
        assert compared == [True] * 3


def test_a_changed_file_counts_without_a_restart(file):
    guard = Auth(file)
    file.write_text(f"{NEW}\n{OTHER}\n")
    assert [is_let_in(guard, token) for token in (OLD, NEW, OTHER)] == [False, True, True]
    replacement = file.with_suffix(".new")  # as secrets are mounted: another file in its place
    replacement.write_text(f"{OLD}\n")
    replacement.chmod(0o600)
    replacement.replace(file)
    assert [is_let_in(guard, token) for token in (OLD, NEW, OTHER)] == [True, False, False]


@pytest.mark.parametrize("spoil", ["gone", "empty", "short", "writable", "binary"])
def test_a_file_that_goes_bad_opens_nothing_and_locks_nobody_out(file, caplog, spoil):
    guard = Auth(file)
    if spoil == "gone":
        file.unlink()
    elif spoil == "writable":
        file.chmod(0o622)
    else:
        file.write_bytes(
            {"empty": b"# none\n", "short": b"abc\n", "binary": b"\xff\xfe" * 9}[spoil]
        )
    for _ in range(3):
        assert is_let_in(guard, OLD) and not is_let_in(guard, "abc") and not is_let_in(guard, "")
    assert caplog.text.count("stay in force") == 1
    assert OLD not in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds none"),
        (b"# only\n", "holds none"),
        (b"secret\n", "shorter than 16"),
        (b"a secret with spaces in it\n", "letters, digits"),
        (b"\xff" * 20, "UTF-8"),
        (b"0123456789abcdef\n" * 1001, "more than 1000"),
    ],
)
def test_bad_files_are_refused_at_the_start_without_showing_their_text(file, content, words):
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as refused:
        Auth(file)
    assert "secret" not in refused.value.message


def test_files_that_others_may_write_are_refused_and_read_are_warned_of(file, caplog):
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        Auth(file)
    assert "may read" in caplog.text
    for mode in (0o620, 0o602):
        file.chmod(mode)
        with pytest.raises(InvalidInput, match="may write"):
            Auth(file)
    with pytest.raises(InvalidInput, match="cannot be read"):
        Auth(file.with_name("nothing"))
    with pytest.raises(InvalidInput, match="cannot be read"):
        Auth(file.parent)


def test_a_variable_that_is_set_but_empty_opens_no_server():
    assert auth_from(None, {}) is None
    for text in ("", " ", " , \n"):
        with pytest.raises(InvalidInput, match="MLPACK_AUTH_TOKENS"):
            auth_from(None, {"MLPACK_AUTH_TOKENS": text})
    with pytest.raises(InvalidInput, match="Token 2") as refused:
        auth_from(None, {"MLPACK_AUTH_TOKENS": f"{OLD} letmein"})
    assert "letmein" not in refused.value.message


def test_nothing_of_a_guard_shows_a_token(file):
    guard = Auth(file, OTHER)
    shown = repr(vars(guard)) + repr(guard)
    for token in (OLD, NEW, OTHER):
        assert token not in shown
    assert os.fspath(file) in shown
