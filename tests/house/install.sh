#!/usr/bin/env bash
# What `make install` leaves is enough: a program outside the tree builds with pkg-config and runs.
# `make test` has installed into $BUILD/stage.
set -u
. tests/house/report.bash
: "${BUILD:=build}" "${CXX:=g++}"
stage=$(realpath "$BUILD/stage")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PKG_CONFIG_PATH=$stage/lib/pkgconfig

# Ten lines that train nothing, but use a device, its memory and a kernel.
cat > "$scratch/outside.cpp" <<'PROGRAM'
#include <cstdio>
#include "kernels/device/backend.h"
#include "kernels/device/device.h"
int main() {
  auto device = understudy::cpu_device(nullptr, understudy::best_instruction_set());
  float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1}, c[4];
  understudy::Gemm<float> product{.m = 2, .n = 2, .k = 3, .a = a, .b = b, .c = c,
                                  .lda = 3, .ldb = 2, .ldc = 2};
  device->kernels_f32().gemm.gemm(device->stream(), product);
  std::printf("%g %g %g %g\n", c[0], c[1], c[2], c[3]);
}
PROGRAM
(
  cd "$scratch" || exit 1
  $CXX $(pkg-config --cflags understudy) outside.cpp $(pkg-config --libs understudy) -o outside
) > "$scratch/log" 2>&1
hold "a program outside builds with pkg-config" "$(ended $? "$scratch/log")"
printed=$("$scratch/outside" 2>&1)
hold "and runs" "$([ "$printed" = "4 5 10 11" ] || echo "printed \"$printed\", not 4 5 10 11")"

# The README's small program learns: its error falls below a hundredth of the actions' variance.
cp docs/examples/clone.cpp "$scratch/"
(
  cd "$scratch" || exit 1
  $CXX $(pkg-config --cflags understudy) clone.cpp $(pkg-config --libs understudy) -o clone
) > "$scratch/log" 2>&1
hold "the README's program builds outside" "$(ended $? "$scratch/log")"
printed=$("$scratch/clone" 2>&1)
hold "and learns" "$(
  echo "$printed" | awk '$NF + 0 < 4e-3 && $NF + 0 > 0 {good = 1} END {exit !good}' ||
    echo "printed \"$printed\"")"

# One version: what is installed, what the command and the citation say.
versions=$(pkg-config --modversion understudy
  "$stage/bin/understudy" --version
  "$stage/bin/understudy" info --json | sed -nE 's/.*"version": *"([^"]*)".*/\1/p'
  sed -n 's/^version: //p' CITATION.cff)
hold "pkg-config, the command, info and CITATION.cff name one version" "$(
  [ "$(echo "$versions" | wc -l)" = 4 ] && [ "$(echo "$versions" | sort -u | wc -l)" = 1 ] &&
    [ -n "$versions" ] || echo "$versions" | tr '\n' ' ')"
hold "make install leaves the license" \
  "$(cmp LICENSE "$stage/share/doc/understudy/LICENSE" 2>&1)"

# An algorithm that the library knows nothing of: its row is added, and it is trained by name.
cp docs/examples/algorithm.cpp "$scratch/"
(
  cd "$scratch" || exit 1
  $CXX $(pkg-config --cflags understudy) algorithm.cpp $(pkg-config --libs understudy) -o algorithm
) > "$scratch/log" 2>&1
hold "an algorithm of one's own builds outside" "$(ended $? "$scratch/log")"
printed=$("$scratch/algorithm" 2>&1)
hold "is trained by name, with settings of its own, and does better in the end" "$(
  echo "$printed" | awk -F'[ ,]+' '$1 > 10 && $4 > 0 && $NF > 2 * $4 {good = 1} END {exit !good}' ||
    echo "printed \"$printed\"")"

# The other programs of docs/extending.md: a head that the library does not have is registered,
# cloned, saved, loaded, and acts; an operation has rules that agree with differences.
outside() {
  cp "docs/examples/$1.cpp" "$scratch/"
  (
    cd "$scratch" || exit 1
    $CXX $(pkg-config --cflags understudy) "$1.cpp" $(pkg-config --libs understudy) -o "$1"
  ) > "$scratch/log" 2>&1
  hold "docs/examples/$1.cpp builds outside" "$(ended $? "$scratch/log")"
  printed=$(cd "$scratch" && "./$1" 2>&1)
}
# within FIRST LOW HIGH: the last word of the line that begins with FIRST is between them.
within() {
  echo "$printed" | awk -v first="$1" -v low="$2" -v high="$3" '
    index($0, first) == 1 && $NF + 0 > low && $NF + 0 < high {good = 1} END {exit !good}' ||
    echo "printed \"$printed\""
}
outside laplace
# A tenth of the actions are wild: the mean at 0.5 is 0.8, the median is the expert's 0.
hold "a head from outside is cloned, saved, loaded and acts" \
  "$(within "laplace, initial_scale 0.5: loss" -0.15 0.15)"
outside operation
hold "an operation from outside has rules that agree with differences" \
  "$(within "softsign: rules off by" 0 1e-8)"

# Every header that was installed can be included on its own.
alone() {
  local said
  said=$(echo "#include \"$1\"" |
    $CXX $(pkg-config --cflags understudy) -fsyntax-only -x c++ - 2>&1) ||
    printf '%s:\n%s\n' "$1" "$said" | head -n 4
}
export -f alone
export CXX
offences=$(cd "$stage/include/understudy" && [ -f kernels/device/device.h ] ||
  { echo "no headers in $stage"; exit; }
  find . -name '*.h' | sed 's|^\./||' | xargs -n 1 -P "$(nproc)" bash -c 'alone "$1"' alone)
hold "every installed header stands on its own" "$offences"

# DESTDIR is put in front of everything and named in nothing.
make --no-print-directory -s install PREFIX=/opt/understudy \
  DESTDIR="$scratch/package" > "$scratch/log" 2>&1
hold "make install keeps DESTDIR out of what it writes" \
  "$(cat "$scratch/package/opt/understudy/lib/pkgconfig/understudy.pc" 2>&1 |
    grep -E "$scratch|No such file")"
make --no-print-directory -s uninstall PREFIX=/opt/understudy \
  DESTDIR="$scratch/package" >> "$scratch/log" 2>&1
hold "make uninstall leaves nothing" "$(find "$scratch/package" -type f)"
sum_up
