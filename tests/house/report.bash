# Sourced by the checks: one line a check, and the sum that the test runner reads.

passed=0 failed=0 skipped=0

# hold WHAT TEXT: the check WHAT passed when TEXT, its list of offences, is empty.
hold() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
    echo "✓ $1"
  else
    failed=$((failed + 1))
    echo "✗ $1"
    printf '%s\n' "$2" | sed 's/^/    /'
  fi
}

# ended CODE FILE...: nothing if a command ended with 0, else its code and what is in the files.
ended() {
  [ "$1" = 0 ] || { echo "exit $1"; cat "${@:2}"; } 2>&1
}

# skip WHAT WHY
skip() {
  skipped=$((skipped + 1))
  echo "- $1: skipped, $2"
}

sum_up() {
  local skips=
  [ "$skipped" = 0 ] || skips=", $skipped skipped"
  echo "$passed passed, $failed failed$skips"
  [ "$failed" = 0 ]
}
