#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What must not be in the repository: machine paths, registry hosts, to-do notes without a number,
dead code behind #if 0, binaries of more than a megabyte."""
import pathlib
import re
import subprocess
import sys

PATTERNS = [
    (re.compile(r"(?<![\w.])/(work|root|home/\w+)/"), "a path of one machine"),
    (re.compile(r"(crates|npmjs|pypi|golang|proxy\.golang|pythonhosted)\.(io|org|com)\b"), "a package registry's host"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))"), "a to-do without an issue number"),
    (re.compile(r"^\s*#\s*if 0\b", re.M), "code switched off"),
]


def problems(root):
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True)
    for name in listing.stdout.splitlines():
        path = root / name
        if not path.is_file():
            continue
        if path.stat().st_size > 1 << 20:
            yield f"{name}: larger than a megabyte"
            continue
        if name.startswith(("tests/vectors/", "fuzz/corpus/")) or name == "tools/lint_text.py":
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for pattern, what in PATTERNS:
            for hit in pattern.finditer(text):
                line = text.count("\n", 0, hit.start()) + 1
                yield f"{name}:{line}: {what}: {hit.group(0)}"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(__file__).resolve().parent.parent))
    print("\n".join(found))
    sys.exit(1 if found else 0)
