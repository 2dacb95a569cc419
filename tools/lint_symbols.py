#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the libraries export, keep and call: names carry the prefix, no mutable file-scope data but
the log sink and a mark of each thread, none of the banned calls. Reads the static libraries of a build
folder with nm."""
import pathlib
import re
import subprocess
import sys

BANNED = set(
    "sprintf vsprintf strcpy strcat strncpy strncat gets atoi atol atoll strtok tmpnam mktemp tempnam "
    "gmtime localtime ctime asctime alloca system popen rand srand random drand48 "
    "signal gethostbyname inet_ntoa strerror".split()
)
MUTABLE_ALLOWED = {("base", "log.c.o", "sink"), ("codec", "json.c.o", "lacked")}
HEAP = {"malloc", "calloc", "realloc", "free", "strdup"}
# jansson and libjwt hand out memory that only free() takes back.
FREE_ALLOWED_WITH = {"json_dumps", "jwt_encode_str"}


def objects(build):
    """(folder, member, symbols) per object of our static libraries; a symbol is name, kind, section."""
    for library in sorted((build / "src").glob("**/libslk_*.a")):
        folder = library.relative_to(build / "src").parts[0]
        text = subprocess.run(["nm", "-f", "sysv", str(library)], capture_output=True, text=True, check=True).stdout
        member, symbols = "", []
        for line in text.splitlines():
            header = re.match(r"(?:Undefined symbols|Symbols) from .*\[(.*)\]:$", line)
            if header:
                if symbols:
                    yield folder, member, symbols
                member, symbols = pathlib.Path(header.group(1)).name, []
            fields = [f.strip() for f in line.split("|")]
            if len(fields) == 7 and fields[0] != "Name":
                symbols.append((fields[0].split("@")[0], fields[2], fields[6]))
        if symbols:
            yield folder, member, symbols


def judge(folder, member, symbols):
    names = {s[0] for s in symbols}
    for name, kind, section in symbols:
        if kind == "U":
            if name.replace("__isoc99_", "") in BANNED:
                yield f"{name}: banned call"
            if name in HEAP and member != "mem.c.o" and not (name == "free" and FREE_ALLOWED_WITH & names):
                yield f"{name}: use slk_alloc/slk_free of base/mem.h"
            continue
        mutable = section.startswith((".data", ".bss", ".tdata", ".tbss")) and not section.startswith(".data.rel.ro")
        if (mutable or kind == "C") and (folder, member, name) not in MUTABLE_ALLOWED and name != section:
            yield f"{name}: mutable file-scope data"
        if kind in "TDRBVC" and not name.startswith("slk_"):
            yield f"{name}: exported without the prefix slk_"


def problems(build):
    for folder, member, symbols in objects(build):
        if member.endswith(".cpp.o"):
            continue
        for what in judge(folder, member, symbols):
            yield f"{folder}/{member}: {what}"


if __name__ == "__main__":
    found = sorted(set(problems(pathlib.Path(sys.argv[1]))))
    print("\n".join(found))
    sys.exit(1 if found else 0)
