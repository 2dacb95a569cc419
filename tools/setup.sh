# SPDX-License-Identifier: MIT OR Apache-2.0
# Sourced by ./quickstart and ./check: brings a Debian 12 (or 13) machine to where it can build.
# SELKIE_NO_APT=1 never installs anything, it only says what is missing.
# shellcheck shell=bash

SELKIE_BUILD_PACKAGES="ca-certificates gcc g++ libc6-dev meson ninja-build pkg-config python3
  zlib1g-dev libjansson-dev libsqlite3-dev libpq-dev libcurl4-openssl-dev libmicrohttpd-dev libgnutls28-dev libjwt-dev
  libtomlplusplus-dev liburing-dev libhwloc-dev libcmocka-dev"
SELKIE_CHECK_PACKAGES="clang-format-14 clang-14 libclang-rt-14-dev pmccabe binutils curl zstd zsh fish
  postgresql prometheus
  chromium chromium-driver python3-selenium python3-yaml"

selkie_install() { # selkie_install PACKAGE...: installs those that are missing
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local run=(apt-get install -y --no-install-recommends "${missing[@]}") sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    if [ -n "${SELKIE_NO_APT:-}" ]; then
        echo "missing packages; run: ${sudo[*]} ${run[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${sudo[@]}" "${run[@]}" >/dev/null 2>&1 ||
        { "${sudo[@]}" apt-get update >/dev/null && "${sudo[@]}" "${run[@]}" >/dev/null; } ||
        { echo "could not install them; run by hand: ${sudo[*]} ${run[*]}" >&2; return 1; }
}

# blst 0.3.17 (curve arithmetic) is the one source that Debian does not package. It comes as the
# crate or the Go module of that version, each checked against its pinned digest.
SELKIE_BLST_CRATE_SHA256=c20659f9bbee16cbbd2f7393e40ab6309f5a98f76a2eb57a995ec508b72387fe
SELKIE_BLST_MODULE_SUM='h1:OyduggShfN3CWEDdrqChEUZyt1iIsVAFApTKSzqoxAo='

selkie_blst() { # selkie_blst ROOT
    local archive=$1/subprojects/packagefiles/blst-0.3.17.tar.gz folder=$1/subprojects/blst-0.3.17
    [ -f "$folder/meson.build" ] && return 0
    if [ -f "$archive" ] || selkie_blst_crate "$archive"; then
        echo "$SELKIE_BLST_CRATE_SHA256  $archive" | sha256sum --quiet -c - && return 0
        rm -f "$archive"
    fi
    selkie_blst_module "$folder" ||
        { echo "cannot fetch blst 0.3.17: see docs/building.md, 'without a network'" >&2; return 1; }
    cp "$1/subprojects/packagefiles/blst/meson.build" "$folder/"
}

selkie_blst_crate() { # into the archive $1, by cargo, if there is a cargo that can
    command -v cargo >/dev/null || return 1
    local work status=1
    work=$(mktemp -d)
    mkdir -p "$work/src"
    touch "$work/src/lib.rs"
    printf '[package]\nname="fetch"\nversion="0.0.0"\nedition="2021"\n[dependencies]\nblst="=0.3.17"\n' \
        >"$work/Cargo.toml"
    if (cd "$work" && CARGO_HOME="$work/home" timeout 120 cargo fetch -q 2>/dev/null); then
        find "$work/home" -name 'blst-0.3.17.crate' -exec cp {} "$1" \; && [ -f "$1" ] && status=0
    fi
    rm -rf "$work"
    return $status
}

selkie_blst_module() { # into the folder $1, by go
    command -v go >/dev/null || selkie_install golang-go || return 1
    local work answer
    work=$(mktemp -d)
    answer=$(cd "$work" && GOFLAGS='-mod=mod -modcacherw' GOMODCACHE="$work/cache" \
        timeout 300 go mod download -json github.com/supranational/blst@v0.3.17) || return 1
    grep -qF "\"$SELKIE_BLST_MODULE_SUM\"" <<<"$answer" || return 1
    mkdir -p "$1.tmp/blst"
    cp -r "$work"/cache/github.com/supranational/blst@v0.3.17/{src,build,bindings} "$1.tmp/blst/"
    rm -rf "$work"
    mv "$1.tmp" "$1"
}

# axe-core looks for what makes the page hard to use; only tests need it. Pinned by the registry's own
# digest of the package, which tests/e2e/page_test.py checks.
selkie_axe() { # selkie_axe ROOT: into ROOT/build/axe-core.tgz, by npm
    local work
    [ -f "$1/build/axe-core.tgz" ] && return 0
    command -v npm >/dev/null || selkie_install npm || return 1
    work=$(mktemp -d)
    mkdir -p "$1/build"
    (cd "$work" && timeout 120 npm pack --silent axe-core@4.10.2 >/dev/null 2>&1) &&
        mv "$work/axe-core-4.10.2.tgz" "$1/build/axe-core.tgz"
    rm -rf "$work"
    [ -f "$1/build/axe-core.tgz" ] || echo "could not fetch axe-core; the page's test leaves it out" >&2
}

# Proxies that tests put in front of a node; what is not to be had is left out. They are wanted as
# programs: where installing one has started a service, it is ended.
selkie_proxies() {
    local package program found=() sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    for package in nginx-light haproxy caddy; do
        program=${package%-light}
        PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null && continue
        apt-cache show "$package" >/dev/null 2>&1 || { echo "no package $package: tests behind it are left out" >&2; continue; }
        selkie_install "$package" && found+=("$program")
    done
    if [ ${#found[@]} -gt 0 ] && [ -d /run/systemd/system ]; then
        "${sudo[@]}" systemctl disable --now "${found[@]}" >/dev/null 2>&1
    fi
}

# A library that tells programs a false time, for a test that is left out without it.
selkie_faketime() {
    apt-cache show libfaketime >/dev/null 2>&1 || { echo "no package libfaketime: the test of false clocks is left out" >&2; return 1; }
    selkie_install libfaketime
}

selkie_setup() { # selkie_setup ROOT [check]
    # shellcheck disable=SC2086
    selkie_install $SELKIE_BUILD_PACKAGES || return 1
    # shellcheck disable=SC2086
    [ "${2:-}" != check ] || selkie_install $SELKIE_CHECK_PACKAGES || return 1
    [ "${2:-}" != check ] || selkie_axe "$1" || true
    [ "${2:-}" != check ] || selkie_proxies || true
    [ "${2:-}" != check ] || selkie_faketime || true
    selkie_blst "$1"
}
