#!/usr/bin/env bash
# The verb bench: rows of the programs beside the command, their list, and two results compared.
# Run from the root after the command is built.
set -u
. tests/cli/checks.bash

# Programs are looked for beside the command; here one that only says what theirs say.
mkdir "$scratch/built"
cp "$understudy" "$scratch/built/understudy"
built=$(dirname "$understudy")
understudy=$scratch/built/understudy
refuse "no benchmarks built" "make bench" bench
mkdir "$scratch/built/bench"
cat > "$scratch/built/bench/fake_bench" << 'PROGRAM'
#!/usr/bin/env bash
rows='{"work": "exp, of an array", "threads": 2, "place": "2", "unit": "us", "figure": 8}
{"work": "log, of an array", "threads": 1, "place": "1", "unit": "us", "figure": 9}'
for word; do
  case $word in
    --only=*) rows=$(grep -F -- "${word#--only=}" <<< "$rows") || exit 0 ;;
    --json=*) json=${word#--json=} ;;
    --list) list=1 ;;
  esac
done
[ -z "${list:-}" ] || { sed 's/.*work": "\([^"]*\)".*place": "\([^"]*\)".*/\1\t\2\tus/' <<< "$rows"
  exit; }
[[ "$*" != *slow* ]] || { touch "$0.begun"; exec sleep 60; }
[ -z "${json:-}" ] || echo '{"machine": {"processor": "a"}}
'"$rows" >> "$json"
echo a table
PROGRAM
chmod +x "$scratch/built/bench/fake_bench"
"$understudy" bench exp --json > "$scratch/bench.json" 2> "$scratch/err"
hold "bench collects rows and the machine's limits" "$(json "$scratch/bench.json" \
  'found["machine"]["processor"] == "a" and
   [row["work"] for row in found["rows"]] == ["exp, of an array"]')$(cat "$scratch/err")"
hold "and prints the programs' tables" "$("$understudy" bench exp | grep -qx 'a table' ||
  echo "no table")"
"$understudy" bench --list --json > "$scratch/list.json" 2> "$scratch/err"
hold "--list names rows, and measures nothing" "$(json "$scratch/list.json" '
  [(row["work"], row["place"], row["unit"], row["program"]) for row in found["rows"]] ==
  [("exp, of an array", "2", "us", "fake_bench"), ("log, of an array", "1", "us", "fake_bench")]')$(
  cat "$scratch/err")"
refuse "a filter that nothing has" \
  "no row of 2 has 'logs of arrays' in its name; the nearest are 'log, of an array'" \
  bench "logs of arrays" --json
refuse "to list by" "the nearest are 'exp, of an array'" bench --list expo
sed -i 's/"log, of/"slow, of/' "$scratch/built/bench/fake_bench"
"$understudy" bench slow > /dev/null 2>&1 &
benching=$!
for _ in $(seq 100); do [ -e "$scratch/built/bench/fake_bench.begun" ] && break; sleep 0.05; done
begin=$(date +%s%N)
kill -INT $benching
wait $benching
code=$?
hold "an interrupt ends it within a second" "$([ $code = 130 ] || echo "exit $code")$(
  [ $(($(date +%s%N) - begin)) -lt 1000000000 ] || echo "too late")"

# Seven runs a side: scipy.stats.mannwhitneyu has p = 0.004079 for them.
python3 - "$scratch" << 'PYTHON'
import json, sys
now = [10.1, 10.4, 9.9, 10.7, 10.2, 10.3, 10.8]
before = [9.0, 9.3, 9.8, 10.0, 9.5, 10.15, 9.7]
def write(name, figures, more):
    row = lambda work, unit, higher: {"work": work, "place": "1", "unit": unit,
                                      "higher_is_better": higher, "figures": figures}
    json.dump({"rows": [row("a time", "us", False), row("a rate", "GFLOP/s", True),
                        row(more, "us", False)]}, open(f"{sys.argv[1]}/{name}.json", "w"))
write("before", before, "gone")
write("after", now, "come")
json.dump({"rows": [{"work": "a time", "place": "1", "unit": "us"}]},
          open(f"{sys.argv[1]}/old.json", "w"))
PYTHON
"$understudy" bench --compare "$scratch/before.json" "$scratch/after.json" --json \
  > "$scratch/compared.json" 2> "$scratch/err"
hold "--compare tests each row, whichever way is better" "$(json "$scratch/compared.json" '
  [(row["work"], row["verdict"], round(row["p"], 6), row["runs"]) for row in found["rows"]] ==
  [("a time", "slower", 0.004079, [7, 7]), ("a rate", "faster", 0.004079, [7, 7])] and
  all(abs(row["speedup"] - of) < 1e-12 and
      row["speedup_ci95"][0] <= row["speedup"] <= row["speedup_ci95"][1]
      for row, of in zip(found["rows"], (9.7 / 10.3, 10.3 / 9.7))) and
  found["rows"][0]["speedup_ci95"][1] < 1 < found["rows"][1]["speedup_ci95"][0]')"
hold "and names what one side alone has" "$(grep -q 'remark: only in .*before.json: gone (1)' \
  "$scratch/err" && grep -q 'remark: only in .*after.json: come (1)' "$scratch/err" ||
  cat "$scratch/err")"
"$understudy" bench --compare "$scratch/before.json" "$scratch/before.json" --json \
  > "$scratch/compared.json" 2> "$scratch/err"
hold "a result is the same as itself" "$(json "$scratch/compared.json" '
  all(row["verdict"] == "same" and row["speedup"] == 1 and row["p"] == 1
      for row in found["rows"]) and len(found["rows"]) == 3')$(cat "$scratch/err")"
refuse "results without their runs" "rows.0.: expected true or false 'higher_is_better'" \
  bench --compare "$scratch/old.json" "$scratch/after.json"
refuse "one result alone" "compare" bench --compare "$scratch/before.json"

# One of the programs themselves, where they are built.
if [ -x "$built/bench/gemm_bench" ]; then
  "$built/bench/gemm_bench" --only='5000 x 17 x 100 forward' --seconds=0.01 \
    --json="$scratch/lines" > "$scratch/table" 2> "$scratch/err"
  hold "a program's JSON has runs, limits and peers" "$(python3 - "$scratch/lines" 2>&1 << 'PYTHON'
import json, sys
machine, *rows = map(json.loads, open(sys.argv[1]))
assert machine["machine"]["bandwidth_gbps"]["L1"][0] > 0, machine
for row in rows:
    assert len(row["figures"]) == 7 and row["slowest"] <= row["figure"] <= row["fastest"], row
    assert row["limits"]["peak_gflops"] > 0 and isinstance(row["peers"], list), row
    assert row["mark"] > 0 and row["met"] in (True, False), row
assert rows, "no rows"
PYTHON
)"
  hold "and its table names each column once" "$(awk '/^work / { for (i = 1; i <= NF; ++i)
    if (seen[$i]++) print $i " twice"; found = 1 } END { if (!found) print "no heads" }' \
    "$scratch/table")"
else
  skip "the programs themselves" "make bench builds them"
fi
sum_up
