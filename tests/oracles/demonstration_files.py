"""Holds our demonstration files against how the library `imitation` reads and writes its own.

    demonstration_files.py read FILE    FILE must split into the three episodes below
    demonstration_files.py write FILE   writes them, with `infos` pickled as that library does

Exit code 77: NumPy is not installed.
"""

import sys

try:
    import numpy as np
except ImportError:
    sys.exit(77)

LENGTHS = [3, 1, 4]


def episodes():
    for number, length in enumerate(LENGTHS):
        rows = np.arange((length + 1) * 2, dtype=np.float32).reshape(length + 1, 2)
        yield {"obs": rows + 100 * number, "acts": np.arange(length, dtype=np.int64) % 2,
               "rews": np.full(length, 0.5 * number, np.float32), "terminal": number == 1}


def main():
    if sys.argv[1] == "write":
        all_episodes = list(episodes())
        infos = np.empty(sum(LENGTHS), dtype=object)
        infos[:] = [{} for _ in range(sum(LENGTHS))]
        np.savez_compressed(
            sys.argv[2], infos=infos, indices=np.cumsum(LENGTHS[:-1]),
            terminal=np.array([e["terminal"] for e in all_episodes]),
            **{key: np.concatenate([e[key] for e in all_episodes])
               for key in ("obs", "acts", "rews")})
        return
    data = np.load(sys.argv[2], allow_pickle=True)
    boundaries = data["indices"]
    # each episode has an observation more than it has actions
    split = {"obs": np.split(data["obs"], boundaries + np.arange(len(boundaries)) + 1)}
    for key in ("acts", "infos", "rews"):
        split[key] = np.split(data[key], boundaries)
    for number, expected in enumerate(episodes()):
        for key in ("obs", "acts", "rews"):
            ours = split[key][number]
            if ours.dtype != expected[key].dtype or not np.array_equal(ours, expected[key]):
                sys.exit(f"episode {number}, {key}: {ours!r}")
        if len(split["infos"][number]) != len(expected["acts"]):
            sys.exit(f"episode {number}: {len(split['infos'][number])} infos")
        if data["terminal"][number] != expected["terminal"]:
            sys.exit(f"episode {number}: terminal")


if __name__ == "__main__":
    main()
