"""A name for a run that was given none: easy to say, unlikely to meet twice."""

from __future__ import annotations

import random

_random = random.SystemRandom()  # a seeded training script must not get the same name each time

_HOW = """
amber brave brisk calm clear crisp deep eager early fair fleet fond frank fresh gentle glad
golden grand green happy hardy honest humble keen kind late light lively lucid merry mild modest
neat noble patient plain proud quick quiet rapid ready rosy sharp silver smooth sober solid
steady still strong subtle sunny swift tidy vivid warm wide wild
""".split()  # noqa: SIM905 - three lines instead of sixty
_WHAT = """
alder anchor arch aspen badger bay beacon birch bridge brook canyon cedar cliff cloud comet
crane creek delta dune eagle ember falcon fern field finch fjord forest garden glacier grove
harbor hawk heron hill island lake lark maple marsh meadow moon moor oak ocean orchid otter owl
pebble pine plover pond quail quartz rain raven reef river robin sage sail shore sparrow spring
star stone stream summit swan thistle tide valley willow wind wren
""".split()  # noqa: SIM905 - three lines instead of sixty


def random_name() -> str:
    """Something like ``quiet-heron-417``."""
    return f"{_random.choice(_HOW)}-{_random.choice(_WHAT)}-{_random.randrange(1000)}"
