"""Holds our .npy and .npz files against NumPy's own reader and writer.

    numpy_files.py read FILE.npz            every array must hold the pattern of its name's type
    numpy_files.py write FOLDER             writes theirs: arrays of every kind, for us to read
    numpy_files.py npy FILE.npy TYPE SHAPE  one file: its type and shape

The pattern: element i (in C order) of type T is i * 7 + 3, cut to the type's width; a bool is
i % 3 == 0. Exit code 77: NumPy is not installed.
"""

import sys

try:
    import numpy as np
except ImportError:
    sys.exit(77)

TYPES = {"f32": "f4", "f64": "f8", "i8": "i1", "u8": "u1", "i16": "i2", "u16": "u2", "i32": "i4",
         "u32": "u4", "i64": "i8", "u64": "u8", "bool": "?", "f16": "f2"}
SHAPES = {"scalar": (), "none": (0,), "one": (1,), "row": (7,), "grid": (3, 5),
          "hollow": (4, 0, 2), "deep": (2, 3, 4, 5)}


def pattern(kind, shape):
    index = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64)
    if kind == "bool":
        return (index % 3 == 0).reshape(shape)
    return (index * 7 + 3).astype(TYPES[kind]).reshape(shape)


def same(ours, expected):
    return (ours.dtype == expected.dtype and ours.shape == expected.shape
            and ours.tobytes() == expected.tobytes())


def main():
    if sys.argv[1] == "read":
        with np.load(sys.argv[2], allow_pickle=False) as archive:
            names = set(archive.files)
            expected = {f"{kind}_{shape}" for kind in TYPES for shape in SHAPES}
            if names != expected:
                sys.exit(f"names differ: {sorted(names ^ expected)}")
            for name in names:
                kind, shape = name.split("_")
                if not same(archive[name], pattern(kind, SHAPES[shape])):
                    sys.exit(f"{name}: {archive[name]!r}")
    elif sys.argv[1] == "npy":
        array = np.load(sys.argv[2], allow_pickle=False)
        shape = tuple(int(n) for n in sys.argv[4].split(",") if n)
        if not same(array, pattern(sys.argv[3], shape)):
            sys.exit(f"{sys.argv[2]}: {array!r}")
    else:
        folder = sys.argv[2]
        arrays = {}
        for kind in TYPES:
            for name, shape in SHAPES.items():
                plain = pattern(kind, shape)
                arrays[f"{kind}_{name}"] = plain
                np.save(f"{folder}/{kind}_{name}_little.npy", plain)
                np.save(f"{folder}/{kind}_{name}_big.npy",
                        plain.astype(plain.dtype.newbyteorder(">")))
                np.save(f"{folder}/{kind}_{name}_fortran.npy", np.array(plain, order="F"))
                for version in ((2, 0), (3, 0)):
                    with open(f"{folder}/{kind}_{name}_v{version[0]}.npy", "wb") as file:
                        np.lib.format.write_array(file, plain, version=version)
        np.savez(f"{folder}/stored.npz", **arrays)
        np.savez_compressed(f"{folder}/deflated.npz", **arrays)
        # a pipe cannot be gone back in: sizes come after the data
        with open(f"{folder}/streamed.npz", "wb") as file:
            class Pipe:
                def write(self, data):
                    return file.write(data)

                def flush(self):
                    file.flush()
            import zipfile
            with zipfile.ZipFile(Pipe(), "w") as archive:
                for name, array in arrays.items():
                    with archive.open(name + ".npy", "w") as member:
                        np.lib.format.write_array(member, array)


if __name__ == "__main__":
    main()
