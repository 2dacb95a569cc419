#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every header compiles by itself, has a guard named after its path and says what it is."""
import pathlib
import re
import subprocess
import sys


def problems(root, build):
    import json

    commands = json.loads((build / "compile_commands.json").read_text())
    extra = sorted({w for c in commands for w in c["command"].split() if w.startswith("-I") and ("blst" in w or "postgresql" in w)})
    extra = [f"-I{(build / w[2:]).resolve()}" for w in extra]
    for header in sorted(root.glob("src/**/*.h")):
        name = str(header.relative_to(root / "src"))
        text = header.read_text()
        guard = "SLK_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        short = "SLK_" + name.split("/")[0].upper() + "_" + header.stem.upper() + "_H"
        if f"#ifndef {guard}\n" not in text and f"#ifndef {short}\n" not in text:
            yield f"src/{name}: include guard should be {guard}"
        head = text.split("#ifndef", 1)[0]
        if head.count("/*") < 2:
            yield f"src/{name}: no comment saying what this header is"
        isa = ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512ifma"] if header.stem.endswith(("_ifma", "_zmm")) else []  # for kernel files alone
        result = subprocess.run(
            ["gcc", *isa, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c",
             f"-I{root / 'src'}", *extra, "-include", str(header), "/dev/null"],
            capture_output=True, text=True)
        if result.returncode:
            yield f"src/{name}: does not stand alone: {result.stderr.splitlines()[0] if result.stderr else ''}"


if __name__ == "__main__":
    top = pathlib.Path(__file__).resolve().parent.parent
    found = list(problems(top, pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(1 if found else 0)
