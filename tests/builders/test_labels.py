"""What an image says of itself."""

import pytest

from mlpack.builders.labels import base_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
        ("engine:python:3.11-slim", "docker.io/library/python:3.11-slim"),
        ("registry:host.example/python:3", "host.example/python:3"),
        ("layout:base-arm64", None),
        ("archive:base.tar", None),
        ("oci:base:3", None),
        ("./base", None),
        ("/base", None),
        ("sha256:" + "0" * 64, None),
    ],
)
def test_only_what_others_find_is_the_name_of_a_base(text, name):
    assert base_name(text) == name
