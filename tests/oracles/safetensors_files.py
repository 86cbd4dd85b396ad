"""Holds our .safetensors files against the package `safetensors`.

    safetensors_files.py read FILE    every array must hold the pattern of its name's type
    safetensors_files.py write FILE   writes theirs, for us to read

Patterns and names as in numpy_files.py. Exit code 77: a package is not installed.
"""

import sys

from numpy_files import SHAPES, TYPES, pattern, same

try:
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file
except ImportError:
    sys.exit(77)

METADATA = {"plain": "text", "quotes \"\\": "line\nbreak\ttab \x01", "wide": "Ω 𝄞 é"}


def main():
    names = {f"{kind}_{shape}" for kind in TYPES for shape in SHAPES}
    if sys.argv[1] == "read":
        arrays = load_file(sys.argv[2])
        if set(arrays) != names:
            sys.exit(f"names differ: {sorted(set(arrays) ^ names)}")
        for name, array in arrays.items():
            kind, shape = name.split("_")
            if not same(array, pattern(kind, SHAPES[shape])):
                sys.exit(f"{name}: {array!r}")
        with safe_open(sys.argv[2], framework="np") as file:
            if file.metadata() != METADATA:
                sys.exit(f"metadata: {file.metadata()!r}")
    else:
        save_file({name: pattern(name.split("_")[0], SHAPES[name.split("_")[1]])
                   for name in names}, sys.argv[2], metadata=METADATA)


if __name__ == "__main__":
    main()
