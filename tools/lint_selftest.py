#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The lints are tests, so they must be able to fail: each rule is broken once, in a small tree made for
it, and has to be named. Costs a second; needs gcc and binutils only."""
import pathlib
import subprocess
import sys
import tempfile

import lint_faults
import lint_headers
import lint_includes
import lint_isa
import lint_size
import lint_symbols
import lint_text

SPDX = "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n"
GUARD = "#ifndef SLK_BASE_X_H\n#define SLK_BASE_X_H\n{}#endif\n"


def tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def includes(folder, text, name="src/base/x.c"):
    tree(folder, {name: text, "src/seal/y.h": "", "src/seal/z_impl.h": "", "src/base/ok.h": ""})
    return lint_includes.problems(folder)


def headers(folder, text):
    build = tree(folder, {"src/base/x.h": text, "build/compile_commands.json": "[]"}) / "build"
    return lint_headers.problems(folder, build)


def size(folder, text):
    return lint_size.problems(tree(folder, {"src/base/x.c": text}))


def text(folder, body):
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return lint_text.problems(tree(folder, {"note.txt": body}))


def faults(folder, shown_by):
    table = f"| # | fault | how | what | shown by | not |\n|---|---|---|---|---|---|\n| 1 | a | b | \\|t\\| | {shown_by} | |\n"
    return lint_faults.problems(tree(folder, {"docs/faults.md": table, "src/base/x_test.c": "static void it_works(void)"}))


def compiled(folder, code, member):
    """An object as meson leaves it, alone and in a library."""
    build = tree(folder, {"x.c": code}) / "build"
    obj = build / "src" / "base" / "libslk_base.a.p" / member
    obj.parent.mkdir(parents=True)
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-w", "-c", str(folder / "x.c"), "-o", str(obj)], check=True)
    subprocess.run(["ar", "rc", str(build / "src" / "base" / "libslk_base.a"), str(obj)], check=True)
    return build


def symbols(folder, code, member="x.c.o"):
    return lint_symbols.problems(compiled(folder, code, member))


def isa(folder, code, member="x.c.o"):
    return lint_isa.problems(compiled(folder, code, member))


def lines(n, line):
    return SPDX + "int f(int a)\n{\n" + line * n + "    return a;\n}\n"


# (rule, broken input, a word of the complaint; None: it has to pass)
CASES = [
    (includes, '#include "seal/y.h"\n', "may not include"),
    (includes, '#include "base/absent.h"\n', "not a path"),
    (includes, "#include <sqlite3.h>\n", "does not belong"),
    (includes, "#include <cmocka.h>\n", "is for tests"),
    (lambda f, t: includes(f, t, "src/remote/x.c"), '#include "seal/z_impl.h"\n', "private"),
    (includes, '#include "base/ok.h"\n', None),
    (headers, SPDX + "/* What. */\n#ifndef OTHER_H\n#define OTHER_H\n#endif\n", "include guard"),
    (headers, SPDX + GUARD.format(""), "no comment"),
    (headers, SPDX + "/* What. */\n" + GUARD.format("unknown_type x;\n"), "does not stand alone"),
    (headers, SPDX + "/* What. */\n" + GUARD.format("int slk_x(void);\n"), None),
    (size, "int x;\n", "no SPDX"),
    (size, SPDX + "\n" * 800, "801 lines"),
    (size, lines(60, "    a++;\n"), "has 6"),
    (size, lines(16, "    if (a) a++;\n"), "complexity"),
    (size, lines(2, "    if (a) a++;\n"), None),
    (text, "see /" + "work/x\n", "path of one machine"),
    (text, "from crates" + ".io\n", "package registry"),
    (text, "// TO" + "DO later\n", "issue number"),
    (text, "#if" + " 0\n", "switched off"),
    (text, "x" * ((1 << 20) + 1), "megabyte"),
    (text, "nothing here\n", None),
    (faults, "`base/y_test.c`: `it_works`", "there is no base/y_test.c"),
    (faults, "`base/x_test.c`: `it_fails`", "has no case it_fails"),
    (faults, "`base/x_test.c`, `fuzz/`", "there is no fuzz/"),
    (faults, "`base/x_test.c`: `it_works`", None),
    (symbols, "int other_name(void) { return 1; }\n", "without the prefix"),
    (symbols, "static int count; int slk_f(void) { return ++count; }\n", "mutable"),
    (symbols, "int slk_count = 3;\n", "mutable"),
    (symbols, "int system(const char *); int slk_f(void) { return system(0); }\n", "banned call"),
    (symbols, "#include <stdlib.h>\nvoid *slk_f(void) { return malloc(3); }\n", "use slk_alloc"),
    (symbols, "static const int t[2] = {1, 2}; int slk_f(int i) { return t[i]; }\n", None),
    (isa, 'void slk_f(void) { __asm__("vpxorq %%zmm0, %%zmm0, %%zmm0" ::); }\n', "zmm"),
    (isa, 'void slk_f(void) { __asm__("vpxor %%ymm0, %%ymm0, %%ymm0" ::); }\n', "ymm"),
    (isa, 'void slk_f(void) { __asm__("sha256msg1 %%xmm0, %%xmm1" ::); }\n', "sha256"),
    (isa, 'void slk_f(void) { __asm__("mulx %%rax, %%rax, %%rbx" ::); }\n', "mulx"),
    (lambda f, c: isa(f, c, "x_shani.c.o"), 'void slk_f(void) { __asm__("sha256msg1 %%xmm0, %%xmm1" ::); }\n', None),
]


def problems():
    for number, (rule, broken, word) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            found = list(rule(pathlib.Path(folder), broken))
        if word is None and found:
            yield f"case {number}: complains about what is allowed: {found}"
        elif word is not None and not any(word in f for f in found):
            yield f"case {number}: does not see what should be \"{word}\": {found}"


if __name__ == "__main__":
    wrong = list(problems())
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
