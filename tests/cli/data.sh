#!/usr/bin/env bash
# What people's own files do to the verbs that read them: memory, images, names, what is remarked.
# Run from the root after the command is built.
set -u
. tests/cli/checks.bash

# save FILE NAME=EXPRESSION...: an .npz of what the Python expressions give, lists or (type, shape,
# bytes), without NumPy.
save() {
  python3 - "$@" << 'PYTHON'
import random, struct, sys, zipfile
random.seed(1)
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for given in sys.argv[2:]:
        name, expression = given.split("=", 1)
        value = eval(expression)
        if isinstance(value, tuple):
            kind, shape, data = value
        else:
            kind = "<i8" if all(isinstance(x, int) for x in value) else "<f4"
            data = struct.pack(f"<{len(value)}{'q' if kind == '<i8' else 'f'}", *value)
            shape = (len(value),)
        header = str({"descr": kind, "fortran_order": False, "shape": shape})
        header += " " * (-(len(header) + 11) % 64) + "\n"
        with archive.open(name + ".npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
            member.write(data)
PYTHON
}

# peak COMMAND...: its peak of resident memory in kB; what it prints on standard error goes to
# $scratch/err, its exit code to $scratch/code.
peak() {
  python3 - "$scratch" "$@" << 'PYTHON'
import resource, subprocess, sys
scratch, command = sys.argv[1], sys.argv[2:]
with open(scratch + "/err", "w") as err:
    code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=err).returncode
open(scratch + "/code", "w").write(str(code))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PYTHON
}

# 60 MB of pictures, 600 episodes without last observations.
save "$scratch/pictures.npz" \
  'obs=("|u1", (6000, 58, 58, 3), random.randbytes(6000 * 58 * 58 * 3))' \
  'acts=[i % 3 for i in range(6000)]' 'episode_lengths=[10] * 600'
bare=$(peak "$understudy" info)
kilobytes=$(($(wc -c < "$scratch/pictures.npz") / 1024))
for settings in "" "convolutions= hidden=100,100" "convolutions=32,8,4,1,64,4,2,1 hidden=64"; do
  rm -rf "$scratch/run"
  # shellcheck disable=SC2086  # settings are words
  used=$(peak "$understudy" train bc --demos "$scratch/pictures.npz" --out "$scratch/run" \
    --iterations 1 --set steps=3 $settings --threads 2)
  hold "pictures take at most 2.5 times their file to learn from ($settings)" "$(
    [ "$(cat "$scratch/code")" = 0 ] && [ $((2 * (used - bare))) -le $((5 * kilobytes)) ] ||
      { echo "$used kB, bare $bare kB, file $kilobytes kB"; cat "$scratch/err"; })"
done
hold "train says what images were taken for, and what memory they take" "$(
  grep -q "remark: observations of shape \[58, 58, 3\] as images: 3 channels last" "$scratch/err" &&
    grep -q "remark: observations are bytes, 60.6 MB, read where they lie" "$scratch/err" ||
    cat "$scratch/err")"
"$understudy" inspect "$scratch/pictures.npz" --json > "$scratch/inspect.json"
hold "and inspect says the same" "$(json "$scratch/inspect.json" \
  'any("as images" in r for r in found["remarks"]) and
   any("60.6 MB" in r for r in found["remarks"])')"
hold "inspect takes no more memory than the file" "$(
  used=$(peak "$understudy" inspect "$scratch/pictures.npz")
  [ $((4 * (used - bare))) -le $((5 * kilobytes)) ] || echo "$used kB, bare $bare kB")"
# The system counts what a process may not give back: less than the file is enough.
hold "a file larger than the memory that is there is learned from" "$(
  rm -rf "$scratch/run"
  (ulimit -d 56000 && "$understudy" train bc --demos "$scratch/pictures.npz" --out "$scratch/run" \
    --iterations 1 --set steps=3 batch_size=32 hidden=8 --threads 1 --quiet) 2>&1 ||
    echo "exit $?")"

# Images of which nobody can tell, and images that are plain.
save "$scratch/cubes.npz" 'obs=("|u1", (20, 16, 16, 16), random.randbytes(20 * 16 ** 3))' \
  'acts=[i % 2 for i in range(20)]'
save "$scratch/grey.npz" 'obs=("|u1", (20, 16, 16, 1), random.randbytes(20 * 16 ** 2))' \
  'acts=[i % 2 for i in range(20)]'
rm -rf "$scratch/run"
refuse "images whose channels may be first or last" "image_layout=channels_first" train bc \
  --demos "$scratch/cubes.npz" --set convolutions=4,3,1,0 --out "$scratch/run"
for given in "cubes image_layout=channels_last" "grey"; do
  rm -rf "$scratch/run"
  # shellcheck disable=SC2086  # the file, and perhaps a setting
  set -- $given
  hold "a network of convolutions learns from $given" "$(
    "$understudy" train bc --demos "$scratch/$1.npz" --set convolutions=4,3,1,0 "${@:2}" \
      --iterations 1 --out "$scratch/run" --quiet 2>&1 || echo "exit $?"
    "$understudy" predict "$scratch/run" --inputs "$scratch/$1.npz" --out "$scratch/y.npz" \
      --quiet 2>&1 || echo "exit $?")"
done

# What is read under other names, left out or assumed is said once, by every verb.
save "$scratch/flat.npz" 'observations=("<f4", (60, 2), struct.pack("<120f", *range(120)))' \
  'actions=[i % 2 for i in range(60)]' 'dones=[int(i % 10 == 9) for i in range(60)]' \
  'weather=[0] * 60'
rm -rf "$scratch/run"
"$understudy" train bc --demos "$scratch/flat.npz" --out "$scratch/run" --iterations 1 \
  > "$scratch/out" 2> "$scratch/err"
hold "train says what it left out, and that flags tell episodes apart" "$(
  [ "$(grep -c 'remark: not read: weather' "$scratch/err")" = 1 ] &&
    grep -q 'remark: `dones` say where episodes end' "$scratch/err" || cat "$scratch/err")"
for verb in "eval $scratch/run --demos" "inspect"; do
  # shellcheck disable=SC2086  # a verb and its arguments
  "$understudy" $verb "$scratch/flat.npz" > "$scratch/out" 2>&1
  hold "and so does ${verb%% *}" "$(
    [ "$(grep -c 'not read: weather' "$scratch/out")" = 1 ] || cat "$scratch/out")"
done
"$understudy" inspect "$scratch/flat.npz" --json > "$scratch/inspect.json"
hold "six episodes, not one" "$(json "$scratch/inspect.json" \
  'found["episodes"] == 6 and found["steps"] == 60')"
rm -rf "$scratch/run"
hold "nothing is said where it is to be quiet" "$("$understudy" train bc --quiet --iterations 1 \
  --demos "$scratch/flat.npz" --out "$scratch/run" 2>&1)"
printf '\x89HDF\r\n\x1a\n' > "$scratch/d.hdf5"
refuse "another's format" 'HDF5, as D4RL has it: python3 -c ' train bc \
  --demos "$scratch/d.hdf5" --out "$scratch/other"
refuse "another's format, inspected" 'HDF5, as D4RL has it: python3 -c ' inspect "$scratch/d.hdf5"
sum_up
