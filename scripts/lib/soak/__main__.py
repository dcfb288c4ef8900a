"""Does again and again what is done to a server, while clients ask, and counts what they noticed. scripts/soak runs it."""

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

from control import StepFailed
from kills import Kills
from restarts import Restarts
from soak import Soak
from upgrades import Upgrades


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


def choose():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the passenger to run")
    parser.add_argument("count", type=int, nargs="?", help="deploys")
    parser.add_argument("--kill", type=int, help="kills of the core")
    parser.add_argument("--upgrade", type=int, help="upgrades under load")
    parser.add_argument("--restarts", type=int, help="touches of restart.txt")
    parser.add_argument("--reloads", type=int, help="with --restarts; a tenth of them")
    parser.add_argument("--upgrades", type=int, help="with --restarts; a fiftieth of them")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    program = shutil.which(options.program) or options.program
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    if options.kill:
        return Kills(program, options.kill, seed)
    if options.upgrade:
        return Upgrades(program, options.upgrade, seed)
    if options.restarts:
        reloads = options.restarts // 10 if options.reloads is None else options.reloads
        return Restarts(program, options.restarts, reloads, options.upgrades, seed)
    if options.count:
        return Soak(program, options.count, seed)
    parser.error("what is to be done?")


def main():
    soak = choose()
    minutes = soak.estimate / 60
    print(f"{soak.title}; takes some {minutes:.0f} minutes" if minutes > 1.5
          else f"{soak.title}; takes some {soak.estimate:.0f} seconds", flush=True)
    began = time.monotonic()
    try:
        asyncio.run(run(soak))
    except (StepFailed, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        print(soak.server.last_words(), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        soak.server.end()
    soak.show(time.monotonic() - began)
    return 1 if soak.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
