"""What the samples come to: counts, latencies inside and outside operations, and every complaint."""

import math
from collections import Counter, defaultdict, deque

from clients import KEPT
from ledger import overlaps

# A sample is judged so long after its end: by then it is known which version was live.
DELAY = 3.0
# How much of the time around a switch counts as its own.
BEFORE, AFTER = 0.5, 1.0
STEP = math.log(1.02)
# How many of the complaints are followed by what the server said.
EVIDENCE = 5


class Latencies:
    """A histogram whose buckets are 2 % wide."""

    def __init__(self):
        self._buckets = Counter()
        self.count = 0

    def add(self, seconds):
        self._buckets[round(math.log(max(seconds, 1e-6)) / STEP)] += 1
        self.count += 1

    def quantile(self, part):
        left = part * self.count
        for bucket, count in sorted(self._buckets.items()):
            left -= count
            if left <= 0:
                return math.exp(bucket * STEP)
        return 0.0


class Account:
    def __init__(self, apps, evidence):
        """`evidence` tells what the server has said of late."""
        self._apps, self._evidence = apps, evidence
        self._waiting = deque()
        # (began, ended) of deploys, rollbacks and restarts; None while one goes on.
        self.operations = []
        self.switches = []
        self._recent = deque()
        self.requests, self.failed = Counter(), Counter()
        self.own_errors, self.lost_with_workers, self.cut = Counter(), Counter(), Counter()
        self.complaints = []
        self.inside, self.outside = Latencies(), Latencies()
        self.by_kind = defaultdict(Latencies)

    def take(self, sample):
        self._waiting.append(sample)

    def complain(self, text):
        self.complaints.append(text)
        print(f"FAILED: {text}", flush=True)
        if len(self.complaints) <= EVIDENCE:
            print(self._evidence(), flush=True)

    def judge(self, now, patience=DELAY):
        """What ended long enough ago."""
        while self._waiting and self._waiting[0].ended <= now - patience:
            self._judge(self._waiting.popleft())
        # Nothing under way can be older: streams have 90 seconds.
        for app in self._apps.values():
            app.forget(now - 120)
        self.operations = [operation for operation in self.operations if operation[1] is None or operation[1] > now - 120]
        self._measure_switches(now)

    def _judge(self, sample):
        app = self._apps[sample.app]
        self.requests[sample.kind] += 1
        complaint = app.complaint(sample)
        if complaint:
            self.failed[sample.kind] += 1
            self.complain(f"{sample.app}, {sample.kind}, took {sample.ended - sample.began:.3f} s: {complaint}")
        elif sample.failure or sample.is_cut and app.loses_requests(sample):
            self.lost_with_workers[sample.kind] += 1
        elif sample.is_own_error:
            self.own_errors[sample.kind] += 1
        elif sample.is_cut:
            self.cut[sample.kind] += 1
        else:
            self._note_time(sample)

    def _note_time(self, sample):
        seconds = sample.ended - sample.began
        self.by_kind[sample.kind].add(seconds)
        if sample.kind != KEPT:
            return
        is_inside = any(overlaps(began, math.inf if ended is None else ended, sample) for began, ended in self.operations)
        (self.inside if is_inside else self.outside).add(seconds)
        self._recent.append((sample.began, sample.ended))

    # Switches.

    def switched(self, at):
        self.switches.append([at, None])

    def _measure_switches(self, now):
        """By how much the slowest request around each switch took longer than is usual."""
        usual = self.by_kind[KEPT].quantile(0.5)
        for switch in self.switches:
            if switch[1] is None and switch[0] + AFTER < now - 2 * DELAY:
                around = [e - b for b, e in self._recent if b <= switch[0] + AFTER and e >= switch[0] - BEFORE]
                switch[1] = max((seconds - usual for seconds in around), default=0.0)
        while self._recent and self._recent[0][1] < now - 30:
            self._recent.popleft()
