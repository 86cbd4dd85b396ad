"""Holds our demonstration files against how the library `imitation` reads and writes its own.

    demonstration_files.py read FILE        FILE must split into the three episodes below
    demonstration_files.py write FILE       writes them, with `infos` pickled as that library did
    demonstration_files.py exchange FOLDER  that library itself must load the three episodes from
                                            FOLDER/ours.npz, and saves more of every kind, each as
                                            FOLDER/KIND and its numbers as FOLDER/KIND.npz

Exit code 77: NumPy, or for the last one `imitation`, is not installed.
tests/golden/imitation is what was left in FOLDER/three (imitation 1.0.1, datasets 5.0.1).
"""

import sys
import warnings

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


def arrays(all_episodes):
    """What an .npz has of them, `infos` left out."""
    return {"indices": np.cumsum([len(e["acts"]) for e in all_episodes])[:-1],
            "terminal": np.array([e["terminal"] for e in all_episodes]),
            **{key: np.concatenate([e[key] for e in all_episodes])
               for key in ("obs", "acts", "rews") if key in all_episodes[0]}}


def kinds():
    """By name: episodes, and how many files they are saved as; None: the library's own choice."""
    random = np.random.default_rng(0)

    def some(count, row=(4,), real=np.float32, action=None, rewards=True):
        made = []
        for _ in range(count):
            length = int(random.integers(1, 9))
            one = {"obs": (100 * random.standard_normal((length + 1, *row))).astype(real),
                   "acts": random.integers(0, 5, length) if action is None
                   else random.standard_normal((length, action)).astype(real),
                   "terminal": bool(random.integers(0, 2))}
            if rewards:
                one["rews"] = random.standard_normal(length)
            made.append(one)
        return made

    yield "three", list(episodes()), 2
    yield "discrete", some(5), None
    yield "continuous", some(5, action=3), None
    yield "doubles", some(5, real=np.float64, action=2, rewards=False), None
    yield "halves", some(2, real=np.float16), None
    yield "pictures", some(3, row=(2, 5, 3), real=np.uint8), None
    yield "one", some(1, row=(1,), action=1), None
    yield "states", [dict(e, obs=np.arange(len(e["acts"]) + 1)) for e in some(4)], None
    yield "files", some(40), 12
    yield "batches", some(2100, row=(2,)), None


def exchange(folder):
    try:
        from imitation.data import huggingface_utils, serialize, types
    except ImportError:
        sys.exit(77)
    huggingface_utils.datasets.disable_progress_bars()
    for name, all_episodes, files in kinds():
        made = [(types.TrajectoryWithRew if "rews" in e else types.Trajectory)(infos=None, **e)
                for e in all_episodes]
        if files is None:
            serialize.save(f"{folder}/{name}", made)
        else:
            table = huggingface_utils.trajectories_to_dataset(made)
            table.save_to_disk(f"{folder}/{name}", num_shards=files)
        np.savez(f"{folder}/{name}.npz", **arrays(all_episodes))

    warnings.simplefilter("ignore", DeprecationWarning)
    found = serialize.load_with_rewards(f"{folder}/ours.npz")
    if len(found) != len(LENGTHS):
        sys.exit(f"{len(found)} episodes")
    for number, (ours, expected) in enumerate(zip(found, episodes())):
        for key in ("obs", "acts", "rews"):
            if not np.array_equal(getattr(ours, key), expected[key]):
                sys.exit(f"episode {number}, {key}: {getattr(ours, key)!r}")
        if bool(ours.terminal) != expected["terminal"]:
            sys.exit(f"episode {number}: terminal")


def main():
    if sys.argv[1] == "exchange":
        return exchange(sys.argv[2])
    if sys.argv[1] == "write":
        infos = np.empty(sum(LENGTHS), dtype=object)
        infos[:] = [{} for _ in range(sum(LENGTHS))]
        return np.savez_compressed(sys.argv[2], infos=infos, **arrays(list(episodes())))
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
