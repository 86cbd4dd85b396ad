#!/usr/bin/env bash
# Several seeds and sweeps: a folder a run, the bits of runs done alone, one table. Run from the
# root after the command is built.
set -u
. tests/cli/checks.bash

# Actions a = tanh(o0 - o1) of 60 steps in 6 episodes.
python3 - "$scratch" << 'PYTHON'
import math, sys
with open(sys.argv[1] + "/shown.csv", "w") as file:
    print("episode,t,obs_0,obs_1,act_0", file=file)
    for e in range(6):
        for t in range(10):
            a, b = math.sin(e + t), math.cos(2 * e - t)
            print(f"{e},{t},{a},{b},{math.tanh(a - b)}", file=file)
PYTHON
bc="train bc --demos $scratch/shown.csv --device cpu --set hidden=8 --set steps=5 --quiet"
same_run() { for file in policy.safetensors progress.csv result.json checkpoint.safetensors; do
  cmp "$1/$file" "$2/$file" 2>&1; done; }

"$understudy" $bc --seeds 0,2-3 --out "$scratch/many" --iterations 12 --threads 3 --json \
  > "$scratch/many.json" 2> "$scratch/err"
hold "each seed has its folder, and the JSON its figures" "$(json "$scratch/many.json" '
  [one["run"] for one in found["runs"]] == ["seed-0", "seed-2", "seed-3"] and
  all(one["status"] == "done" and one["measure"] == "validation loss" for one in found["runs"]) and
  len(found["groups"]) == 1 and found["groups"][0]["seeds"] == 3 and
  abs(found["groups"][0]["mean"] - sum(one["score"] for one in found["runs"]) / 3) < 1e-12 and
  found["groups"][0]["iqm_ci95"][0] < found["groups"][0]["iqm"] < found["groups"][0]["iqm_ci95"][1]
  ')$(cat "$scratch/err")"
"$understudy" $bc --seed 2 --out "$scratch/alone" --iterations 12 --threads 2 2> "$scratch/err"
hold "a run among others has the bits of one alone" "$(
  same_run "$scratch/many/seed-2" "$scratch/alone"
  cmp "$scratch/many/seed-2/config.json" "$scratch/alone/config.json" 2>&1)$(cat "$scratch/err")"
hold "seeds.csv and curves.csv are tables of figures, a row each" "$(
  python3 - "$scratch/many" 2>&1 << 'PYTHON'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1] + "/seeds.csv")))
assert [(r["algorithm"], r["task"], r["seed"], r["status"]) for r in rows] == \
    [("bc", "shown.csv", s, "done") for s in "023"], rows
curves = list(csv.DictReader(open(sys.argv[1] + "/curves.csv")))
for row in rows:
    logged = list(csv.DictReader(open(f"{sys.argv[1]}/{row['run']}/progress.csv")))
    assert float(row["score"]) == float(logged[-1]["best_validation"]), row
    mine = [c for c in curves if c["seed"] == row["seed"]]
    assert [float(c["score"]) for c in mine] == \
        [float(l["validation"]) for l in logged if l["validation"] != "nan"], mine
    assert [int(c["step"]) for c in mine] == list(range(1, 13))
PYTHON
)"

# The cross product, in the order given; lists with ';' between them.
"$understudy" $bc --seeds 0-1 --sweep head=gaussian,mixture --sweep 'hidden=4;6,6' \
  --out "$scratch/swept" --iterations 2 --json > "$scratch/swept.json" 2> "$scratch/err"
hold "sweeps make a cross product" "$(json "$scratch/swept.json" '
  [one["run"] for one in found["runs"]] ==
  [f"head={h}/hidden={n}/seed-{s}" for h in ("gaussian", "mixture") for n in ("4", "6,6")
   for s in (0, 1)] and
  [one["name"] for one in found["groups"]] ==
  [f"bc hidden={n} head={h}" for h in ("gaussian", "mixture") for n in ("4", "6,6")] and
  found["groups"][3]["settings"] == {"head": "mixture", "hidden": [6, 6]}')$(cat "$scratch/err")"
"$understudy" $bc --set head=mixture --set hidden=6,6 --seed 1 --out "$scratch/mixture" \
  --iterations 2 2> "$scratch/err"
hold "a swept setting is one of --set" "$(
  same_run "$scratch/swept/head=mixture/hidden=6,6/seed-1" "$scratch/mixture")$(cat "$scratch/err")"

# Broken off by an interrupt, then by a kill, then resumed: as if never broken.
long="$bc --set validation_share=0 --iterations 150 --checkpoint-seconds 0"
"$understudy" $long --seeds 0-2 --out "$scratch/whole" --threads 2 2> "$scratch/err"
begun() { for _ in $(seq 200); do [ -s "$scratch/cut/$1/checkpoint.safetensors" ] && return
  sleep 0.02; done; echo "$1 did not begin"; }
