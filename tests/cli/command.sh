#!/usr/bin/env bash
# The command's face: exit codes, one line for what is wrong, one JSON object where asked, files
# that appear whole. Run from the root after the command is built.
set -u
. tests/cli/checks.bash
unset UNDERSTUDY_DATA

refuse "no verb" "verbs are"
refuse "an unknown verb" "'fly'" fly
refuse "an unknown option" "--fly" info --fly
refuse "an unknown device" "found abacus" info --device abacus
refuse "no threads" "1 to 1024, found 0" info --threads 0
refuse "a seed below zero" "found -1" demo --seed -1 --out "$scratch/demo"
refuse "a file that is not there" missing.npy inspect "$scratch/missing.npy"
refuse "a file of an unknown kind" "Makefile: expected a file that ends" inspect Makefile
refuse "data that are not there" nowhere demo strokes --data "$scratch/nowhere" \
  --out "$scratch/demo"
refuse "a folder that cannot be" Makefile/demo demo --out Makefile/demo
printf '\x93NUMPY\x01\x00' > "$scratch/broken.npy"
refuse "a broken file" broken.npy inspect "$scratch/broken.npy"

"$understudy" --help > "$scratch/out" 2> "$scratch/err"
hold "--help is no mistake" "$(ended $? "$scratch/err"
  grep -q inspect "$scratch/out" || echo "names no inspect")"

"$understudy" info --json --threads 1 > "$scratch/info.json" 2> "$scratch/err"
hold "info --json is one object" "$(json "$scratch/info.json" \
  'found["threads"] == 1 and "portable" in found["instruction_sets"] and "cpu" in found["backends"]
   and found["devices"]
   and all(d["available"] or d["reason"] for d in found["devices"])')$(cat "$scratch/err")"

printf 't,speed\n0,1.5\n1,-2\n2,nan\n' > "$scratch/table.csv"
"$understudy" inspect "$scratch/table.csv" --json > "$scratch/table.json" 2> "$scratch/err"
hold "inspect says types and ranges" "$(json "$scratch/table.json" \
  'found["rows"] == 3 and found["arrays"][0]["type"] == "integer"
   and found["arrays"][1]["minimum"] == -2 and found["arrays"][1]["maximum"] == 1.5
   and found["arrays"][1]["not_finite"] == 1')$(cat "$scratch/err")"

# A short demonstration, twice: the same page whatever the number of threads.
for threads in 1 3; do
  "$understudy" demo fork --iterations 60 --threads $threads --device cpu --quiet --json \
    --out "$scratch/demo$threads" > "$scratch/demo$threads.json" 2> "$scratch/err"
  hold "the demonstration runs on $threads threads" "$(json "$scratch/demo$threads.json" \
    'found["task"] == "fork" and len(found["models"]) == 3
     and all(m["curve"][-1][1] < m["curve"][0][1] for m in found["models"])
     and found["expert_score"] < 1')$(cat "$scratch/err")"
done
hold "and its page does not depend on them" \
  "$(cmp "$scratch/demo1/report.html" "$scratch/demo3/report.html" 2>&1)"
hold "the page needs nothing beside it" "$(whole "$scratch/demo1/report.html")"
"$understudy" demo fork --iterations 60 --device cpu --quiet --seed 1 --out "$scratch/demo" \
  > /dev/null
hold "another seed is another page" \
  "$(differ "$scratch/demo/report.html" "$scratch/demo1/report.html")"

# An interrupt ends the work with 130 and leaves no page behind.
"$understudy" demo fork --device cpu --quiet --iterations 1000000 --out "$scratch/cut" \
  2> "$scratch/err" > /dev/null &
demo=$!
for _ in $(seq 100); do [ -d "$scratch/cut" ] && break; sleep 0.05; done
sleep 0.2
kill -TERM $demo
wait $demo
code=$?
hold "an interrupt ends with 130 and no page" "$(
  [ $code = 130 ] && [ -z "$(ls "$scratch/cut")" ] ||
    { echo "exit $code"; cat "$scratch/err"; ls "$scratch/cut"; })"
sum_up
