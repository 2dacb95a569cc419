#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# tools/fuzz.sh NAME [SECONDS [LIBFUZZER-OPTION...]]
# Lets libFuzzer search with the target fuzz/NAME_fuzz.c, starting from fuzz/corpus/NAME. What it
# finds new goes to build-fuzz/found/NAME, a failing input to build-fuzz/crash-NAME-*.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?usage: tools/fuzz.sh NAME [SECONDS [LIBFUZZER-OPTION...]]}
seconds=${2:-60}
shift; [ $# -eq 0 ] || shift
for tool in clang-14 clang++-14; do
  command -v "$tool" >/dev/null || { echo "$tool is needed (Debian: clang-14)" >&2; exit 1; }
done
if [ ! -f build-fuzz/build.ninja ]; then
  CC=clang-14 CXX=clang++-14 meson setup build-fuzz -Dwerror=false -Dwarning_level=0 -Db_lundef=false \
    -Db_sanitize=address,undefined -Db_pie=false \
    -Dc_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=all -Wno-everything' \
    -Dcpp_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=all -Wno-everything'
fi
ninja -C build-fuzz "fuzz/${name}_fuzz"
mkdir -p "build-fuzz/found/$name"
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec "build-fuzz/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 \
  -print_final_stats=1 -artifact_prefix="build-fuzz/crash-$name-" "$@" "build-fuzz/found/$name" "fuzz/corpus/$name"
