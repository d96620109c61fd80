"""Makes goldens anew with PyTorch and compares them with those in test/goldens: the `small` case of alexnet.json, all layers
of layers.json, and the runs of train-*.json.

Run it as scripts/goldens.py. Another version of PyTorch, or another processor, adds in another order: the numbers agree
to the digits that are stored (9, of layers 15), or to a few units of the last.
"""

import importlib
import json
import pathlib

import numpy as np

import goldens

TOLERANCE = 1e-8
LAYER_TOLERANCE = 1e-13

stored = json.loads((pathlib.Path(__file__).resolve().parent.parent / "test/goldens/alexnet.json").read_text())
goldens.require_the_same_bits()
expected, found = stored["cases"]["small"], goldens.golden(goldens.CASES["small"])
for name in ("imageSize", "batch", "seed"):
    if expected[name] != found[name]:
        raise SystemExit(f"{name}: {found[name]}, but {expected[name]} is stored")
if list(expected["tensors"]) != list(found["tensors"]):
    raise SystemExit(f"tensors: {list(found['tensors'])}, but {list(expected['tensors'])} are stored")

worst = 0.0
for name, tensor in expected["tensors"].items():
    again = found["tensors"][name]
    if tensor["shape"] != again["shape"] or tensor["positions"] != again["positions"]:
        raise SystemExit(f"{name}: the shape or the positions are not those stored")
    difference = np.abs(np.subtract(tensor["values"], again["values"])).max() / tensor["maxAbs"]
    error = max(difference, abs(again["norm"] / tensor["norm"] - 1), abs(again["maxAbs"] / tensor["maxAbs"] - 1))
    if not error <= TOLERANCE:
        raise SystemExit(f"{name}: differs from what is stored by {error:.1e}, over {TOLERANCE:.0e}")
    worst = max(worst, error)
print(f"goldens: {len(expected['tensors'])} tensors made anew by PyTorch agree to {worst:.1e}")

layers = importlib.import_module("layer-goldens")
expected = json.loads(layers.FILE.read_text())
if expected["seed"] != layers.SEED or list(expected["cases"]) != list(layers.CASES):
    raise SystemExit("layers.json: its seed or its cases are not those of scripts/layer-goldens.py")


def differences(where, stored, again):
    """Of each list of numbers, its largest difference over its largest value; all else must be the same."""
    if type(stored) is not type(again):
        raise SystemExit(f"{where}: {again} was made, but {stored} is stored")
    if isinstance(stored, dict):
        if list(stored) != list(again):
            raise SystemExit(f"{where}: has {list(again)}, but {list(stored)} are stored")
        return max((differences(f"{where}, {key}", stored[key], again[key]) for key in stored), default=0.0)
    if isinstance(stored, list) and stored and isinstance(stored[0], float):
        if len(stored) != len(again):
            raise SystemExit(f"{where}: {len(again)} values, but {len(stored)} are stored")
        return np.abs(np.subtract(stored, again)).max() / np.abs(stored).max()
    if isinstance(stored, list) and stored and isinstance(stored[0], list) and len(stored) == len(again):
        return max(differences(where, *each) for each in zip(stored, again))
    if stored != again:
        raise SystemExit(f"{where}: {again} was made, but {stored} is stored")
    return 0.0


worst = 0.0
for name, case in layers.CASES.items():
    error = differences(f"layers.json, {name}", expected["cases"][name], layers.golden(name, case))
    if not error <= LAYER_TOLERANCE:
        raise SystemExit(f"layers.json, {name}: differs from what is stored by {error:.1e}, over {LAYER_TOLERANCE:.0e}")
    worst = max(worst, error)
print(f"goldens: {len(layers.CASES)} layers made anew by PyTorch agree to {worst:.1e}")

train = importlib.import_module("train-goldens")
worst = 0.0
for name, case in train.CASES.items():
    expected = json.loads(train.file_of(name).read_text())
    found = train.golden(case)
    for field in case:
        if expected[field] != found[field]:
            raise SystemExit(f"train-{name}: {field} is {found[field]}, but {expected[field]} is stored")
    if list(expected["norms"]) != list(found["norms"]):
        raise SystemExit(f"train-{name}: norms of {list(found['norms'])}, but of {list(expected['norms'])} are stored")
    stored = np.array([*expected["losses"], *expected["norms"].values()])
    made = np.array([*found["losses"], *found["norms"].values()])
    # A norm stored as 0, which has no ratio, must be 0 again: an error over the least float is infinite
    error = (np.abs(made - stored) / np.maximum(np.abs(stored), np.finfo(float).tiny)).max()
    if not error <= TOLERANCE:
        raise SystemExit(f"train-{name}: differs from what is stored by {error:.1e}, over {TOLERANCE:.0e}")
    worst = max(worst, error)
print(f"goldens: {len(train.CASES)} runs of {train.STEPS} steps made anew by PyTorch agree to {worst:.1e}")
