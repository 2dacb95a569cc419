#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every test that docs/faults.md says shows something is there: the file, and in it the case."""
import pathlib
import re
import sys

SHOWN_BY = 4  # column of the table
FILE = re.compile(r".*(_test\.c|_fuzz\.c|\.py)$")


def find(root, name):
    """The file a name means: under src/, in tests/e2e/, or from the root."""
    places = [root / "src" / name, root / "tests" / "e2e" / name, root / name]
    return next((p for p in places if p.is_file()), None)


def problems(root):
    for line in (root / "docs" / "faults.md").read_text().splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) <= SHOWN_BY or not cells[0].isdigit():
            continue
        text, name = "", None
        for quoted in re.findall(r"`([^`]+)`", cells[SHOWN_BY]):
            if FILE.match(quoted):
                path, name = find(root, quoted), quoted
                text = path.read_text() if path else ""
                if not path:
                    yield f"docs/faults.md: row {cells[0]}: there is no {quoted}"
            elif quoted.endswith("/"):
                if not (root / quoted).is_dir():
                    yield f"docs/faults.md: row {cells[0]}: there is no {quoted}"
            elif name and text and quoted not in text:
                yield f"docs/faults.md: row {cells[0]}: {name} has no case {quoted}"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(__file__).resolve().parent.parent))
    print("\n".join(found))
    sys.exit(1 if found else 0)
