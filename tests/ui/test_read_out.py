"""What a screen reader reads out: names without signs and buttons in them, and what changes."""

from playwright.sync_api import expect


def test_names(story, browser_page):
    page = browser_page
    page.goto(f"{story.address}/runs/{story.names['best']}")
    path = page.get_by_role("navigation", name="Path")
    expect(path.get_by_role("link", name="iris/classifiers", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Notes", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Notes", exact=True)).to_be_visible()
    page.goto(story.address)
    page.get_by_role("heading", name="Experiments").wait_for()
    expect(path).to_have_count(0)


def test_the_table_of_runs(story, browser_page):
    page = browser_page
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    for name in ("accuracy", "Started"):
        head = page.get_by_role("columnheader", name=name, exact=True)
        expect(head).to_be_visible()
    expect(head).to_have_attribute("aria-sort", "descending")
    told = page.locator("#selected-words")
    expect(told).to_be_empty()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(told).to_have_text("1 run selected")
    page.keyboard.press("Escape")
    expect(told).to_have_text("0 runs selected")


def test_values_in_full_tell_when(story, browser_page):
    page = browser_page
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    page.keyboard.press("j")
    page.keyboard.press("v")
    values = page.get_by_role("dialog")
    started = values.locator("dt", has_text="Started").locator("+ dd")
    expect(started).not_to_contain_text("ago")


def test_high_contrast(story, browser_page):
    """Where browsers take backgrounds and shadows away, one sees what is chosen all the same."""
    page = browser_page
    page.emulate_media(forced_colors="active")
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    page.keyboard.press("j")
    row = page.locator("tr[data-run]").first
    expect(row).to_be_focused()
    expect(row).to_have_css("outline-style", "solid")
    runs = ",".join(story.names["runs"][:2])
    page.goto(f"{story.address}/charts?runs={runs}")
    bars = page.locator(".bar-fill")
    expect(bars).to_have_count(2)
    colours = bars.evaluate_all("all => all.map(bar => getComputedStyle(bar).backgroundColor)")
    assert len(set(colours)) == 2
