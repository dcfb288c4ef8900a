"""Deploys again and again while clients of every kind ask, and counts what they noticed. scripts/soak runs it."""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import time
from pathlib import Path

# By path and not by PYTHONPATH, which the Python apps would inherit.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import plan
import report
from control import StepFailed
from soak import Soak


async def run(soak):
    """The first signal ends it, with its clean-up; a terminal's Ctrl-C comes as two, and none may disturb that."""
    loop, signals, task = asyncio.get_running_loop(), [], asyncio.current_task()

    def interrupt(number, frame):
        signals.append(number)
        if len(signals) == 1:
            loop.call_soon_threadsafe(task.cancel)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    await soak.run()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the passenger to run")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    soak = Soak(shutil.which(options.program) or options.program, options.count, seed)
    minutes = plan.estimate(soak.steps) / 60
    print(f"{options.count} deploys, seed {seed}; takes some {minutes:.0f} minutes" if minutes > 1.5
          else f"{options.count} deploys, seed {seed}; takes some {minutes * 60:.0f} seconds", flush=True)
    began = time.monotonic()
    try:
        asyncio.run(run(soak))
    except (StepFailed, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        print(soak.last_words(), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        soak.passenger.end()
        soak.workspace.remove()
    report.show(soak, time.monotonic() - began)
    return 1 if soak.account.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