worked_at() { for lock in "$scratch"/cut/*/.lock; do flock -n "$lock" true || return 0; done
  return 1; }
"$understudy" $long --seeds 0-2 --out "$scratch/cut" --threads 2 2>> "$scratch/err" > /dev/null &
running=$!
waited=$(begun seed-0)
kill -INT $running
wait $running
code=$?
hold "an interrupt ends all of them with 130" "$waited$([ $code = 130 ] || echo "exit $code")$(
  worked_at && echo "somebody still works there")"
"$understudy" $long --seeds 0-2 --out "$scratch/cut" --threads 2 --resume 2>> "$scratch/err" \
  > /dev/null &
running=$!
{ sleep 0.1; kill -KILL $running; wait $running; } 2> /dev/null
for _ in $(seq 50); do worked_at || break; sleep 0.1; done
"$understudy" $long --seeds 0-2 --out "$scratch/cut" --threads 2 --resume > /dev/null \
  2> "$scratch/err"
hold "and goes on bit for bit, killed or not" "$(for seed in 0 1 2; do
  same_run "$scratch/whole/seed-$seed" "$scratch/cut/seed-$seed"; done)$(cat "$scratch/err")"
before=$(stat -c %Y.%i "$scratch"/cut/*/result.json)
"$understudy" $long --seeds 0-3 --out "$scratch/cut" --resume > /dev/null 2> "$scratch/err"
hold "what is done is kept, what is missing begun" "$(
  [ "$before" = "$(stat -c %Y.%i "$scratch"/cut/seed-[0-2]/result.json)" ] || echo "written again"
  [ -s "$scratch/cut/seed-3/result.json" ] || echo "no seed-3")$(cat "$scratch/err")"

# A step that is far too long makes a loss that is no number: counted, and the others go on.
"$understudy" $bc --sweep learning_rate=0.001,1e38 --seeds 0-1 --iterations 5 \
  --out "$scratch/failing" --json > "$scratch/failing.json" 2> "$scratch/err"
hold "failures are counted, and are exit code 1" "$([ $? = 1 ] || echo "not 1")$(
  json "$scratch/failing.json" '
  [(one["seeds"], one["failed"], one["mean"] is None) for one in found["groups"]] ==
  [(2, 0, False), (2, 2, True)] and
  all(one["error"] for one in found["runs"] if one["status"] == "failed")')$(
  grep -c 'seed-[01]: understudy: ' "$scratch/err" | grep -v '^2$' && cat "$scratch/err")"

"$understudy" expert cartpole --seeds 0-1 --out "$scratch/experts" --iterations 2 --quiet \
  --set num_envs=4 --set steps_per_iteration=200 --set hidden=4 --set baseline.hidden=4 \
  --device cpu --json > "$scratch/experts.json" 2> "$scratch/err"
hold "experts, too" "$(json "$scratch/experts.json" '
  found["groups"][0]["measure"] == "mean return" and found["groups"][0]["task"] == "cartpole" and
  found["groups"][0]["normalised_iqm"] is not None')$(cat "$scratch/err")"
"$understudy" world gridworld --out "$scratch/grid.npz" --demos "$scratch/grid_demos.npz" --quiet
"$understudy" irl max_causal_entropy --mdp "$scratch/grid.npz" --demos "$scratch/grid_demos.npz" \
  --sweep l2=0,0.1 --out "$scratch/rewards" --iterations 5 --quiet --json > "$scratch/irl.json" \
  2> "$scratch/err"
hold "and rewards" "$(json "$scratch/irl.json" '
  [one["run"] for one in found["runs"]] == ["l2=0/seed-0", "l2=0.1/seed-0"] and
  all(one["status"] == "done" for one in found["runs"])')$(cat "$scratch/err")"

"$understudy" eval "$scratch/experts" --episodes 3 --json --csv "$scratch/scores.csv" \
  > "$scratch/eval.json" 2> "$scratch/err"
hold "eval of several runs is one table" "$(json "$scratch/eval.json" '
  [one["run"] for one in found["runs"]] == ["seed-0", "seed-1"] and
  all(one["episodes"] == 3 for one in found["runs"]) and
  abs(found["groups"][0]["mean"] - sum(one["return_mean"] for one in found["runs"]) / 2) < 1e-9
  ')$(cat "$scratch/err")"
hold "and a CSV, a row a run" "$(python3 - "$scratch" 2>&1 << 'PYTHON'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1] + "/scores.csv")))
found = json.load(open(sys.argv[1] + "/eval.json"))["runs"]
assert [(r["algorithm"], r["task"], r["seed"], float(r["score"])) for r in rows] == \
    [("trpo", "cartpole", str(f["training_seed"]), f["return_mean"]) for f in found], rows
PYTHON
)"
"$understudy" eval random "$scratch/experts" --env cartpole --episodes 2 --json \
  > "$scratch/eval.json" 2> "$scratch/err"
hold "groups are named by what tells them apart, and by no more" "$(json "$scratch/eval.json" '
  [one["name"] for one in found["groups"]] == ["random", "trpo"]')$(cat "$scratch/err")"
"$understudy" eval "$scratch/many" --demos "$scratch/shown.csv" > "$scratch/eval.txt" \
  2> "$scratch/err"
hold "on held-out demonstrations, too" "$(grep -q 'seed-3 .*[0-9]' "$scratch/eval.txt" &&
  grep -q 'log-likelihood' "$scratch/eval.txt" || cat "$scratch/eval.txt" "$scratch/err")"

refuse "seeds that are none" "such as 0-9 or 0,3,7-9, found '3-1'" $bc --seeds 3-1 \
  --out "$scratch/no"
refuse "the same seed twice" "each run once, found seed-1 twice" $bc --seeds 0-1,1 \
  --out "$scratch/no"
refuse "--seed beside --seeds" "no --seed beside it" $bc --seeds 0-1 --seed 3 --out "$scratch/no"
refuse "a sweep without values" "key=a,b,c" $bc --sweep hidden --out "$scratch/no"
refuse "a swept setting that is none" "no setting 'hiden'; the nearest is 'hidden'" $bc \
  --sweep hiden=1,2 --out "$scratch/no"
refuse "one value that is wrong, before anything begins" "learning_rate" $bc \
  --sweep learning_rate=0.1,fast --out "$scratch/no"
refuse "runs that are there" "seed-0 holds a run already" $bc --seeds 0-2 --out "$scratch/many"
sum_up
