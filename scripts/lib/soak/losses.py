"""Which requests a killed core may take with it, and what is wrong with the others that failed. No clock and no I/O."""

from collections import Counter
from dataclasses import dataclass, field

# How long after the end of a core, at most, a client notices the end of its connection.
NOTICE = 2.0

NOT_FORWARDED = "not forwarded"
UNANSWERED = "idempotent, unanswered"
OTHER = "other"


@dataclass
class Kill:
    """`gone`: the core had closed all that it had. Times are of time.monotonic()."""

    at: float
    gone: float = float("inf")
    # When the first answer to a request that came after the kill was there, by app.
    answers: dict = field(default_factory=dict)
    slowest: float = 0.0

    def take(self, request):
        """An answered request."""
        # What was answered over an older connection, the core before had answered.
        if request.opened >= self.at:
            self.answers.setdefault(request.app, request.ended - self.at)
        if request.began <= self.gone + 1 and request.ended >= self.at:
            self.slowest = max(self.slowest, request.ended - request.began)

    @property
    def next_answer(self):
        return min(self.answers.values(), default=None)

    @property
    def last_app(self):
        """Until each app has answered."""
        return max(self.answers.values(), default=None)


class Losses:
    def __init__(self):
        self.counts = Counter()
        self.refused = 0

    def judge(self, request, kills, seen):
        """Of a failed request; `seen` are the numbers of requests that the apps were given. Returns what is wrong, or nothing."""
        what = f"{request.app}, {request.kind.name}, {'kept' if request.is_kept else 'new'} connection"
        took = f"after {request.ended - request.began:.3f} s: {request.failure}"
        if request.failure.is_refused:
            self.refused += 1
            return f"{what}: refused {took}"
        # It was in the core, or on the way to it, when that died.
        kill = next((kill for kill in kills if request.began <= kill.gone and request.ended >= kill.at), None)
        if kill is None:
            return f"{what}: failed {took}; no core was killed at that time"
        if request.ended > kill.gone + NOTICE:
            return f"{what}: failed {took}, {request.ended - kill.gone:.3f} s after the end of the core"
        if request.number not in seen:
            self.counts[NOT_FORWARDED] += 1
        elif request.kind.is_idempotent and not request.failure.is_begun:
            self.counts[UNANSWERED] += 1
        else:
            self.counts[OTHER] += 1
        return None
