"""Makes goldens anew with PyTorch and compares them with those in test/goldens: the `small` case of alexnet.json, and the
runs of train-*.json.

Run it as scripts/goldens.py. Another version of PyTorch, or another processor, adds in another order: the numbers agree
to the 9 digits that are stored, or to one unit of the last.
"""

import importlib
import json
import pathlib

import numpy as np

import goldens

TOLERANCE = 1e-8

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
    ratios = np.divide([*found["losses"], *found["norms"].values()], [*expected["losses"], *expected["norms"].values()])
    error = np.abs(ratios - 1).max()
    if not error <= TOLERANCE:
        raise SystemExit(f"train-{name}: differs from what is stored by {error:.1e}, over {TOLERANCE:.0e}")
    worst = max(worst, error)
print(f"goldens: {len(train.CASES)} runs of {train.STEPS} steps made anew by PyTorch agree to {worst:.1e}")
