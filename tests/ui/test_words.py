"""How names and texts read on pages."""

import pytest

from mlpack.tracking_server.ui.words import breakable, gist


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ""),
        ("\n# Sweeps of **ResNet-50**\n\nmore", "Sweeps of ResNet-50"),
        ("---\n> see `train.py`", "see train.py"),
        ("<b>", "<b>"),
        ("x" * 300, "x" * 200 + "…"),
    ],
)
def test_the_gist_of_a_note(text, says):
    assert gist(text) == says


def test_names_break_at_their_joints():
    assert breakable("system/cpu_utilization.mean") == (
        "system/<wbr>cpu_<wbr>utilization.<wbr>mean"
    )
    assert breakable("a__b_") == "a__<wbr>b_"
    assert breakable("<i>/x") == "&lt;i&gt;/<wbr>x"
