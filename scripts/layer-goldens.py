"""Writes test/goldens/layers.json: single layers by PyTorch in float64, forward and backward.

Run it as scripts/goldens.py. It knows convmark's options and layouts, and shares no code with src/. The file has a seed and by each case's
name:

    kind, options      of the layer, as convmark has them
    batch, inputs      the inputs' shapes, an image's: (H, W, C) or (C)
    steps              of a batch norm in training: so many batches follow each other, the numbers are those of the last one;
                       without it a batch norm computes with its running statistics
    output             (N, H, W, C) or (N, C), as {shape, values}
    inputGradients     one an input, given the output's gradient
    gradients          of the parameters, by name
    statistics         the running statistics after the last step, by name

What a layer is given is made again from the seed, float32: normal(values, {seed, tensor}) with tensor `<case>/input0`, `<case>/weights`,
`<case>/outputGradient` ...; of a batch norm's later steps `<case>/input0/1` and so on; a variance is the absolute value + 0.5.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import goldens

SEED = 7
IMAGE = [5, 6, 2]

# ---- what layers do --------------------------------------------------------------------------------------------------


def pair(extent):
    return tuple(extent) if isinstance(extent, list) else (extent, extent)


def sides_of(options, x, kernel, stride):
    """(top, bottom, left, right)"""
    padding = options.get("padding", "valid")
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        height, width = x.shape[2:]
        return (*goldens.same_padding(height, kernel[0], stride[0]), *goldens.same_padding(width, kernel[1], stride[1]))
    if isinstance(padding, dict):
        return padding["top"], padding["bottom"], padding["left"], padding["right"]
    if isinstance(padding, list) and len(padding) == 4:
        return tuple(padding)
    vertical, horizontal = pair(padding)
    return vertical, vertical, horizontal, horizontal


def padded(x, sides, value=0.0):
    top, bottom, left, right = sides
    return F.pad(x, (left, right, top, bottom), value=value)


def is_torchs_own(sides, kernel):
    """Whether PyTorch's poolings have this padding: even, half of the kernel at most."""
    top, bottom, left, right = sides
    return top == bottom and left == right and 2 * top <= kernel[0] and 2 * left <= kernel[1]


