#!/usr/bin/env bash
# The source tree keeps its own rules: arrows that point down, families that are whole, lines and
# files that one can read. Run from the root; each check lists what breaks it.
set -u
export LC_ALL=C.UTF-8
. tests/house/report.bash

floors="kernels autograd envs algorithms cli"
folders=$(ls -d $floors tests bench demo 2>/dev/null)
sources=$(find $folders \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' \) | sort)
library=$(ls -d kernels autograd envs algorithms 2>/dev/null)
scripts=$(find $folders build-aux .ci \( -name '*.py' -o -name '*.sh' -o -name '*.bash' \
  -o -path 'build-aux/*' -o -path '.ci/*' -o -path 'bench/peers/*' \) -type f ! -name '*.pyc')
texts="$sources $(echo "$scripts" | sort)"

# What is not looked at could break any rule: every source that git knows is.
hold "every source is looked at" "$(git ls-files '*.h' '*.cpp' '*.cu' ':!docs' 2>&1 | sort |
  comm -23 - <(echo "$sources") | while read -r file; do [ ! -e "$file" ] || echo "$file"; done)"

# Includes point down. What each floor may include of ours:
may_include() {
  case $1 in
    kernels) echo 'kernels' ;;
    autograd) echo 'kernels|autograd' ;;
    envs) echo 'kernels|envs' ;;
    algorithms) echo 'kernels|autograd|envs|algorithms' ;;
    cli) echo 'kernels|autograd|envs|algorithms|cli' ;;
  esac
}
for floor in $floors; do
  [ -d "$floor" ] || hold "$floor/ is there" "it is not"
  offences=$(grep -rnE --include='*.h' --include='*.cpp' --include='*.cu' \
    '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$floor" |
    grep -vE "include[[:space:]]*\"($(may_include "$floor"))/")
  hold "$floor/ includes only $(may_include "$floor" | tr '|' ' ')" "$offences"
done

# Every include of ours is a path from the root that exists.
offences=$(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $sources |
  sed -E 's/^([^:]*:[0-9]*):.*"([^"]*)".*/\1 \2/' |
  while read -r place path; do [ -f "$path" ] || echo "$place: $path"; done)
hold "includes are paths from the root" "$offences"

# The library needs a compiler and the standard library; zlib and CUDA where they were found.
known='zlib|cuda[a-z_]*|cublas[a-z_0-9]*|immintrin|arm_neon|sanitizer/[a-z_]+|sys/[a-z]+|unistd'
known="$known|fcntl|dlfcn|ucontext|pthread|sched|signal|math|stdint|stddef|string|stdlib|stdio"
offences=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<[^>]*[/.][^>]*>' $library |
  grep -vE "<($known)\.h>")
hold "the library includes no third-party header" "$offences"

# A family of kernels is whole: contract, reference, CPU, CUDA, test.
offences=$(for folder in kernels/*/; do
  family=$(basename "$folder")
  [ "$family" = device ] && continue
  for pattern in "$folder$family.h" "$folder${family}*_reference.cpp" "$folder*_cpu.cpp" \
      "$folder*_cuda.cu" "tests/kernels/${family}*_test.cpp"; do
    compgen -G "$pattern" >/dev/null || echo "$family: no $pattern"
  done
done)
hold "every family of kernels has contract, reference, CPU, CUDA and test" "$offences"

# Contracts are tables and equations, which a formatter that fills comments runs together. The check
# is held to what one did: three places, and a list that is as it should be.
mangled() { "${UNDERSTUDY_PYTHON:-python3}" tests/house/mangled.py "$@" 2>&1; }
hold "no comment begins in the middle of an equation or a list" "$(mangled $sources)"
example=$(mktemp)
cat > "$example" <<'EXAMPLE'
//   rows       all rows of a chunk of A against one panel of B after another; the chunk of A stays
//   in
//              the second cache
//   k blocks   long sums in blocks, so that a panel of B fits beside the rows of A and C; partial
//              sums wait in C
//
//   * The bits of a result depend on the recorded list, the device's instruction set and the
//   inputs,
//     never on the number of threads.
//
//   Q(s, a) = r(s) + discount (chosen V(s_a) + stay_slip V(s) + move_slip sum over moves m of
//   V(s_m))
EXAMPLE
hold "and a formatter's work would be found" \
  "$([ "$(mangled "$example" | cut -d : -f 2 | tr '\n' ' ')" = '2 8 12 ' ] || mangled "$example")"
rm -f "$example"
hold "no line past 100 columns" "$(grep -nE '^.{101}' $texts | cut -c 1-90)"
hold "no file above 700 lines" "$(wc -l $texts | awk '$2 != "total" && $1 > 700')"
hold "no tabs" "$(grep -nP '\t' $texts | cut -c 1-90)"
hold "no space at the end of a line" "$(grep -nE '[[:space:]]+$' $texts | cut -c 1-90)"
hold "files end with a newline" \
  "$(for file in $texts; do [ -z "$(tail -c 1 "$file")" ] || echo "$file"; done)"
hold "headers are included once" "$(grep -L '^#pragma once' $(echo "$sources" | grep '\.h$'))"
unfinished='TO''DO|FIX''ME|X''XX'
hold "nothing is left for later" "$(grep -nwE "$unfinished" $texts | cut -c 1-90)"
hold "no fast-math: infinities and NaN must work" \
  "$(grep -nE 'f(fast-math|finite-math-only)|Ofast' Makefile)"
# What a kernel of one instruction set instantiates, the linker may keep for every processor.
hold "instruction sets instantiate no standard algorithms" \
  "$(grep -nE 'std::(sort|max|min|vector|swap|fill|copy|clamp|accumulate)\b' \
    $(find kernels -name '*_cpu.cpp' ! -name device_cpu.cpp) | cut -c 1-90)"
# Launching outside `launch` would not run under the emulator.
hold "kernels are launched by launch() alone" \
  "$(grep -nE '<<<' $(find $library -name '*.cu') /dev/null)"

# `make help` names every target that is meant for people, and no other.
targets=$(sed -n 's/^\.PHONY: //p' Makefile | tr ' ' '\n' |
  grep -vxE 'stage|native|command_left_out')
named=$(make --no-print-directory help | grep -oE 'make [a-z]+' | cut -d ' ' -f 2; echo all help)
hold "make help names every target" \
  "$(comm -3 <(echo "$targets" | sort -u) <(echo "$named" | tr ' ' '\n' | sort -u))"
sum_up
