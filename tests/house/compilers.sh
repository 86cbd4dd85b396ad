#!/usr/bin/env bash
# Compilers for other machines build in folders of their own, and to look changes no build.
set -u
. tests/house/report.bash
: "${BUILD:=build}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# compiler NAME TRIPLE: one that builds, it says, for that machine.
compiler() {
  printf '#!/bin/sh\n[ "$1" = -dumpmachine ] && { echo %s; exit; }\nexec g++ "$@"\n' "$2" \
    > "$scratch/$1"
  chmod +x "$scratch/$1"
}
compiler aarch64-linux-gnu-g++ aarch64-linux-gnu
compiler elsewhere++ riscv64-unknown-linux-musl
compiler here++ "$(g++ -dumpmachine)"

# builds_in FOLDER MAKE-ARGUMENT...
builds_in() {
  local folder=$1 found
  shift
  found=$(env -u BUILD -u MAKEFLAGS -u MAKELEVEL PATH="$scratch:$PATH" \
    make --no-print-directory help "$@" 2>&1 | sed -n '1s/.* in \([^ ]*\)$/\1/p')
  hold "$* builds in $folder" "$([ "$found" = "$folder" ] || echo "found '$found'")"
}
builds_in build/ CXX=g++
builds_in build/ CXX='ccache g++'
builds_in build/ CXX=here++
builds_in build/aarch64-linux-gnu/ CXX=aarch64-linux-gnu-g++
builds_in build/riscv64-linux-musl/ CXX=elsewhere++
builds_in build/aarch64-linux-gnu-embedded/ CXX=aarch64-linux-gnu-g++ EMBEDDED=1

# Files alone: folders change with the logs and files of the checks that run beside this one.
stamps() { find "$BUILD" -maxdepth 1 -type f -printf '%p %T@\n' | sort; }
before=$(stamps)
env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory help BUILD="$BUILD" CUDA=0 \
  CXXFLAGS=-DUNDERSTUDY_LOOKED > "$scratch/help" 2>&1
hold "to look with other flags leaves the build as it is" "$(
  [ -n "$before" ] || echo "nothing is built in $BUILD"
  diff <(echo "$before") <(stamps)
  grep -q 'make test' "$scratch/help" || cat "$scratch/help")"
sum_up
