#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""ISA hygiene: wide-vector, SHA, BMI2 and ADX instructions stand only in the kernel files or
libraries named for them, so that the program starts on a processor without them. Reads a build folder with objdump."""
import pathlib
import re
import subprocess
import sys

RULES = [
    (re.compile(r"%zmm"), ("avx512", "ifma")),
    (re.compile(r"%ymm"), ("avx2", "avx512", "ifma")),
    (re.compile(r"\tsha256(rnds2|msg1|msg2)"), ("shani",)),
    (re.compile(r"\t(mulx|adcx|adox|rorx|shlx|shrx)\b"), ("mulx", "adx", "avx512", "ifma", "avx2")),
]


def problems(build):
    for obj in sorted((build / "src").glob("**/*.o")):
        if obj.name.endswith((".cpp.o", "_test.c.o", "_bench.c.o")):
            continue
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(obj)], capture_output=True, text=True).stdout
        for pattern, homes in RULES:
            hit = pattern.search(text)
            place = str(obj.relative_to(build))
            if hit and not any(home in place for home in homes):
                yield f"{place}: {hit.group(0).strip()} outside a kernel file or kernel library"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(1 if found else 0)
