"""The map of serve/ in its docstring names every file."""

import re
from pathlib import Path

from mlpack import serve


def test_every_file_is_on_the_map():
    assert serve.__doc__ is not None
    files = {file.stem for file in Path(serve.__file__).parent.glob("*.py")} - {"__init__"}
    words = set(re.findall(r"\w+", serve.__doc__.split("files on it:")[1]))
    assert not files - words, "write them into the docstring of serve/__init__.py"
