"""Names of files in a header: whatever they hold, they come back, and nothing else does."""

import pytest
from werkzeug.http import parse_options_header

from mlpack.tracking_server.dispositions import disposition


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("runs.csv", "runs.csv"),
        ("a b; c=d.csv", "a b; c=d.csv"),
        ('say "hi".txt', "say _hi_.txt"),
        ("back\\slash", "back_slash"),
        ("100%41.csv", "100_41.csv"),  # some browsers would make an A of it
        ("Größe 😀.json", "Gr__e _.json"),
        ("x\r\nSet-Cookie: a=b", "x__Set-Cookie: a=b"),
        ("", ""),
    ],
)
def test_a_name_comes_back(name, plain):
    header = disposition("attachment", name)
    assert header.isascii() and header.isprintable()
    assert header.startswith(f'attachment; filename="{plain}"')
    what, options = parse_options_header(header)
    assert what == "attachment" and options == {"filename": name}
    assert ("filename*=" in header) == (plain != name)


def test_what_is_no_unicode():
    assert disposition("inline", "a\udcff.txt") == (
        "inline; filename=\"a_.txt\"; filename*=UTF-8''a%3F.txt"
    )
