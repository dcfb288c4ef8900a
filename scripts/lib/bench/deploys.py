"""Times of deploys: from the command to the switch, the switch itself, a rollback to a warm standby."""

import shutil
import time

from contenders import HELLO
from control import Passenger, StepFailed, Workspace, milliseconds
from measure import Measurement, middle

LANGUAGES = ("ruby", "python", "node")


def measure(bench):
    found, left_out, rows = {}, {}, []
    for language in LANGUAGES:
        try:
            found[language] = deploys_of(bench.program, language, bench.options.rounds)
        except (StepFailed, OSError) as problem:
            left_out[language] = str(problem)
    for language, measurements in found.items():
        values = middle([some.values for some in measurements])
        rows.append((language, *map(milliseconds, (
            values["deploy_ms"], values["server_ms"], values["switch_ms"], values["rollback_ms"], values["rollback_switch_ms"]))))
    bench.report.figures(
        "deploy", f"Deploys of an app of ten files, two workers, no other load; medians of {bench.options.rounds}",
        ["app", "command to switched", "of that, in the server", "the switch itself",
         "rollback: command to switched", "the switch itself"], rows, found, left_out, [])


def deploys_of(program, language, count):
    """Deploys a new commit and goes back to the first, again and again."""
    workspace = Workspace("bench")
    passenger = Passenger(program, workspace)
    try:
        root = str(workspace.root)
        prepare(workspace, language, count)
        operate(passenger, "deploy", "v0", "--root", root, "--repo", str(workspace.repository))
        passenger.start(root, "--instance-name", "bench")
        operate(passenger, "deploys", "attach", "1", "--root", root)
        found = []
        for number in range(1, count + 1):
            command, server, switch = operate(passenger, "deploy", f"v{number}", "--root", root)
            back, _, back_switch = operate(passenger, "rollback", "--root", root)
            found.append(Measurement({
                "deploy_ms": command, "server_ms": server, "switch_ms": switch, "rollback_ms": back,
                "rollback_switch_ms": back_switch}))
        passenger.stop(root)
        return found
    finally:
        passenger.end()
        workspace.remove()


def prepare(workspace, language, count):
    """A repository with a tag for each deploy."""
    workspace.repository.mkdir()
    workspace.root.mkdir()
    shutil.copytree(HELLO / language, workspace.repository, dirs_exist_ok=True)
    (workspace.repository / "Passengerfile.yml").write_text("min_instances: 2\ndeploy:\n  bake: 1s\n")
    for number in range(8):
        (workspace.repository / f"file-{number}.txt").write_text(f"{number}\n" * 500)
    workspace.git("init", "--quiet", "--initial-branch=main")
    for number in range(count + 1):
        (workspace.repository / "file-0.txt").write_text(f"version {number}\n")
        workspace.git("add", ".")
        workspace.git("commit", "--quiet", "--message", f"Version {number}")
        workspace.git("tag", f"v{number}")
    workspace.give_away(workspace.repository, workspace.root)


def operate(passenger, *arguments):
    """Milliseconds from the command to the switch, of the steps until then, and of the switch."""
    steps, is_switched = 0.0, False

    def seen(event):
        nonlocal steps, is_switched
        is_switched = is_switched or event.get("event") == "switched"
        if event.get("event") == "step_finished" and not is_switched:
            steps += event["seconds"] * 1e3

    began = time.monotonic()
    code, result, switched = passenger.operate(*arguments, seen=seen)
    if code != 0:
        raise StepFailed(f"`passenger {' '.join(arguments)}` failed: {result}")
    return ((switched or began) - began) * 1e3, steps, result.get("switch_milliseconds") or 0.0
