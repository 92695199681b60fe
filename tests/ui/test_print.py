"""Pages on paper."""

from playwright.sync_api import expect


def test_paper_is_light_and_holds_no_controls(story, browser_page):
    page = browser_page
    runs = ",".join(story.names["runs"][:4])
    page.goto(f"{story.address}/compare?runs={runs}")
    page.locator("#theme").click()  # dark
    table = page.get_by_role("region", name="Comparison")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Views")).to_be_hidden()
    assert table.evaluate("box => box.scrollHeight <= box.clientHeight + 1")  # whole
