#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Layering: which src/ folder may include which. The table is that of ARCHITECTURE.md."""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "base": "",
    "crypto": "base",
    "codec": "base",
    "db": "base",
    "fil": "base crypto codec",
    "lotus": "base codec fil",
    "net": "base codec crypto",
    "proofs": "base crypto codec fil",
    "chain": "base codec fil net",
    "devnet": "base crypto codec fil net rpc chain",
    "transfer": "base codec crypto fil net",
    "store": "base crypto codec fil net transfer lotus",
    "rpc": "base codec net",
    "worker": "base codec fil db net rpc lotus store",
    "seal": "base codec fil db",
    "farm": "base codec fil db net rpc lotus store seal",
    "service": "base codec fil db net seal",
    "remote": "base crypto codec fil net db seal transfer",
    "shop": "base codec db net seal service remote",
    "buying": "base codec db net seal service remote",
    "access": "base codec db net",
    "monitor": "base codec db net seal remote access",
    "page": "base codec db net seal remote access monitor",
    "app": "base crypto codec db fil lotus net proofs chain devnet transfer store worker seal remote access monitor page rpc farm service shop buying",
}
# Third-party headers stay behind one folder each.
THIRD_PARTY = {
    "blst.h": {"crypto", "devnet", "proofs"},
    "hwloc.h": {"base"},
    "liburing.h": {"base"},
    "jansson.h": {"codec", "fil", "chain", "devnet", "remote", "app", "net", "seal", "access", "page", "monitor", "lotus", "store", "rpc", "farm", "worker", "service", "shop", "buying"},
    "sqlite3.h": {"db"},
    "libpq-fe.h": {"db"},
    "curl/curl.h": {"net"},
    "microhttpd.h": {"net"},
    "jwt.h": {"net"},
    "gnutls/gnutls.h": {"net"},
    "gnutls/abstract.h": {"net"},
    "gnutls/crypto.h": {"net"},
    "gnutls/x509.h": {"net"},
    "toml++/toml.h": {"codec"},
    "zlib.h": {"app"},
}
TEST_ONLY = {"cmocka.h"}


def problems(root):
    include = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
    for path in sorted(root.glob("src/**/*.[ch]")) + sorted(root.glob("src/**/*.cpp")):
        folder = path.relative_to(root / "src").parts[0]
        is_test = path.stem.endswith(("_test", "_bench"))
        allowed = {folder, *MAY_INCLUDE[folder].split()}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = include.match(line)
            if not match:
                continue
            where = f"{path.relative_to(root)}:{number}"
            name = match.group(2)
            if match.group(1) == "<":
                if name in THIRD_PARTY and folder not in THIRD_PARTY[name] and not is_test:
                    yield f"{where}: <{name}> does not belong in src/{folder}/"
                if name in TEST_ONLY and not is_test:
                    yield f"{where}: <{name}> is for tests"
                continue
            if not (root / "src" / name).exists():
                if is_test and (root / "tests" / "support" / pathlib.Path(name).name).exists():
                    continue
                yield f'{where}: "{name}" is not a path from src/'
                continue
            target = name.split("/")[0]
            if target not in allowed and not is_test:
                yield f"{where}: src/{folder}/ may not include {target}/ (see ARCHITECTURE.md)"
            if name.endswith("_impl.h") and target != folder:
                yield f"{where}: {name} is private to src/{target}/"


def table_matches_document(root):
    text = (root / "ARCHITECTURE.md").read_text()
    for folder, allowed in MAY_INCLUDE.items():
        row = re.search(rf"^\| `{folder}/` \|.*\| ([^|]*) \|$", text, re.M)
        if not row:
            yield f"ARCHITECTURE.md: no row for src/{folder}/"
            continue
        stated = {w for w in re.findall(r"[a-z]+", row.group(1)) if w in MAY_INCLUDE}
        if folder != "app" and stated != set(allowed.split()):
            yield f"ARCHITECTURE.md: row {folder}/ says {sorted(stated)}, the lint {sorted(allowed.split())}"


if __name__ == "__main__":
    base = pathlib.Path(__file__).resolve().parent.parent
    found = list(problems(base)) + list(table_matches_document(base))
    print("\n".join(found))
    sys.exit(1 if found else 0)
