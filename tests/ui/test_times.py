"""Times in words, and by the clock of whoever points at them."""

from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.server


def test_the_local_time_of_what_is_pointed_at(story, chromium):
    context = chromium.new_context(timezone_id="Pacific/Kiritimati", locale="en-GB")
    page = context.new_page()
    page.goto(f"{story.address}/")
    time = page.locator("time[datetime]").first
    assert time.get_attribute("title").endswith("UTC")
    then = datetime.fromisoformat(time.get_attribute("datetime")).astimezone(UTC)
    time.hover()
    told = time.get_attribute("title")
    hour = (then.hour + 14) % 24  # no place is further from Greenwich
    assert f"{hour:02}:{then:%M:%S}" in told and "UTC" not in told
    context.close()
