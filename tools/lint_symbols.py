#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the libraries export, keep and call: names carry the prefix, no mutable file-scope data but
the log sink, none of the banned calls. Reads the static libraries of a build folder with nm."""
import pathlib
import re
import subprocess
import sys

BANNED = set(
    "sprintf vsprintf strcpy strcat strncpy strncat gets atoi atol atoll strtok tmpnam mktemp tempnam "
    "gmtime localtime ctime asctime alloca system popen rand srand random drand48 "
    "signal gethostbyname inet_ntoa strerror".split()
)
MUTABLE_ALLOWED = {("base", "log.c.o", "sink")}
HEAP = {"malloc", "calloc", "realloc", "free", "strdup"}


def objects(build):
    for library in sorted((build / "src").glob("**/libslk_*.a")):
        folder = library.relative_to(build / "src").parts[0]
        text = subprocess.run(["nm", "-f", "posix", str(library)], capture_output=True, text=True, check=True).stdout
        member = ""
        for line in text.splitlines():
            header = re.match(r".*\[(.*)\]:$", line)
            if header:
                member = header.group(1)
                continue
            parts = line.split()
            if len(parts) >= 2:
                yield folder, member, parts[0], parts[1]


def problems(build):
    for folder, member, name, kind in objects(build):
        where = f"{folder}/{member}: {name}"
        bare = name.split("@")[0].replace("__isoc99_", "")
        if kind == "U" and bare in BANNED:
            yield f"{where}: banned call"
        if kind == "U" and bare in HEAP and member not in ("mem.c.o",) and not member.endswith(".cpp.o"):
            yield f"{where}: use slk_alloc/slk_free of base/mem.h"
        if member.endswith(".cpp.o"):
            continue
        if kind in "dDbBC" and (folder, member, name.split(".")[0]) not in MUTABLE_ALLOWED:
            if name.startswith((".", "__", "_")) or ".cold" in name:
                continue
            yield f"{where}: mutable file-scope data"
        if kind in "TDRBV" and not name.startswith("slk_") and name != "main" and not name.startswith("_"):
            yield f"{where}: exported without the prefix slk_"


if __name__ == "__main__":
    found = sorted(set(problems(pathlib.Path(sys.argv[1]))))
    print("\n".join(found))
    sys.exit(1 if found else 0)
