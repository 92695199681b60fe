"""Compressed bodies: every encoding, bombs, broken and endless streams."""

import gzip
import json
import sys
import tracemalloc
import zlib

import pytest
import zstandard

from mlpack.errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType
from mlpack.serve.compression import decompress

TEXT = b"age,income,city\n40,1.5,Rome\n" * 3000
LIMIT = 1_000_000


def bare_deflate(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": bare_deflate,
    "zstd": zstandard.compress,
    "ZSTD": lambda body: zstandard.ZstdCompressor(write_content_size=False).compress(body),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("body", [b"", b"x", TEXT, TEXT * 11], ids=len)
def test_what_was_packed_comes_out(name, body):
    assert decompress(PACKED[name](body), name, LIMIT) == body


def test_no_encoding_changes_nothing():
    for name in ("", "identity", " Identity "):
        assert decompress(TEXT, name, 1) is TEXT


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_streams_one_after_the_other_are_one_body(name):
    packed = PACKED[name](b"a,b\n") + PACKED[name](b"") + PACKED[name](b"1,2\n")
    assert decompress(packed, name, LIMIT) == b"a,b\n1,2\n"


@pytest.mark.parametrize("name", PACKED)
def test_a_bomb_is_refused_before_it_goes_off(name):
    bomb = PACKED[name](bytes(400_000_000))
    assert len(bomb) < 500_000
    tracemalloc.start()
    with pytest.raises(PayloadTooLarge, match="unpacks to more than the limit"):
        decompress(bomb, name, LIMIT)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", PACKED)
def test_the_limit_itself_is_allowed(name):
    packed = PACKED[name](TEXT)
    assert decompress(packed, name, len(TEXT)) == TEXT
    with pytest.raises(PayloadTooLarge):
        decompress(packed, name, len(TEXT) - 1)


@pytest.mark.parametrize("name", PACKED)
def test_what_ends_too_early_or_is_something_else_is_refused(name):
    packed = PACKED[name](TEXT)
    for cut in (0, 1, 5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(InvalidInput):
            decompress(packed[:cut], name, LIMIT)
    for body in (packed + b"tail", b"x" + packed, TEXT):
        with pytest.raises(InvalidInput):
            decompress(body, name, LIMIT)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_million_tiny_streams_are_refused(name):
    with pytest.raises(InvalidInput, match="more than 10000"):
        decompress(PACKED[name](b"") * 20_000, name, LIMIT)


def test_a_window_that_wants_a_gigabyte_is_refused():
    settings = zstandard.ZstdCompressionParameters(window_log=30, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=settings)
    stream = packer.compressobj()
    body = stream.compress(TEXT) + stream.flush()
    with pytest.raises(InvalidInput, match="not valid zstd"):
        decompress(body, "zstd", LIMIT)


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "x" * 1000])
def test_other_encodings_are_refused(name):
    with pytest.raises(UnsupportedMediaType, match="send the body with gzip, deflate, zstd") as e:
        decompress(b"x", name, LIMIT)
    assert len(e.value.message) < 200


def test_without_zstandard_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UnsupportedMediaType, match="send gzip, or add zstandard"):
        decompress(b"x", "zstd", LIMIT)


def test_through_the_app(client, people):
    app = client(lambda data, params: data.column("age"), people, max_body=2000)
    row = {"age": 40, "income": 1.5, "city": "Rome"}
    body = json.dumps({"dataframe_records": [row]}).encode()
    many = json.dumps({"dataframe_records": [row] * 1000}).encode()
    for name in PACKED:
        headers = {"Content-Encoding": name, "Content-Type": "application/json"}
        answer = app.post("/invocations", data=PACKED[name](body), headers=headers)
        assert answer.json == {"predictions": [40]}, name
        answer = app.post("/invocations", data=PACKED[name](many), headers=headers)
        assert answer.status_code == 413, name
