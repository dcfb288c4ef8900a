"""Whether the tests that Tests/PITFALLS.md names are there."""

import re
import sys
from pathlib import Path

tests = Path(__file__).resolve().parents[2] / "Tests"
missing, count = [], 0
for line in (tests / "PITFALLS.md").read_text().splitlines():
    if not line.startswith("| ") or line.startswith("| what happens"):
        continue
    names = re.findall(r"`(\w+/\w+) ([^`]+)`", line)
    if not names:
        missing.append(f"no test: {line}")
    for suite, name in names:
        count += 1
        file = tests / f"{suite}.swift"
        if not file.exists() or not re.search(rf"func `?{re.escape(name)}`?\(", file.read_text()):
            missing.append(f"no such test: {suite} {name}")
for text in missing:
    print(f"Tests/PITFALLS.md: {text}", file=sys.stderr)
sys.exit(bool(missing) or not count)
