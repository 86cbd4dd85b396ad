# Sourced by run and nightly, which stand at the root of the project: what their stages share.
#
#   stage NAME COMMAND...   runs it, its output in $logs/NAME.log, and adds up its last line
#                           "N passed, N failed[, N skipped]"
#   skip NAME WHY           a stage that this machine cannot do
#   ended                   the sum of all stages, and whether none failed

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# The recorded human data, where it lies beside the project; tests that need it are skipped without.
if [ -z "${UNDERSTUDY_DATA:-}" ] && [ -d ../shared/data ]; then
  UNDERSTUDY_DATA=$(cd ../shared/data && pwd)
  export UNDERSTUDY_DATA
fi
logs=build/ci
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# Shows what a stage prints and how long it took.
stage() {
  local name=$1 start=$SECONDS status=0 p=0 f=0 s=0
  shift
  echo
  echo "== $name"
  "$@" > "$logs/$name.log" 2>&1 < /dev/null || status=$?
  # Compiler lines are told apart by their two spaces and a verb; they are in the log.
  grep -vE '^  (cxx|nvcc|link|ar|install) ' "$logs/$name.log" || true
  read -r p f s <<< "$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$logs/$name.log" | tail -n 1 |
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')" || true
  p=${p:-0} f=${f:-0} s=${s:-0}
  # A stage that broke off before its tests has failed all the same.
  if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi
  if [ "$status" = 0 ] && [ $((p + f + s)) = 0 ]; then f=1; fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '== %s: %d passed, %d failed, %d skipped; %d s (exit %d)\n' \
    "$name" "$p" "$f" "$s" $((SECONDS - start)) "$status"
}

skip() {
  echo
  echo "== $1: skipped, $2"
  skipped=$((skipped + 1))
}

ended() {
  echo
  echo "all stages: $((SECONDS / 60)) min $((SECONDS % 60)) s, $skipped skipped"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

# ---- what a fresh machine lacks ------------------------------------------------------------------

# Peers in Python that read and write the files that we do, in the versions that were tried; what
# needs them is skipped without.
bring_peers() {
  local python=build/peers/bin/python
  $python -c 'import numpy, safetensors, gymnasium' 2> /dev/null && return
  python3 -m venv build/peers > "$logs/peers.log" 2>&1 &&
    build/peers/bin/pip install -q -r tests/oracles/requirements.txt >> "$logs/peers.log" 2>&1 &&
    return
  echo "no peers in Python: $(tail -n 1 "$logs/peers.log")"
  rm -rf build/peers
}

# Each by itself, so that one that cannot be had does not keep the others away.
bring() {
  local name
  for name; do build-aux/need "$name" || true; done
}
