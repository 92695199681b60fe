"""The map of the UI in its docstrings names every file, and every script is used by something."""

import re
from pathlib import Path

import pytest

from mlpack.tracking_server import ui
from mlpack.tracking_server.ui import previews

FOLDER = Path(ui.__file__).parent
STATIC = FOLDER / "static"


@pytest.mark.parametrize("package", [ui, previews], ids=["ui", "previews"])
def test_every_file_is_on_the_map(package):
    files = {file.stem for file in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    words = set(re.findall(r"\w+", package.__doc__))
    assert not files - words, f"write them into the docstring of {package.__name__}"


def test_no_template_script_or_style_is_left_over():
    sources = [*FOLDER.rglob("*.py"), *FOLDER.glob("templates/*.html"), *STATIC.glob("js/*.js")]
    said = "\n".join(file.read_text() for file in sources)
    files = [*FOLDER.glob("templates/*.html"), *STATIC.glob("js/*.js"), *STATIC.glob("*.css")]
    by_kind = re.compile(r"(preview|artifacts)_\w+\.html")  # their names are put together
    unused = [f.name for f in files if f.name not in said and not by_kind.fullmatch(f.name)]
    assert not unused


def test_no_script_offers_what_nobody_takes():
    texts = {file: file.read_text() for file in STATIC.glob("js/*.js")}
    offered = re.compile(r"^export (?:async )?(?:function\*?|const|class) (\w+)", re.MULTILINE)
    unused = [
        f"{file.name}: {name}"
        for file, text in texts.items()
        for name in offered.findall(text)
        if not any(re.search(rf"\b{name}\b", other) for f, other in texts.items() if f != file)
    ]
    assert not unused
