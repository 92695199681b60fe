"""Previews of files. A new kind is one file here, one template, and one line in `KINDS`.

kind.py      what a kind is
file.py      a file that is looked at
inline.py    pictures, pages, PDF, sounds, films: what the browser draws itself, and how safely
text.py      texts and code; other kinds fall back to it
table.py     CSV, TSV, logged tables
tree.py      JSON
markdown.py, mlmodel.py, notebook.py, parquet.py, archive.py: what their names say
html_table.py  the tables that notebooks put out
binary.py    what is nothing else
"""

from __future__ import annotations

from typing import Any

from . import archive, binary, inline, markdown, mlmodel, notebook, parquet, table, text, tree
from .file import File
from .kind import Kind

KINDS = (
    mlmodel.KIND,
    inline.PICTURE,
    inline.DRAWING,
    inline.HTML,
    inline.PDF,
    inline.SOUND,
    inline.FILM,
    notebook.KIND,
    table.LOGGED,
    table.CSV,
    table.TSV,
    tree.KIND,
    markdown.KIND,
    parquet.KIND,
    text.KIND,
    archive.KIND,
    binary.KIND,
)


def preview(file: File, as_text: bool = False) -> tuple[Kind, dict[str, Any]]:
    """How a file is shown: the first kind that fits, and what its template needs.

    Args:
        file: the file.
        as_text: as the text that it is, if it is one.
    """
    kinds = (text.KIND, binary.KIND) if as_text else KINDS
    for kind in kinds:
        if kind.fits(file):
            shown = kind.prepare(file)
            if shown is not None:
                return kind, shown
    raise AssertionError("binary fits all")
