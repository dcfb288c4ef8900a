"""Which version may answer when, and what is wrong with a sample. No clock and no I/O."""

from dataclasses import dataclass, field

from repository import BAKE, STANDBY, STREAM_DRAIN

# What passes between a moment and the news of it, and how late a stream may end after the last moment it was meant to.
SLACK = 3.0
# An answer of unknown length is a request like any other until it is so old; then it has what is left of its drain.
STREAM_AGE = 10.0


@dataclass
class Life:
    """A time in which a version may have been live: from the earliest moment of the switch to it, to the latest of the one away."""

    version: str
    earliest: float
    latest: float = float("inf")
    # Its workers die by its own doing, with the requests that they are at.
    loses_requests: bool = False


@dataclass
class Replacement:
    """A switch or a restart: in this time, streams that began before it ended may be cut."""

    earliest: float
    latest: float
    until: float


@dataclass
class App:
    name: str
    lives: list = field(default_factory=list)
    replacements: list = field(default_factory=list)
    # Version by the deploy's number.
    versions: dict = field(default_factory=dict)

    @property
    def live(self):
        return self.lives[-1].version

    def switched(self, version, earliest, known, loses_requests=False):
        """`earliest`: before this moment it was not switched; `known`: at this moment it had been."""
        if self.lives:
            self.lives[-1].latest = known
        self.lives.append(Life(version, earliest, loses_requests=loses_requests))
        # The old generation is whole until the bake and its time as a standby are over, and then drained; the bake of a version
        # whose workers die is longer, but what it replaced is what is gone back to.
        self.replacements.append(Replacement(earliest, known, known + BAKE + STANDBY + STREAM_DRAIN + SLACK))

    def restarted(self, began, known):
        self.replacements.append(Replacement(began, known, known + STREAM_DRAIN + SLACK))

    def forget(self, before):
        """What can concern no sample any more that began after `before`."""
        self.lives = [life for life in self.lives if life.latest >= before]
        self.replacements = [replacement for replacement in self.replacements if replacement.until >= before]

    def loses_requests(self, sample):
        return any(life.loses_requests and overlaps(life.earliest, life.latest, sample) for life in self.lives)

    def complaint(self, sample):
        """Nothing, or what was wrong."""
        if sample.version is not None and not any(
                life.version == sample.version and overlaps(life.earliest, life.latest, sample) for life in self.lives):
            lives = ", ".join(
                f"{life.version} {life.earliest - sample.began:+.3f} to {life.latest - sample.began:+.3f}" for life in self.lives[-4:])
            return f"unexpected version {sample.version}; live, in seconds from its beginning: {lives}"
        if self.loses_requests(sample):
            return None
        if sample.failure:
            return sample.failure
        if sample.is_cut and not any(
                sample.began <= replacement.latest
                and replacement.earliest <= sample.ended <= max(replacement.until, sample.began + STREAM_AGE + SLACK)
                for replacement in self.replacements):
            return f"cut after {sample.ended - sample.began:.1f} s, and no version was being replaced"
        return None


def overlaps(begin, end, sample):
    return begin <= sample.ended and end >= sample.began
