#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Puts the files of the page into a C source: embed.py OUTPUT FILE... The same input gives the same
output; each file is kept as it is and compressed."""
import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def array(name, content):
    rows = [", ".join(str(b) for b in content[at:at + 32]) for at in range(0, len(content), 32)]
    return f"static const uint8_t {name}[] = {{\n    " + ",\n    ".join(rows) + "};\n"


def main():
    output, *inputs = map(pathlib.Path, sys.argv[1:])
    text = ['#include "page/files_impl.h"\n']
    table = []
    for number, path in enumerate(inputs):
        content = path.read_bytes()
        packed = gzip.compress(content, 9, mtime=0)
        tag = hashlib.sha256(content).hexdigest()[:24]
        text += [array(f"plain_{number}", content), array(f"gzip_{number}", packed)]
        table.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{tag}\\"", plain_{number}, sizeof plain_{number}, '
                     f"gzip_{number}, sizeof gzip_{number}}},\n")
    text.append("const slk_page_file slk_page_files[] = {\n" + "".join(table) + "    {NULL, NULL, NULL, NULL, 0, NULL, 0},\n};\n")
    output.write_text("\n".join(text))


if __name__ == "__main__":
    main()
