"""What was found, for people as tables and ratios, and for programs as JSON."""

import json
import sys
from dataclasses import dataclass
from statistics import median

from control import table
from measure import middle

OURS = "passenger"


def microseconds(value):
    return f"{value:.1f} us"


def milliseconds(value):
    return f"{value * 1e3:.0f} us" if value < 1 else f"{value:.2f} ms"


def mebibytes(value):
    return f"{value / (1 << 20):.1f} MiB"


# Of a comparison: the head of the column, the figure, how it is written.
COLUMNS = (
    ("CPU a request: front", "front_cpu_us", microseconds),
    ("worker", "worker_cpu_us", microseconds),
    ("requests/s", "requests_per_second", "{:.0f}".format),
    ("p50", "p50_ms", milliseconds),
    ("p99", "p99_ms", milliseconds),
    ("memory: front", "front_memory_bytes", mebibytes),
)
NAMES = {
    "front_cpu_us": "the front's CPU a request",
    "requests_per_second": "requests/s",
    "requests_per_front_cpu_second": "requests per second of the front's CPU",
    "bytes_per_connection": "bytes a connection",
    "app_bytes": "memory of the app",
    "checkout_ns": "nanoseconds of a checkout and checkin at most",
    "checkout_growth": "the dearest over the cheapest",
    "bytes_per_app": "bytes an app that sleeps",
    "idle_cpu_percent": "percent of one CPU while nobody uses them",
    "whole_s": "seconds to a whole release",
    "changed_s": "seconds to the next release",
    "whole_cpu_s": "CPU of a whole release",
    "changed_cpu_s": "CPU of the next release",
    "status_ms": "milliseconds of `passenger status`",
    "scrape_ms": "milliseconds of a scrape",
    "p99_ratio": "p99 of clients, with scrapes over without",
    "worker_ms": "milliseconds to one more worker",
}


@dataclass(frozen=True)
class Goal:
    """A figure of ours, as a ratio to that of another (`to`) or as it is. Without a bound it is only printed."""

    metric: str
    to: str | None = None
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, value):
        if self.at_most is None and self.at_least is None:
            return None
        return value <= self.at_most if self.at_most is not None else value >= self.at_least

    def bound(self):
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"

    def value(self, found):
        """Median, least, greatest over the rounds: a ratio is of figures from the same round. None if one is missing."""
        own = [some.values.get(self.metric) for some in found.get(OURS, [])]
        if self.to is None:
            values = own
        else:
            other = [some.values.get(self.metric) for some in found.get(self.to, [])]
            if len(own) != len(other):
                return None
            values = [one / another if one is not None and another else None for one, another in zip(own, other)]
        if not values or None in values:
            return None
        return median(values), min(values), max(values)


def brief(reason):
    """What a command of ours says of its failure is one line of many; of others it is anywhere."""
    lines = reason.splitlines() or ["for no known reason"]
    return next((line for line in lines if line.startswith("error: ")), "\n    ".join(lines[:6]))


class Report:
    """Prints what is added to it, and keeps it."""

    def __init__(self, machine):
        self.found = {"machine": machine, "scenarios": []}

    def comparison(self, scenario, title, found, left_out, goals):
        """`found`: the measurements of each contender by its name; `left_out`: why the others have none."""
        medians = {name: middle([some.values for some in measurements]) for name, measurements in found.items()}
        columns = [column for column in COLUMNS if any(column[1] in values for values in medians.values())]
        rows = [
            (name, *(write(values[metric]) if metric in values else "-" for _, metric, write in columns))
            for name, values in medians.items()
        ]
        self._begin(title)
        if rows:
            print("\n".join(table(["served by", *(head for head, _, _ in columns)], rows)))
        for name, measurements in found.items():
            notes = {some.errors for some in measurements} | {some.details.get("tls", "") for some in measurements}
            for note in sorted(notes - {""}):
                print(f"  {name}: {note}")
        self._end(scenario, title, found, medians, left_out, goals)

    def figures(self, scenario, title, head, rows, found, left_out, goals):
        """A table of another shape."""
        self._begin(title)
        if rows:
            print("\n".join(table(head, rows)))
        medians = {name: middle([some.values for some in measurements]) for name, measurements in found.items()}
        self._end(scenario, title, found, medians, left_out, goals)

    @staticmethod
    def _begin(title):
        print(f"\n{title}\n")

    def _end(self, scenario, title, found, medians, left_out, goals):
        for name, reason in left_out.items():
            print(f"  left out: {name}: {brief(reason)}")
        self.found["scenarios"].append({
            "scenario": scenario, "title": title, "left_out": left_out,
            "contenders": {
                name: {
                    "median": medians[name], "rounds": [some.values for some in measurements],
                    "errors": sorted({some.errors for some in measurements if some.errors}),
                    "details": [some.details for some in measurements if some.details],
                } for name, measurements in found.items()
            },
            "goals": [verdict for goal in goals if (verdict := self._judge(goal, found))],
        })
        sys.stdout.flush()

    @staticmethod
    def _judge(goal, found):
        name = NAMES.get(goal.metric, goal.metric)
        what = f"{name}, {OURS} : {goal.to}" if goal.to else f"{name}, {OURS}"
        result = goal.value(found)
        verdict = {
            "metric": goal.metric, "to": goal.to, "at_most": goal.at_most, "at_least": goal.at_least, "median": None, "met": None}
        if result is None:
            # That others are missing from each other is of no interest.
            if goal.is_met(0) is None:
                return None
            print(f"  {what} = not measured; goal {goal.bound()}: open")
            return verdict
        middle_one, least, greatest = result
        figures = ("{:.3f} ({:.3f} - {:.3f})" if goal.to or middle_one < 100 else "{:.0f} ({:.0f} - {:.0f})").format(*result)
        met = goal.is_met(middle_one)
        end = "" if met is None else f"; goal {goal.bound()}: {'met' if met else 'MISSED'}"
        print(f"  {what} = {figures}{end}")
        return verdict | {"median": middle_one, "least": least, "greatest": greatest, "met": met}

    def summary(self):
        judged = [(entry, goal) for entry in self.found["scenarios"] for goal in entry["goals"]]
        missed = [entry["scenario"] for entry, goal in judged if goal["met"] is False]
        met = sum(goal["met"] is True for _, goal in judged)
        undecided = sum(goal["met"] is None and (goal["at_most"] or goal["at_least"]) is not None for _, goal in judged)
        print(f"\nGoals: {met} met, {len(missed)} missed, {undecided} open")
        if missed:
            print(f"Missed in: {', '.join(dict.fromkeys(missed))}")

    def write(self, path):
        path.write_text(json.dumps(self.found, indent=1) + "\n")
