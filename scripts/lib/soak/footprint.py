"""What a server takes of its machine: descriptors, threads, memory, processes, files."""

import os
import statistics
from pathlib import Path

TOLERANCE = 0.05
# Of which less is no reason to complain.
MEMORY = ("PSS", "RSS")


def measure(status, runtime):
    """(what, of whom) -> how much; memory in KiB. `runtime` is the runtime_dir."""
    figures = {}
    for name in ("supervisor", "core"):
        process = Path("/proc") / str(status["server"][f"{name}_pid"])
        rollup, state = _fields(process / "smaps_rollup"), _fields(process / "status")
        figures |= {
            (name, "descriptors"): len(os.listdir(process / "fd")),
            (name, "threads"): int(state["Threads"]),
            (name, "PSS"): int(rollup["Pss"].split()[0]),
            (name, "RSS"): int(rollup["Rss"].split()[0]),
        }
    states = list(descendants(status["server"]["supervisor_pid"]).values())
    figures["all", "processes"] = len(states)
    figures["all", "zombies"] = states.count("Z")
    figures["all", "files in runtime_dir"] = sum(len(files) + len(directories) for _, directories, files in os.walk(runtime))
    groups = {
        Path(generation["control_group"]["path"]).parent
        for app in status["apps"] for generation in app["generations"] if generation.get("control_group")}
    for group in groups:
        figures["all", "control groups"] = sum(entry.is_dir() for entry in group.iterdir())
    return figures


def typical(several):
    """Of several measurements, for what comes and goes."""
    return {what: statistics.median(figures.get(what, 0) for figures in several) for what in several[0]}


def complaints(before, after):
    """Whatever is not where it was."""
    found = []
    for (whose, what), begin in before.items():
        end = after[whose, what]
        change = end - begin
        is_wrong = end > 0 if what == "zombies" else \
            change > begin * TOLERANCE if what in MEMORY else abs(change) > begin * TOLERANCE
        if is_wrong:
            found.append(f"{what} of the {whose}: {begin:g} at the beginning, {end:g} at the end")
    return found


def rows(before, after):
    return [
        (f"{whose}: {what}" + (" (KiB)" if what in MEMORY else ""), f"{begin:g}", f"{after[whose, what]:g}",
         f"{(after[whose, what] - begin) / begin * 100:+.1f} %" if begin else "")
        for (whose, what), begin in before.items()]


def descendants(pid):
    """State of each process below it and of itself, by pid."""
    parents, states = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            states[int(entry)], parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        parents[int(entry)] = int(parent)
    found, before = {pid}, 0
    while len(found) != before:
        before = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return {pid: states[pid] for pid in found if pid in states}


def _fields(path):
    return {name: value.strip() for name, _, value in (line.partition(":") for line in path.read_text().splitlines()[1:])}