def activated(options, x):
    return {None: lambda x: x, "relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}[options.get("activation")](x)


def conv(options, inputs, weights, biases=None):
    (x,), stride, dilation = inputs, pair(options.get("stride", 1)), pair(options.get("dilation", 1))
    reach = [(size - 1) * step + 1 for size, step in zip(pair(options["kernel"]), dilation)]
    x = padded(x, sides_of(options, x, reach, stride))
    return activated(options, F.conv2d(x, weights.permute(3, 2, 0, 1), biases, stride, 0, dilation))


def dense(options, inputs, weights, biases=None):
    x = inputs[0]
    # Flattened in H, W, C order
    rows = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
    return activated(options, rows @ weights if biases is None else rows @ weights + biases)


def max_pool(options, inputs):
    x = inputs[0]
    if options["kernel"] == "global":
        return F.adaptive_max_pool2d(x, 1)
    kernel, stride, is_ceil = pair(options["kernel"]), pair(options.get("stride", 1)), options.get("ceilMode", False)
    sides = sides_of(options, x, kernel, stride)
    if is_torchs_own(sides, kernel):
        return F.max_pool2d(x, kernel, stride, (sides[0], sides[2]), ceil_mode=is_ceil)
    return F.max_pool2d(padded(x, sides, -torch.inf), kernel, stride, ceil_mode=is_ceil)


def average_pool(options, inputs):
    x = inputs[0]
    if options["kernel"] == "global":
        return F.adaptive_avg_pool2d(x, 1)
    kernel, stride, is_ceil = pair(options["kernel"]), pair(options.get("stride", 1)), options.get("ceilMode", False)
    sides, counts_padding = sides_of(options, x, kernel, stride), options.get("countPadding", False)
    if is_torchs_own(sides, kernel):
        return F.avg_pool2d(x, kernel, stride, (sides[0], sides[2]), is_ceil, counts_padding)
    if counts_padding:
        return F.avg_pool2d(padded(x, sides), kernel, stride, 0, is_ceil)
    # Sums, over the sums of ones, which have no padding
    sums, counts = (
        F.avg_pool2d(padded(values, sides), kernel, stride, 0, is_ceil, divisor_override=1)
        for values in (x, torch.ones_like(x))
    )
    return sums / counts


def batch_norm(options, inputs, scale, shift, mean, variance, is_training):
    momentum, epsilon = options.get("momentum", 0.1), options.get("epsilon", 1e-5)
    return activated(options, F.batch_norm(inputs[0], mean, variance, scale, shift, is_training, momentum, epsilon))


LAYERS = {
    "conv": conv,
    "dense": dense,
    "max-pool": max_pool,
    "average-pool": average_pool,
    "batch-norm": batch_norm,
    "add": lambda options, inputs: activated(options, sum(inputs)),
    "concat": lambda _, inputs: torch.cat(inputs, 1),
    "slice": lambda options, inputs: inputs[0][:, options["begin"] : options["end"]],
    "softmax": lambda _, inputs: torch.softmax(inputs[0], 1),
}
STATISTICS = ("mean", "variance")

# ---- the cases -------------------------------------------------------------------------------------------------------


def case(kind, options, inputs=(IMAGE,), batch=2, **others):
    return {"kind": kind, "options": options, "batch": batch, "inputs": list(inputs), **others}


def conv_case(kernel, **options):
    return case("conv", {"filters": 3, "kernel": kernel, **options}, batch=1)


SIDES = {"top": 1, "bottom": 0, "left": 0, "right": 1}
# Sizes at which the last window of ceil mode fits, reaches over, and would begin in the padding, and is left out
CEILINGS = {"whole": [5, 7, 2], "over": [6, 4, 2], "left out": [4, 6, 1]}


def ceil_cases(kind, **options):
    cases = {}
    for name, image in CEILINGS.items():
        # Windows of 2 in steps of 3, padded by 1: of 4 rows the last would begin behind them
        kernel, stride = (2, 3) if name == "left out" else (3, 2)
        own = {"kernel": kernel, "stride": stride, "padding": 1, "ceilMode": True, **options}
        cases[f"ceil mode, {name}"] = case(kind, own, [image])
    cases["ceil mode, no padding"] = case(kind, {"kernel": 3, "stride": 2, "ceilMode": True, **options}, [[6, 4, 2]])
    cases["ceil mode, uneven"] = case(
        kind, {"kernel": 3, "stride": 2, "padding": [1, 0, 2, 0], "ceilMode": True, **options}, [[5, 6, 2]]
    )
    return cases


def pool_cases(kind, **options):
    own = {
        "valid": {"kernel": 2},
        "overlapping": {"kernel": 3, "stride": 2},
        "same": {"kernel": [3, 2], "stride": 2, "padding": "same"},
        "padding of a number": {"kernel": 3, "stride": 2, "padding": 1},
        "padding of a pair": {"kernel": [2, 3], "stride": [1, 2], "padding": [0, 1]},
        "padding of four": {"kernel": 3, "stride": 2, "padding": [1, 2, 2, 0]},
        "padding of sides": {"kernel": 2, "stride": 2, "padding": SIDES},
    }
    cases = {name: case(kind, {**each, **options}, [[5, 4, 2]]) for name, each in own.items()}
    return {**cases, **ceil_cases(kind, **options)}


def named(prefix, cases):
    return {f"{prefix}: {name}": case for name, case in cases.items()}


CASES = {
    **named("conv", {
        "dilated": conv_case(2, dilation=2),
        "dilated by a pair, padded": conv_case([2, 3], dilation=[3, 1], padding=[2, 1]),
        "dilated, same": conv_case(3, dilation=2, padding="same", activation="relu"),
        "dilated with a stride": conv_case(2, dilation=2, stride=2, padding=1),
        "padding of four": conv_case(3, padding=[0, 2, 1, 0], stride=2),
        "padding of sides": conv_case(2, padding=SIDES),
        "no biases": conv_case(3, biases=False, padding=1, activation="tanh"),
    }),
    **named("dense", {
        "no biases": case("dense", {"units": 3, "biases": False}, [[2, 3, 2]]),
        "no biases, of channels": case("dense", {"units": 4, "biases": False, "activation": "sigmoid"}, [[5]]),
    }),
    **named("max-pool", {**pool_cases("max-pool"), "global": case("max-pool", {"kernel": "global"})}),
    **named("average-pool", {**pool_cases("average-pool"), "global": case("average-pool", {"kernel": "global"})}),
    **named("average-pool that counts padding", pool_cases("average-pool", countPadding=True)),
    **named("batch-norm", {
        "running statistics": case("batch-norm", {}, [[3, 2, 4]]),
        "running statistics, relu": case("batch-norm", {"activation": "relu", "epsilon": 1e-3}, [[2, 3, 3]]),
        "running statistics, of channels": case("batch-norm", {}, [[5]], 3),
        "training": case("batch-norm", {}, [[3, 2, 4]], 3, steps=5),
        "training, relu": case("batch-norm", {"activation": "relu", "momentum": 0.3}, [[2, 3, 3]], steps=5),
        "training, of channels": case("batch-norm", {"epsilon": 0.1, "activation": "tanh"}, [[5]], 4, steps=5),
    }),
    **named("add", {
        "two": case("add", {}, [[2, 3, 2]] * 2),
        "three, relu": case("add", {"activation": "relu"}, [[2, 3, 2]] * 3),
        "of channels, sigmoid": case("add", {"activation": "sigmoid"}, [[5]] * 2),
    }),
    **named("concat", {
        "three": case("concat", {}, [[2, 3, 2], [2, 3, 1], [2, 3, 3]]),
        "of channels": case("concat", {}, [[3], [4]]),
    }),
    **named("slice", {
        "the middle": case("slice", {"begin": 1, "end": 4}, [[2, 3, 5]]),
        "of channels": case("slice", {"begin": 2, "end": 5}, [[5]]),
    }),
    **named("softmax", {"of pixels": case("softmax", {}, [[2, 3, 4]]), "of channels": case("softmax", {}, [[6]])}),
}

# ---- one case --------------------------------------------------------------------------------------------------------


def made(name, shape):
    values = goldens.normal(int(np.prod(shape)), SEED, name).astype(np.float32).reshape(shape)
    return torch.tensor(values, dtype=torch.double)


def parameters_of(name, case):
    options, shape = case["options"], case["inputs"][0]
    shapes = {}
    if case["kind"] == "conv":
        shapes = {"weights": (*pair(options["kernel"]), shape[-1], options["filters"]), "biases": (options["filters"],)}
    if case["kind"] == "dense":
        shapes = {"weights": (int(np.prod(shape)), options["units"]), "biases": (options["units"],)}
    if case["kind"] == "batch-norm":
        shapes = dict.fromkeys(("scale", "shift", *STATISTICS), (shape[-1],))
    if options.get("biases") is False:
        del shapes["biases"]
    parameters = {part: made(f"{name}/{part}", shape) for part, shape in shapes.items()}
    if "variance" in parameters:
        parameters["variance"] = parameters["variance"].abs() + 0.5
    return {part: values.requires_grad_(part not in STATISTICS) for part, values in parameters.items()}


def of_torch(x):
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


def of_convmark(x):
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def rounded(tensor):
    return [float(f"{value:.15g}") for value in tensor.detach().flatten().tolist()]


def golden(name, case):
    parameters, steps = parameters_of(name, case), case.get("steps", 1)
    own = {"is_training": "steps" in case} if case["kind"] == "batch-norm" else {}
    for step in range(steps):
        suffix = f"/{step}" if step > 0 else ""
        leaves = [
            made(f"{name}/input{i}{suffix}", (case["batch"], *shape)).requires_grad_()
            for i, shape in enumerate(case["inputs"])
        ]
        output = LAYERS[case["kind"]](case["options"], [of_torch(leaf) for leaf in leaves], **parameters, **own)
    output = of_convmark(output)
    trained = {part: values for part, values in parameters.items() if part not in STATISTICS}
    all_gradients = torch.autograd.grad(
        output, [*leaves, *trained.values()], made(f"{name}/outputGradient", tuple(output.shape))
    )
    return {
        **case,
        "output": {"shape": list(output.shape), "values": rounded(output)},
        "inputGradients": [rounded(gradient) for gradient in all_gradients[: len(leaves)]],
        "gradients": {part: rounded(each) for part, each in zip(trained, all_gradients[len(leaves) :])},
        **({"statistics": {part: rounded(parameters[part]) for part in STATISTICS}} if "steps" in case else {}),
    }


FILE = pathlib.Path(__file__).resolve().parent.parent / "test" / "goldens" / "layers.json"


def main():
    goldens.require_the_same_bits()
    # One line a case, so that a change shows where it is
    lines = [
        f"{json.dumps(name)}:{json.dumps(golden(name, case), separators=(',', ':'))}" for name, case in CASES.items()
    ]
    head = {"madeBy": f"scripts/layer-goldens.py, PyTorch {torch.__version__}, float64", "seed": SEED}
    text = json.dumps(head, separators=(",", ":"))[:-1] + ',"cases":{\n' + ",\n".join(lines) + "\n}}\n"
    FILE.write_text(text)
    print(f"{FILE.name}: {len(CASES)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
