"""Writes the seeds of the fuzz targets: small, and one for each thing that a parser does.

    python3 tests/fuzz/seeds.py        writes tests/fuzz/corpus/TARGET/

Needs NumPy. What a fuzzer found is added to the folders by hand, under a name of its own.
"""

import io
import json
import pathlib
import struct
import zipfile

import numpy as np

CORPUS = pathlib.Path(__file__).parent / "corpus"


def put(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def npy_bytes(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def raw_npy(header, data=b""):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def npy():
    grid = np.arange(6).reshape(2, 3)
    for kind in "<f4 <f8 |i1 |u1 >i2 <u2 >i4 <u4 <i8 >u8 |b1 <f2".split():
        put("npy", f"type_{kind[1:]}", npy_bytes(grid.astype(kind)))
    put("npy", "fortran", npy_bytes(np.asfortranarray(grid.astype("<u2"))))
    put("npy", "scalar", npy_bytes(np.float32(1.5)))
    put("npy", "empty", npy_bytes(np.zeros((3, 0, 2), "<f4")))
    put("npy", "version_2", npy_bytes(grid.astype("|u1"), (2, 0)))
    put("npy", "version_3", npy_bytes(grid.astype("|u1"), (3, 0)))
    put("npy", "short", raw_npy(b"{'descr':'|u1','fortran_order':True,'shape':(1,2)}", b"ab"))
    put("npy", "huge",
        raw_npy(b"{'descr':'<f8','fortran_order':True,'shape':(1152921504606846976,)}"))
    put("npy", "objects", raw_npy(b"{'descr':'|O','fortran_order':False,'shape':(1,)}", b"x"))
    put("npy", "structure", raw_npy(b"{'descr':[('x','<f4')],'fortran_order':False,'shape':(1,)}"))


def npz():
    tiny = raw_npy(b"{'descr':'|u1','fortran_order':False,'shape':(2,)}", b"ab")
    zeros = raw_npy(b"{'descr':'|u1','fortran_order':False,'shape':(99,)}", bytes(99))
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        for zip64 in (False, True):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", method) as archive:
                for member, data in (("a.npy", tiny), ("b/c.npy", zeros), ("note.txt", b"hello")):
                    entry = zipfile.ZipInfo(member)  # dated 1980: the same seeds every time
                    entry.compress_type = method
                    with archive.open(entry, "w", force_zip64=zip64) as out:
                        out.write(data)
            put("npz", name + ("_zip64" if zip64 else ""), file.getvalue())

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.npy"), tiny)
    put("npz", "streamed", pipe.data)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.npy"), tiny)
        archive.comment = b"a comment"
    put("npz", "comment", file.getvalue())
    put("npz", "empty", b"PK\5\6" + bytes(18))


def csv():
    put("csv", "demonstrations",
        b"episode,t,obs_0,act_0,rew,terminal\n0,0,0.5,1,-1,0\n0,1,1e-3,0,,1\n")
    put("csv", "quoted", b'a,"b ""c"""\r\n"1,\n2",x\r\n"",\r\n')
    put("csv", "mark", b"\xef\xbb\xbfa\n1\n-2.5e+10\nnan\ninf\n")
    put("csv", "empty_cells", b"a,,b\n,,\n,,")
    put("csv", "integers", b"a\n9223372036854775807\n-9223372036854775808\n18446744073709551616\n")
    put("csv", "ragged", b"a,b\n1,2\n3\n")
    put("csv", "semicolons", b"# a ;b\r\n1,5; 2\r\n-3,0e2;\"x;y\"\r\n\r\n")
    put("csv", "tabs", b"a\tb\n1\t+2\n")
    put("csv", "one_column", b'a\n""\n\nx\n')


def file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(kind, shape, begin, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def arrays(**named):
    """A .safetensors file without the package that writes them."""
    kinds = {"f4": "F32", "f8": "F64", "i8": "I64", "b1": "BOOL", "u1": "U8"}
    header, data = {}, b""
    for name, array in named.items():
        header[name] = entry(kinds[array.dtype.str[1:]], list(array.shape), len(data),
                             len(data) + array.nbytes)
        data += array.tobytes()
    return file(header, data)


def problems():
    """A corridor of three cells, the last of which ends it, as each kind of problem."""
    chain = dict(
        n_states=np.array(3), n_actions=np.array(2), state=np.array([0, 0, 0, 1]),
        action=np.array([0, 1, 1, 1]), next_state=np.array([0, 1, 0, 2]),
        probability=np.array([1, .75, .25, 1]), discount=np.array(.9))
    more = dict(
        plain={}, ends=dict(terminal=np.array([False, False, True])),
        horizon=dict(horizon=np.array(4), initial=np.array([.5, .5, 0])),
        grid=dict(shape=np.array([1, 3]), reward=np.arange(6.).reshape(3, 2)),
        features=dict(features=np.arange(6.).reshape(3, 2)),
        pairs=dict(features=np.arange(6.).reshape(3, 2, 1)),
        links=dict(transition_features=np.arange(4.).reshape(4, 1)),
        goals=dict(goal_id=np.array([0, 1, 1]), goal_state=np.array([2, 0, 1])),
        huge=dict(n_states=np.array(2**31 - 1)), wraps=dict(shape=np.array([2**62, 4])))
    for name, columns in more.items():
        put("problems", name, arrays(**{**chain, **columns}))


def arrow():
    """Numbers of tables that the target itself writes, and a table that `datasets` wrote."""
    for name, data in dict(plain=[0], numbers=[1], large=[6, 0, 2, 0], fixed=[9], nulls=[12],
                           file=[16]).items():
        put("arrow", name, bytes(data))
    golden = pathlib.Path(__file__).parents[1] / "golden/imitation/data-00001-of-00002.arrow"
    put("arrow", "imitation", golden.read_bytes())


def safetensors():
    put("safetensors", "empty", file({}))
    put("safetensors", "metadata", file({"__metadata__": {"a\n\"": "\u00e9\U0001d11e\\", "b": ""}}))
    put("safetensors", "two",
        file({"b": entry("U8", [2], 4, 6), "a": entry("F32", [1, 1], 0, 4)}, b"abcdef"))
    put("safetensors", "scalar", file({"s": entry("I16", [], 0, 2)}, b"ab"))
    put("safetensors", "hollow",
        file({"h": entry("F64", [0, 5], 0, 0), "i": entry("BOOL", [2], 0, 2)}, b"\0\1"))
    put("safetensors", "narrow",
        file({"h": entry("F16", [1], 0, 2), "g": entry("BF16", [1], 2, 4)}, b"abcd"))
    put("safetensors", "blanks",
        file(b'{ "a" : {"shape":[ ] ,\r\n\t"dtype":"\\u00558", "data_offsets":[0,1]} }   ', b"x"))
    put("safetensors", "overlap",
        file({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"abc"))
    put("safetensors", "huge", file({"a": entry("F32", [1 << 60], 0, 4)}, b"abcd"))
    put("safetensors", "surrogate", file(b'{"__metadata__":{"\\ud834\\udd1e":"\\ud834"}}'))


def policies():
    def put_policy(name, **fields):
        plain = {"observation.shape": "4", "action.kind": "continuous", "action.size": "2"}
        named = {key.replace("__", "."): value for key, value in fields.items()}
        put("policies", name, file({"__metadata__": {
            f"policy.{key}": value for key, value in {**plain, **named}.items()}}))

    put_policy("plain")
    put_policy("choices", action__kind="discrete", head="categorical", trunk__hidden="")
    put_policy("bits", action__kind="multi_binary", head="bernoulli", trunk__activation="relu")
    put_policy("bins", head="independent_bins", head__bins="8", action__low="-1,-inf",
               action__high="1,1e3", head__edges="0,.5,1", head__bin_placement="uniform")
    put_policy("order", head="autoregressive", head__order="1,0", head__hidden="5,6")
    put_policy("mixture", head="full_mixture", head__components="3",
               head__min_std="1e-3", trunk="lstm", trunk__hidden="8,16")
    put_policy("images", observation__shape="3,8,8", trunk__convolutions="4,3,2,1,8,3,1,0",
               initialization="he")
    put_policy("embedded", observation__vocabularies="7,9", trunk__embedding="3",
               head="best_of", head__latent="2", head__draws="4", head__hidden="5")
    put_policy("normalized", normalize_observations="true", clip_observations="5",
               last_scale="0.01", head__state_dependent_std="true", head__initial_std="2")
    put_policy("huge", observation__shape="4294967296,4294967296", head__bins="99999999999")
    put_policy("unknown", trunk__depth="3")


def demonstrations():
    obs, whole = np.arange(10, dtype="<f4").reshape(5, 2), np.array([0, 1, 0], "<i8")
    put("demonstrations", "indices", arrays(
        obs=obs, acts=whole, rews=np.ones(3, "<f4"), terminal=np.array([True, False]),
        indices=np.array([1], "<i8")))
    put("demonstrations", "episode_ends", arrays(
        obs=obs[:3], acts=np.ones((3, 1), "<f8"), episode_ends=np.array([1, 3], "<i8")))
    put("demonstrations", "one", arrays(obs=obs[:4], acts=np.ones((3, 2), "<f4")))
    put("demonstrations", "tabular", arrays(
        obs=np.arange(5, dtype="<i8"), acts=whole, indices=np.array([1], "<i8"),
        goal=np.array([7, 8], "<i8")))
    put("demonstrations", "picture", arrays(obs=np.zeros((2, 2, 2), "|u1"), acts=whole[:1]))
    flat = dict(observations=obs[:3], actions=whole, next_observations=obs[1:4])
    put("demonstrations", "transitions", arrays(
        **flat, terminals=np.array([False, True, False]), timeouts=np.array([0, 0, 1], "|u1")))
    put("demonstrations", "dones", arrays(**flat, dones=np.array([0, 1, 0], "<f4")))
    put("demonstrations", "columns", arrays(**{
        "observation.state": obs[:3], "action": whole, "next.done": np.array([0, 1, 0], "<i8"),
        "episode_index": np.array([4, 4, 7], "<i8"), "frame_index": np.array([0, 1, 0], "<i8")}))
    put("demonstrations", "lengths", arrays(
        obs=obs, acts=whole, episode_lengths=np.array([2, 1], "<i8"),
        truncated=np.array([True, False]), terminal=np.array([False, False])))
    put("demonstrations", "spreadsheet",
        b"episode;t;obs_0;act_0;done;next_obs_0\r\n0;1;2,5;0,5;0;3\r\n0;2;3;1,5;1;4\r\n")
    put("demonstrations", "flags", b"t,obs_0,act_0,terminated,truncated\n0,1,.5,0,0\n1,2,.5,1,0\n"
        b"0,3,.5,0,1\n")
    put("demonstrations", "table",
        b"episode,t,obs_0,obs_1,act_0,rew,terminal\n0,0,1,2.5,0.0,1,0\n0,1,1,2,,,\n"
        b"3,0,1,2,1.5,1,1\n3,1,4,5,,,\n")
    put("demonstrations", "person", b"x,y,action\n1,2.5,0\n1,nan,1\n")
    put("demonstrations", "plain", b"obs,act,terminal\n1,0,false\n2,1,true\n")


if __name__ == "__main__":
    npy()
    npz()
    arrow()
    csv()
    safetensors()
    policies()
    demonstrations()
    problems()
