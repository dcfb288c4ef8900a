"""A release of a tree of 50,000 files: the release builder beside `git worktree add` and `git archive | tar`."""

import json
import os
import random
import resource
import shutil
import subprocess
import time

from control import StepFailed
from measure import Measurement, middle, rotated
from report import OURS, Goal

FILES, CHANGED = 50_000, 10
WORKTREE, ARCHIVE = "git worktree add", "git archive | tar"
# All that a round writes, six trees and the repository.
IMAGE_BYTES = 6 << 30
MAKE = {
    # Its tables are made at once, rather than in the background of what is measured.
    "ext4": ["mkfs.ext4", "-q", "-N", "500000", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"],
}


def measure(bench):
    place = bench.workspace.path / "checkouts"
    place.mkdir()
    (place / "source").mkdir()
    make_repository(bench.workspace, place / "source")
    for kind in MAKE if os.geteuid() == 0 else [None]:
        name = kind or file_system(place)
        found, left_out = {}, {}
        try:
            for number in range(bench.options.rounds):
                with_place(place, kind, lambda at, number=number: one_round(bench, place, at, number, found))
        except (StepFailed, OSError, subprocess.SubprocessError) as problem:
            left_out[name] = str(problem)
        report(bench, name, found, left_out)
    shutil.rmtree(place)


def report(bench, name, found, left_out):
    rows = []
    for contender, measurements in found.items():
        values = middle([some.values for some in measurements])
        rows.append((contender, *(f"{values[key]:.2f} s" for key in (
            "whole_s", "whole_raw_s", "whole_cpu_s", "changed_s", "changed_raw_s", "changed_cpu_s"))))
    goals = [
        Goal(metric, to=other, at_most=1.0) for metric in ("whole_s", "changed_s") for other in (WORKTREE, ARCHIVE)
    ] + [Goal(metric, to=other) for metric in ("whole_cpu_s", "changed_cpu_s") for other in (WORKTREE, ARCHIVE)]
    bench.report.figures(
        "checkout",
        f"A release of {FILES:,} files on {name}, and of the next commit, with {CHANGED} files changed; "
        f"medians of {bench.options.rounds}. Flushed: until all of it is on the disk",
        ["by", "whole, flushed", "before the flush", "CPU", "next, flushed", "before the flush", "CPU"], rows, found, left_out, goals)


def with_place(place, kind, body):
    """An empty file system each time: ext4 passes over the inodes of what was deleted in the last minutes, one by one."""
    at = place / "disk"
    at.mkdir()
    image = place / "image"
    try:
        if kind:
            with image.open("wb") as file:
                file.truncate(IMAGE_BYTES)
            subprocess.run([*MAKE[kind], str(image)], check=True, capture_output=True, timeout=120)
            subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True, capture_output=True, timeout=60)
        body(at)
    finally:
        if kind:
            subprocess.run(["umount", str(at)], capture_output=True, timeout=120)
            image.unlink(missing_ok=True)
        shutil.rmtree(at, ignore_errors=True)


def one_round(bench, place, at, number, found):
    root = at / "root"
    root.mkdir()
    builder = Builder(bench.program, bench.workspace.environment)
    try:
        builder.ask(prepareRoot={"root": str(root)})
        builder.ask(fetch={"root": str(root), "url": str(place / "source")})
        mirror = root / "repo.git"
        commits = [git(bench, mirror, "rev-parse", name) for name in ("main~1", "main")]
        ways = {
            OURS: lambda commit, to: builder.ask(checkout={"root": str(root), "number": to, "commit": commit}),
            WORKTREE: lambda commit, to: git(bench, mirror, "worktree", "add", "--quiet", "--detach", str(at / f"tree-{to}"), commit),
            ARCHIVE: lambda commit, to: archive(bench, mirror, commit, at / f"archive-{to}"),
        }
        for name in rotated(list(ways), number):
            values = {}
            for to, (metric, commit) in enumerate(zip(("whole", "changed"), commits), 1):
                values |= timed(at, builder, metric, lambda name=name, commit=commit, to=to: ways[name](commit, to))
            found.setdefault(name, []).append(Measurement(values))
    finally:
        builder.end()


def timed(at, builder, metric, work):
    os.sync()
    began, used = time.monotonic(), builder.cpu_seconds() + children_seconds()
    work()
    raw = time.monotonic() - began
    subprocess.run(["sync", "-f", str(at)], check=True, timeout=300)
    return {
        f"{metric}_s": time.monotonic() - began, f"{metric}_raw_s": raw,
        f"{metric}_cpu_s": builder.cpu_seconds() + children_seconds() - used}


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def git(bench, directory, *arguments):
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments], env=bench.workspace.environment, check=True, capture_output=True, text=True,
        timeout=300)
    return done.stdout.strip()


def archive(bench, mirror, commit, to):
    to.mkdir()
    giver = subprocess.Popen(
        ["git", "-C", str(mirror), "archive", commit], env=bench.workspace.environment, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(to)], stdin=giver.stdout, check=True, timeout=300)
    giver.stdout.close()
    if giver.wait(timeout=60) != 0:
        raise StepFailed("git archive failed")


def file_system(place):
    done = subprocess.run(["stat", "-f", "-c", "%T", str(place)], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


class Builder:
    """The release builder, asked as the core asks it: a JSON line, and events until the answer."""

    def __init__(self, program, environment):
        self.process = subprocess.Popen(
            [str(program), "_build-release"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            event = json.loads(line)
            if "error" in event:
                raise StepFailed(f"the release builder: {event['error']}")
            if "ok" in event:
                return
        raise StepFailed("the release builder ended")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def make_repository(workspace, path):
    """Two commits, the same at every run: sizes and depth as in a large project, in words as zlib finds them in a source."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], env=workspace.environment, check=True, timeout=60)
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(4000)]

    def text(size):
        lines, length = [], 0
        while length < size:
            lines.append(" ".join(chance.choices(words, k=10)) + "\n")
            length += len(lines[-1])
        return "".join(lines)[:size].encode()

    def name(number):
        return f"src/m{number // 20 % 50:02}/p{number // 20:04}/f{number}.txt"

    with subprocess.Popen(
        ["git", "-C", str(path), "fast-import", "--quiet"], env=workspace.environment, stdin=subprocess.PIPE) as process:
        feed = process.stdin
        for mark, changed in ((1, range(FILES)), (2, range(0, FILES, FILES // CHANGED))):
            feed.write(b"commit refs/heads/main\ncommitter Example <example@example.com> %d +0000\ndata 6\ncommit\n" % (1_700_000_000 + mark))
            for number in changed:
                content = text(min(int(chance.lognormvariate(7.8, 1.2)), 400_000))
                feed.write(f"M 100644 inline {name(number)}\ndata {len(content)}\n".encode() + content + b"\n")
        feed.close()
        if process.wait(timeout=300) != 0:
            raise StepFailed("the repository could not be made")
