"""The end of scripts/test: what failed, a table of the stages from their results, and the counts. Exits with 1 when one failed."""

import json
import sys
from pathlib import Path

from control import table

stages = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
rows = [
    (stage["name"], f"{stage['seconds']:.0f} s", stage["passed"], stage["failed"], stage["reason"] or "ok")
    for stage in stages
]
for stage in stages:
    if stage["reason"]:
        print(f"\n=== {stage['name']}: {stage['reason']}", *stage["trouble"], sep="\n")
print()
print("\n".join(table(["stage", "time", "passed", "failed", "result"], rows)))
print(f"\n{sum(s['passed'] for s in stages)} passed, {sum(s['failed'] for s in stages)} failed")
sys.exit(any(stage["reason"] for stage in stages))
