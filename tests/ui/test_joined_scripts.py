"""Modules as one file: the same code in the same order, whose lines are found again."""

import json

import pytest

from mlpack.tracking_server.ui import static_files
from mlpack.tracking_server.ui.joined_scripts import join

JS = static_files.FOLDER / "js"
MODULES = sorted(file.name for file in JS.glob("*.js") if file.name != "first.js")

SMALL = {
    "one.js": """import { two as second } from "./two.js";
import * as base from "./base.js";
said.push(second(), base.NAME);
""",
    "two.js": """import { NAME } from "./base.js";

export function two() {
  return `two ${NAME}`;
}
""",
    "base.js": 'export const NAME = "base";\n\nsaid.push("base runs once")',
    "other.js": 'import { NAME } from "./base.js";\nsaid.push(`other ${NAME}`);\n',
    "broken.js": "\nnowhere();\n",
    "both.js": 'import Drawing, { line } from "../lib/drawing.js";\n',
    "drawn.js": """import Drawing from "../lib/drawing.js";
import { line } from "../lib/drawing.js";
""",
    "later.js": 'export const load = () => import("./one.js");\n',
    "here.js": 'import { there } from "./there.js";\n',
    "there.js": 'import { here } from "./here.js";\n',
}
SAID = """globalThis.said = [];
globalThis.reportError = (error) => said.push(error.name);
"""


def lines_of(source_map):
    """(module, line) of each line of a script that is from a module, by its number."""
    told = json.loads(source_map)
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    found, source, line = {}, 0, 0
    for number, segment in enumerate(told["mappings"].split(";")):
        if not segment:
            continue
        fields, value, shift = [], 0, 0
        for five in map(digits.index, segment):
            value |= (five & 31) << shift
            shift += 5
            if not five & 32:
                fields.append(-(value >> 1) if value & 1 else value >> 1)
                value = shift = 0
        source, line = source + fields[1], line + fields[2]
        found[number] = told["sources"][source], line
    return found


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_joined(name):
    joined = join([name], lambda other: (JS / other).read_text())
    assert set(joined.libraries) <= {"../lib/curves.js", "../lib/charts.js", "../lib/parquet.js"}


def test_lines_are_found_again():
    joined = join(["page.js", "charts_page.js"], lambda name: (JS / name).read_text())
    lines = joined.text.splitlines()
    found = lines_of(joined.source_map())
    assert len(found) > 1000
    for number, (name, line) in found.items():
        original = (JS / name).read_text().splitlines()[line]
        if not original.startswith(("import", "export")) and 'from "' not in original:
            assert lines[number] == original
    begins = [name for name, line in found.values() if line == 0]
    assert begins.index("elements.js") < begins.index("dialogs.js") < begins.index("page.js")


def test_what_is_not_known_is_refused():
    for text in (
        "export default 5;",
        "export { a };",
        'export * from "./b.js";',
        'import "./b.js";',
    ):
        with pytest.raises(ValueError, match=r"a\.js:2 .*cannot be joined"):
            join(["a.js"], {"a.js": f"// first\n{text}\n"}.__getitem__)
    with pytest.raises(ValueError, match=r"both\.js:1"):
        join(["both.js"], SMALL.__getitem__)
    with pytest.raises(ValueError, match=r"circle: here\.js, there\.js"):
        join(["here.js"], SMALL.__getitem__)


def test_libraries_stay_files_of_their_own():
    joined = join(["drawn.js"], SMALL.__getitem__)
    assert joined.libraries == ["../lib/drawing.js"]
    assert joined.text.count('from "../lib/drawing.js"') == 1


def test_what_is_loaded_later_is_joined_then():
    assert 'import("./+one.js")' in join(["later.js"], SMALL.__getitem__).text
    assert "export const { load } = $later;" in join(["later.js"], SMALL.__getitem__).text


def test_as_browsers_run_modules(browser_page, story):
    """What others need first, each once; what fails does not keep others of the page from it."""
    page = browser_page

    def said(*entries):
        joined = SAID + join(entries, SMALL.__getitem__).text
        answer = {"body": joined, "content_type": "text/javascript"}
        page.route("**/static/joined-here.js", lambda route: route.fulfill(**answer))
        page.goto(f"{story.address}/")
        found = page.evaluate(
            "async () => { await import('/static/joined-here.js'); return said; }"
        )
        page.unroute("**/static/joined-here.js")
        return found

    assert said("one.js") == ["base runs once", "two base", "base"]
    assert said("one.js", "broken.js", "other.js") == [
        *("base runs once", "two base", "base"),
        *("ReferenceError", "other base"),
    ]


def test_what_scripts_draw_alone_waits_for_them(browser_page, story):
    """Other pages are painted first; and both run them before they are loaded."""
    best = story.names["best"]
    for path, at_once in (("/", False), (f"/runs/{best}", False), (f"/runs/{best}/charts", True)):
        page = browser_page.request.get(story.address + path).text()
        assert ('<script type="module"' in page) is at_once
        assert page.count("data-module") == (not at_once)
        browser_page.goto(story.address + path)
        assert browser_page.locator("script[type=module]").count() == 1
        browser_page.keyboard.press("?")
        browser_page.get_by_role("dialog", name="Keyboard").wait_for()
