#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Budgets: files up to 800 lines, functions up to 60 lines and cyclomatic complexity 15 (pmccabe),
an SPDX line in every source. Generated files (*_gen.c) and tests' main tables are exempt."""
import pathlib
import re
import subprocess
import sys

FILE_LINES, FUNCTION_LINES, COMPLEXITY = 800, 60, 15


def problems(root):
    sources = sorted([*root.glob("src/**/*.c"), *root.glob("src/**/*.h"), *root.glob("src/**/*.cpp"),
                      *root.glob("tests/**/*.c"), *root.glob("fuzz/*.c"), *root.glob("bench/*.c")])
    sources = [s for s in sources if not s.stem.endswith("_gen")]
    for path in sources:
        name = path.relative_to(root)
        lines = path.read_text().splitlines()
        if not lines or "SPDX-License-Identifier: MIT OR Apache-2.0" not in lines[0]:
            yield f"{name}:1: no SPDX line"
        if len(lines) > FILE_LINES and not path.stem.endswith("_test"):
            yield f"{name}: {len(lines)} lines, the budget is {FILE_LINES}"
    code = [str(s) for s in sources if s.suffix == ".c"]
    report = subprocess.run(["pmccabe", *code], capture_output=True, text=True).stdout
    for line in report.splitlines():
        fields = line.split("\t")
        match = re.fullmatch(r"(.*)\((\d+)\): (.*)", fields[-1])
        if len(fields) != 6 or not match:
            yield f"pmccabe says what this lint cannot read: {line}"
            continue
        complexity, lines, path, name = int(fields[0]), int(fields[4]), match.group(1), match.group(3)
        where = f"{pathlib.Path(path).relative_to(root)}:{match.group(2)}"
        if path.endswith("_test.c"):
            continue
        if complexity > COMPLEXITY:
            yield f"{where}: {name} has complexity {complexity}, the budget is {COMPLEXITY}"
        if lines > FUNCTION_LINES:
            yield f"{where}: {name} has {lines} lines, the budget is {FUNCTION_LINES}"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(__file__).resolve().parent.parent))
    print("\n".join(found))
    sys.exit(1 if found else 0)
