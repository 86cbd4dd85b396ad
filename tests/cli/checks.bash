# Sourced by the checks of the command: `understudy` is the command, `scratch` a folder that goes
# away.

. tests/house/report.bash
: "${BUILD:=build}"
understudy=$(realpath "$BUILD/understudy")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# json FILE EXPRESSION: the file is one JSON value, `found`, for which the Python expression holds.
json() {
  python3 - "$1" "$2" 2>&1 << 'PYTHON'
import json, sys
found = json.load(open(sys.argv[1]))
if not eval(" ".join(sys.argv[2].split()), {"found": found}):
    print(sys.argv[2], "does not hold for", found)
PYTHON
}

# differ FILE FILE: both are there, and are not the same.
differ() {
  cmp -s "$1" "$2"
  [ $? = 1 ] || { echo "$1 and $2 are not two different files:"; ls -l "$1" "$2"; } 2>&1
}

# whole PAGE: it is there, and needs nothing beside it.
whole() {
  [ -s "$1" ] || echo "no $1"
  grep -noE '(src|href)="[^"]*"|url\([^)]*\)|<script' "$1" 2>&1
}

# refuse WHAT PATTERN ARGUMENT...: exit code 2, nothing on standard output, one line on standard
# error that matches, and no file come or gone in the scratch folder.
refuse() {
  local what=$1 pattern=$2 code before
  shift 2
  : > "$scratch/out"
  : > "$scratch/err"
  before=$(find "$scratch" | sort)
  "$understudy" "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null
  code=$?
  hold "$what: exit code 2 and one line that says $pattern" "$(
    [ "$code" = 2 ] && [ "$(wc -l < "$scratch/err")" = 1 ] && [ ! -s "$scratch/out" ] &&
      grep -qE -- "$pattern" "$scratch/err" && [ "$before" = "$(find "$scratch" | sort)" ] ||
      { echo "exit $code"; cat "$scratch/out" "$scratch/err"; find "$scratch" | sort |
        diff <(echo "$before") -; })"
}
