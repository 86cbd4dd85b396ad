#!/usr/bin/env bash
# The embedded library asks nothing of the system that it promises to do without.
set -u
. tests/house/report.bash
library=${BUILD:-build/embedded}/libunderstudy.a
asked=$(nm -u "$library" | awk '{print $2}' | sort -u)

hold "the library is there and asks for something" "$(
  echo "$asked" | grep -qx memcpy || nm -u "$library" 2>&1 | tail -n 5)"

# refuses WHAT PATTERN: no symbol that the library leaves to others begins with the pattern.
refuses() { hold "$1" "$(echo "$asked" | grep -E "^($2)")"; }

refuses "no exceptions are thrown or caught" '__cxa_(throw|rethrow|allocate_exception|begin_catch)'
refuses "no run-time type information" '_ZTVN10__cxxabiv1|__dynamic_cast'
refuses "no threads" 'pthread_create|pthread_cond|_ZNSt6thread|_ZNSt18condition_variable'
refuses "no files" '(fopen|open|openat|creat|rename|mmap)$|_ZNSt14basic_[io]?f|_ZNSt10filesystem'
refuses "no environment" '(secure_)?getenv$'
sum_up
