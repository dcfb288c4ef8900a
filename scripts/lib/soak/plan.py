"""What is done in a soak, told from its seed."""

import random
from dataclasses import dataclass

from repository import BREAKAGES, Breakage

APPS = ("ruby", "python", "node")


@dataclass
class Step:
    app: str
    breakage: Breakage | None = None
    # A good version that is gone back from.
    is_rolled_back: bool = False
    # When restart.txt is touched, in seconds from the beginning of the step.
    touch: float | None = None


def make(count, seed):
    """One in ten broken, but each way once if half of the deploys are enough for that; one in ten rolled back."""
    chance = random.Random(seed)
    steps = [Step(APPS[number % len(APPS)]) for number in range(count)]
    broken = min(max(count // 10, len(BREAKAGES)), max(count // 2, 1))
    rolled_back = max(count // 10, min(2, count // 4))
    chosen = chance.sample(range(count), min(broken + rolled_back, count))
    ways = [way for _ in range(broken // len(BREAKAGES) + 1) for way in chance.sample(BREAKAGES, len(BREAKAGES))]
    for way, number in zip(ways, chosen[:broken]):
        steps[number].breakage = way
    for number in chosen[broken:]:
        steps[number].is_rolled_back = True
    for step in steps:
        if chance.random() < 0.25:
            step.touch = chance.uniform(0, 4)
    return steps


def estimate(steps):
    """Seconds that it takes, roughly."""
    return 40 + sum(
        (9 if step.breakage and step.breakage.loses_requests else 4.5) + (1.5 if step.is_rolled_back else 0) for step in steps)
