#!/usr/bin/env python3
"""Writes functions.txt beside this: the functions that a server calls as it starts, serves and deploys. README.md says what for.

usage: record.py PROGRAM    an installed release (`scripts/install --prefix DIR`, then DIR/bin/passenger), not stripped
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "bench")]

from contenders import fetch
from control import Passenger, StepFailed, Workspace, is_running
from deploys import operate, prepare

REQUESTS = 300


def build(place):
    library = place / "calls.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(HERE / "calls.c")], check=True, timeout=60)
    library.chmod(0o755)
    return library


def exercise(program):
    """The files that the processes have written. A server is started, asked, looked at, deployed to, restarted and stopped."""
    workspace = Workspace("link-order")
    passenger = Passenger(program, workspace)
    calls = workspace.path / "calls"
    calls.mkdir()
    # The core gives up its rights.
    calls.chmod(0o1777)
    plain = workspace.environment
    try:
        prepare(workspace, "ruby", 2)
        root = str(workspace.root)
        operate(passenger, "deploy", "v0", "--root", root, "--repo", str(workspace.repository))
        # Only the server's processes: what the command line calls is gone when it has ended.
        workspace.environment = plain | {
            "LD_PRELOAD": str(build(workspace.path)), "CALLS_DIRECTORY": str(calls), "CALLS_PROGRAM": str(Path(program).resolve())}
        port = passenger.start(root, "--instance-name", "link-order")
        workspace.environment = plain
        # What is read only once everything is quiet.
        time.sleep(2)
        server = passenger.status(root)["server"]
        for _ in range(REQUESTS):
            if fetch(f"http://127.0.0.1:{port}/")[0] != 200:
                raise StepFailed("the app did not answer")
        operate(passenger, "deploys", "attach", "1", "--root", root)
        operate(passenger, "deploy", "v1", "--root", root)
        operate(passenger, "rollback", "--root", root)
        passenger.run("restart", "--root", root)
        passenger.run("metrics", "--root", root)
        # Those that stay for as long as the server does.
        files = {int(path.name): path.read_bytes() for path in calls.iterdir() if is_running(int(path.name))}
        passenger.stop(root)
        if not {server["core_pid"], server["supervisor_pid"]} <= files.keys():
            raise StepFailed("the library did not reach the server")
        return files.values()
    finally:
        passenger.end()
        shutil.rmtree(calls, ignore_errors=True)
        workspace.remove()


def names_of(program, addresses):
    """Each function's name. Of several at one address any will do: they are in one section."""
    symbols = subprocess.run(["nm", "--defined-only", program], check=True, capture_output=True, text=True).stdout
    names = {}
    for line in symbols.splitlines():
        address, kind, name = line.split(maxsplit=2)
        if kind in "tTwW" and int(address, 16) in addresses:
            names.setdefault(int(address, 16), name)
    return names.values()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    program = os.path.abspath(sys.argv[1])
    addresses = set()
    for data in exercise(program):
        addresses |= {int.from_bytes(data[place:place + 8], "little") for place in range(0, len(data) // 8 * 8, 8)}
    # By name, so that another recording changes few lines. What is in the same pages matters, not in which order.
    names = sorted(set(names_of(program, addresses)))
    (HERE / "functions.txt").write_text("".join(f"{name}\n" for name in names))
    print(f"{len(names)} functions of {len(addresses)} addresses")


if __name__ == "__main__":
    main()
