"""How much params matter for a metric: the permutation importance of a small forest.

The forest is one of extremely randomised trees (P. Geurts, D. Ernst, L. Wehenkel, "Extremely
randomized trees", Machine Learning 63, 2006): a split tries a few random params with one random
cut each and keeps the cut that lowers the squared error most. Each tree grows from a bootstrap
sample; the runs that are not in it (out of bag) tell how well the tree predicts, and how much
worse with one param shuffled among them (L. Breiman, "Random forests", Machine Learning 45, 2001):

    importance(p) = mean over trees of (error with p shuffled - error) / variance of the metric

so 0 says that shuffling a param changes nothing, and 1 that it makes predictions as much worse as
the metric varies. Numbers count by their rank, so that a scale (linear, logarithmic) changes
nothing. Params that say the same share their importance.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance

TREES = 60
_LEAF = 3  # a node of fewer runs than twice that is not split
_TRIED = 12  # at most so many params are tried at a split
_DEPTH = 12


@dataclass(frozen=True)
class Feature:
    """A param of all runs.

    Attributes:
        values: ranks where ordered, else numbers of categories; -1 where a run has no value.
        ordered: a cut has a low and a high side; else it puts some categories to one side.
    """

    values: list[float]
    ordered: bool


@dataclass(frozen=True)
class Importances:
    """What the forest says.

    Attributes:
        importances: one a feature; not below 0.
        explained: the share of the metric's variance that the forest predicts for runs that it
            has not seen (R² out of bag); below 0 where it predicts worse than the mean.
    """

    importances: list[float]
    explained: float


@dataclass(slots=True)
class _Node:
    """A cut, or a leaf with the mean of its runs."""

    mean: float
    feature: int = -1
    cut: float = 0.0
    left: frozenset[float] | None = None  # categories on the left side
    low: _Node | None = None
    high: _Node | None = None

    def goes_low(self, value: float) -> bool:
        return value <= self.cut if self.left is None else value in self.left


def forest(features: Sequence[Feature], target: Sequence[float], seed: int = 0) -> Importances:
    """Grow it and ask it; the same data get the same answer.

    Args:
        features: what to predict from.
        target: what to predict, one value a run; not all the same.
        seed: another one shows how much is chance.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    everyone = range(len(target))
    grown = [0.0] * len(features)
    guesses: list[list[float]] = [[] for _ in everyone]
    counted = 0
    for _ in range(TREES):
        sample = [chance.randrange(len(target)) for _ in everyone]
        unseen = sorted(set(everyone) - set(sample))
        if len(unseen) < 2:
            continue
        counted += 1
        used: set[int] = set()
        tree = _grow(features, target, sample, chance, used, _DEPTH)
        for run in unseen:
            guesses[run].append(_predict(tree, features, run))
        error = fmean((_predict(tree, features, run) - target[run]) ** 2 for run in unseen)
        for number in sorted(used):
            order = unseen[:]
            chance.shuffle(order)
            shuffled = dict(zip(unseen, order, strict=True))
            worse = fmean(
                (_predict(tree, features, run, number, shuffled[run]) - target[run]) ** 2
                for run in unseen
            )
            grown[number] += worse - error
    variance = pvariance(target)
    told = [(target[run], fmean(guesses[run])) for run in everyone if guesses[run]]
    missed = fmean((true - guess) ** 2 for true, guess in told) if told else variance
    scale = max(counted, 1) * variance
    return Importances([max(each / scale, 0.0) for each in grown], 1 - missed / variance)


def _grow(
    features: Sequence[Feature],
    target: Sequence[float],
    runs: list[int],
    chance: random.Random,
    used: set[int],
    depth: int,
) -> _Node:
    values = [target[run] for run in runs]
    node = _Node(fmean(values))
    if depth == 0 or len(runs) < 2 * _LEAF or min(values) == max(values):
        return node
    best = None
    tried = 0
    for number in _in_random_order(len(features), chance):
        cut = _random_cut(features[number], runs, chance)
        if cut is None:  # all of these runs have the same value
            continue
        tried += 1
        node.feature, (node.cut, node.left) = number, cut
        own = features[number].values
        low = [run for run in runs if node.goes_low(own[run])]
        high = [run for run in runs if not node.goes_low(own[run])]
        gain = sum(target[r] for r in low) ** 2 / len(low)
        gain += sum(target[r] for r in high) ** 2 / len(high)
        if best is None or gain > best[0]:
            best = gain, number, cut, low, high
        if tried == _TRIED:
            break
    if best is None:
        node.feature = -1
        return node
    _, node.feature, (node.cut, node.left), low, high = best
    used.add(node.feature)
    node.low = _grow(features, target, low, chance, used, depth - 1)
    node.high = _grow(features, target, high, chance, used, depth - 1)
    return node


def _in_random_order(count: int, chance: random.Random) -> Iterator[int]:
    """The numbers below ``count``, drawn one by one."""
    order = list(range(count))
    for place in range(count):
        other = chance.randrange(place, count)
        order[place], order[other] = order[other], order[place]
        yield order[place]


def _random_cut(
    feature: Feature, runs: list[int], chance: random.Random
) -> tuple[float, frozenset[float] | None] | None:
    present = sorted({feature.values[run] for run in runs})
    if len(present) < 2:
        return None
    if feature.ordered:
        # somewhere from the least up to, and without, the greatest: neither side is empty
        return present[chance.randrange(len(present) - 1)], None
    return 0.0, frozenset(chance.sample(present, chance.randrange(1, len(present))))


def _predict(
    tree: _Node, features: Sequence[Feature], run: int, shuffled: int = -1, other: int = -1
) -> float:
    """What the tree says of a run; with the value of another run in one of the features."""
    node = tree
    while node.low is not None and node.high is not None:
        source = other if node.feature == shuffled else run
        low = node.goes_low(features[node.feature].values[source])
        node = node.low if low else node.high
    return node.mean
