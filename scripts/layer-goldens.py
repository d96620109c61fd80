"""Writes test/goldens/layers.json: single layers by PyTorch in float64, forward and backward.

Run it as scripts/goldens.py. It knows convmark's options and layouts, and shares no code with src/. The file has a seed and by each case's
name:

    kind, options      of the layer, as convmark has them
    batch, inputs      the inputs' shapes, an image's: (H, W, C) or (C)
    given              the values of each input that are not drawn at random; null for an input that is drawn
    steps              of a batch norm in training: so many batches follow each other, the numbers are those of the last one;
                       without it a batch norm computes with its running statistics
    output             (N, H, W, C) or (N, C), or (1) if the layer is a loss, as {shape, values}
    inputGradients     one for each input except labels, given the output's gradient
    gradients          of the parameters, by name
    statistics         the running statistics after the last step, by name

What a layer is given is made again from the seed, float32: normal(values, {seed, tensor}) with tensor `<case>/input0`, `<case>/weights`,
`<case>/outputGradient` ...; of a batch norm's later steps `<case>/input0/1` and so on; a variance is the absolute value + 0.5.
"""

import functools
import json
import math
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


# Kind -> function of the values and the options
ACTIVATIONS = {
    "relu": F.relu,
    "relu6": F.relu6,
    "clip": lambda x, min, max: F.hardtanh(x, min, max),
    "leaky-relu": lambda x, slope=0.01: F.leaky_relu(x, slope),
    "elu": lambda x, alpha=1.0: F.elu(x, alpha),
    "sigmoid": torch.sigmoid,
    # Not F.hardsigmoid: its gradient has 1/6 in float32, whatever the type
    "hard-sigmoid": lambda x: F.relu6(x + 3) / 6,
    "hard-swish": F.hardswish,
    "silu": F.silu,
    "gelu": lambda x, approximate="none": F.gelu(x, approximate=approximate),
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "mish": F.mish,
    "abs": torch.abs,
    "exp": torch.exp,
    "erf": torch.erf,
    "power": lambda x, exponent: x.pow(exponent),
}


def activated(options, x):
    activation = options.get("activation")
    if activation is None:
        return x
    own = {"kind": activation} if isinstance(activation, str) else dict(activation)
    return ACTIVATIONS[own.pop("kind")](x, **own)


def activation_layer(kind):
    return lambda options, inputs: ACTIVATIONS[kind](inputs[0], **options)


def conv(options, inputs, weights, biases=None):
    (x,), stride, dilation = inputs, pair(options.get("stride", 1)), pair(options.get("dilation", 1))
    reach = [(size - 1) * step + 1 for size, step in zip(pair(options["kernel"]), dilation)]
    x = padded(x, sides_of(options, x, reach, stride))
    return activated(options, F.conv2d(x, weights.permute(3, 2, 0, 1), biases, stride, 0, dilation, options.get("groups", 1)))


def conv_transpose(options, inputs, weights, biases=None):
    (x,), stride, dilation = inputs, pair(options.get("stride", 1)), pair(options.get("dilation", 1))
    reach = [(size - 1) * step + 1 for size, step in zip(pair(options["kernel"]), dilation)]
    added = pair(options.get("outputPadding", 0))
    if options.get("padding") == "same":
        # The padding of a convolution over the output, which is as large as the input times the stride; if the kernel is
        # smaller than the stride, the rest is output padding.
        sizes = [size * step for size, step in zip(x.shape[2:], stride)]
        sides = (*goldens.same_padding(sizes[0], reach[0], stride[0]), *goldens.same_padding(sizes[1], reach[1], stride[1]))
        added = [max(step - size, 0) for size, step in zip(reach, stride)]
    else:
        sides = sides_of(options, x, reach, stride)
    sums = F.conv_transpose2d(x, weights.permute(3, 2, 0, 1), biases, stride, 0, added, 1, dilation)
    # PyTorch's own padding is even
    top, bottom, left, right = sides
    return activated(options, sums[:, :, top : sums.shape[2] - bottom, left : sums.shape[3] - right])


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
    dilation = pair(options.get("dilation", 1))
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilation)]
    sides = sides_of(options, x, reach, stride)
    if is_torchs_own(sides, kernel):
        return F.max_pool2d(x, kernel, stride, (sides[0], sides[2]), dilation, ceil_mode=is_ceil)
    return F.max_pool2d(padded(x, sides, -torch.inf), kernel, stride, 0, dilation, ceil_mode=is_ceil)


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


def pad(options, inputs):
    padding = options["padding"]
    top, bottom, left, right = padding if isinstance(padding, list) else [padding] * 4
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}[options.get("mode", "constant")]
    value = {"value": options.get("value", 0.0)} if mode == "constant" else {}
    return F.pad(inputs[0], (left, right, top, bottom), mode, **value)


def flatten(options, inputs):
    # In the order C, H, W, as ONNX's Flatten
    x = inputs[0]
    return (x.permute(0, 2, 3, 1) if options.get("order") == "HWC" and x.dim() == 4 else x).flatten(1)


def unflatten(options, inputs):
    x, height, width = inputs[0], options["height"], options["width"]
    if options.get("order") == "HWC":
        return x.reshape(x.shape[0], height, width, -1).permute(0, 3, 1, 2)
    return x.reshape(x.shape[0], -1, height, width)


def crop(options, inputs):
    down, right = pair(options.get("step", 1))
    rows = torch.arange(options["height"]) * down + options["top"]
    columns = torch.arange(options["width"]) * right + options["left"]
    return inputs[0][:, :, rows[:, None], columns]


def channel_pool(options, inputs):
    x, mode = inputs[0], options["mode"]
    if mode == "max":
        return x.max(1, keepdim=True).values
    if mode == "l2":
        return torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return (x.mean if mode == "mean" else x.sum)(1, keepdim=True)


def channel_shuffle(options, inputs):
    x, groups = inputs[0], options["groups"]
    return x.unflatten(1, (groups, x.shape[1] // groups)).transpose(1, 2).flatten(1, 2)


def depth_to_space(options, inputs):
    x, size = inputs[0], options["blockSize"]
    if options.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, size)
    # ONNX's definition of DCR, which PyTorch lacks
    batch, deep, height, width = x.shape
    apart = x.reshape(batch, size, size, deep // size**2, height, width).permute(0, 3, 4, 1, 5, 2)
    return apart.reshape(batch, deep // size**2, height * size, width * size)


def space_to_depth(options, inputs):
    x, size = inputs[0], options["blockSize"]
    if options.get("mode", "DCR") == "CRD":
        return F.pixel_unshuffle(x, size)
    batch, channels, height, width = x.shape
    apart = x.reshape(batch, channels, height // size, size, width // size, size).permute(0, 3, 5, 1, 2, 4)
    return apart.reshape(batch, channels * size**2, height // size, width // size)


def resize(options, inputs):
    # The combinations of ONNX's options that PyTorch has
    size = options["size"]
    own = options.get("mode", "nearest"), options.get("coordinates", "half_pixel")
    how = {
        ("nearest", "asymmetric"): {"mode": "nearest"},
        ("nearest", "half_pixel"): {"mode": "nearest-exact"},
        ("linear", "half_pixel"): {"mode": "bilinear", "align_corners": False},
        ("linear", "align_corners"): {"mode": "bilinear", "align_corners": True},
    }[own]
    return F.interpolate(inputs[0], tuple(size), **how)


def layer_norm(options, inputs, scale, shift):
    x = inputs[0].movedim(1, -1)
    return F.layer_norm(x, x.shape[-1:], scale, shift, options.get("epsilon", 1e-5)).movedim(-1, 1)


def instance_norm(options, inputs, scale, shift):
    return F.instance_norm(inputs[0], weight=scale, bias=shift, eps=options.get("epsilon", 1e-5))


def group_norm(options, inputs, scale, shift):
    return F.group_norm(inputs[0], options["groups"], scale, shift, options.get("epsilon", 1e-5))


def of_one_rank(inputs):
    """The inputs with as many axes as the one with most: (N, C) becomes (N, C, 1, 1)."""
    rank = max(x.dim() for x in inputs)
    return [x.reshape(*x.shape, *[1] * (rank - x.dim())) for x in inputs]


def combination(combine):
    return lambda options, inputs: activated(options, functools.reduce(combine, of_one_rank(inputs)))


def scale_and_shift(options, inputs, scale, shift=None):
    x = inputs[0]
    if options.get("per", "channel") != "channel":
        # (H, W, C) or (H, W, 1)
        scaled = x * scale.permute(2, 0, 1)
        return scaled if shift is None else scaled + shift.permute(2, 0, 1)
    of_channels = (-1, 1, 1) if x.dim() == 4 else (-1,)
    scaled = x * scale.reshape(of_channels)
    return scaled if shift is None else scaled + shift.reshape(of_channels)


def concat(options, inputs):
    axis = options.get("axis", "channels")
    if axis == "pixels":
        inputs = [x.flatten(2).unsqueeze(2) for x in inputs]
    return torch.cat(inputs, {"channels": 1, "rows": 2, "columns": 3, "pixels": 3}[axis])


def softmax_loss(options, inputs):
    logits, labels = inputs
    smoothing = options.get("labelSmoothing", 0.0)
    return F.cross_entropy(logits, labels.detach().long(), label_smoothing=smoothing).reshape(1)


LAYERS = {
    **{kind: activation_layer(kind) for kind in ACTIVATIONS if kind != "relu6"},
    "prelu": lambda _, inputs, slope: F.prelu(inputs[0], slope),
    "conv": conv,
    "conv-transpose": conv_transpose,
    "dense": dense,
    "max-pool": max_pool,
    "average-pool": average_pool,
    "batch-norm": batch_norm,
    "scale": scale_and_shift,
    "add": lambda options, inputs: activated(options, sum(of_one_rank(inputs))),
    "multiply": lambda options, inputs: activated(options, math.prod(of_one_rank(inputs))),
    "subtract": combination(torch.sub),
    "divide": combination(torch.div),
    "maximum": combination(torch.maximum),
    "minimum": combination(torch.minimum),
    "concat": concat,
    "slice": lambda options, inputs: inputs[0][:, options["begin"] : options["end"]],
    "pad": pad,
    "flatten": flatten,
    "unflatten": unflatten,
    "crop": crop,
    "channel-pool": channel_pool,
    "channel-shuffle": channel_shuffle,
    "depth-to-space": depth_to_space,
    "space-to-depth": space_to_depth,
    "resize": resize,
    "instance-norm": instance_norm,
    "group-norm": group_norm,
    "layer-norm": layer_norm,
    "softmax": lambda _, inputs: torch.softmax(inputs[0], 1),
    "softmax-loss": softmax_loss,
}
STATISTICS = ("mean", "variance")

# ---- the cases -------------------------------------------------------------------------------------------------------


def case(kind, options, inputs=(IMAGE,), batch=2, **others):
    return {"kind": kind, "options": options, "batch": batch, "inputs": list(inputs), **others}


def conv_case(kernel, **options):
    return case("conv", {"filters": 3, "kernel": kernel, **options}, batch=1)


def grouped_case(channels, filters, kernel, **options):
    return case("conv", {"filters": filters, "kernel": kernel, **options}, [[5, 4, channels]], 1)


def conv_transpose_case(kernel, image=(3, 4, 2), **options):
    return case("conv-transpose", {"filters": 3, "kernel": kernel, **options}, [list(image)], 1)


# Inputs at which activations are compared: kinks, tails, and points between them
POINTS = [-40, -9, -6, -3, -1, -0.5, -0.125, 0, 0.125, 0.25, 0.5, 1, 3, 5.5, 6, 9, 40]
# Before 2.7, PyTorch's hardswish has other gradients at these points
OLD_KINKS = (-3, 3)


def points_case(kind, **options):
    points = [point for point in POINTS if kind != "hard-swish" or point not in OLD_KINKS]
    return case(kind, options, [[len(points)]], batch=1, given=[points])


def activation_cases():
    layers = {
        "relu": [{}],
        "clip": [{"min": 0, "max": 6}, {"min": -0.5, "max": 0.25}],
        "leaky-relu": [{"slope": 0.01}, {"slope": 0.3}],
        "elu": [{"alpha": 1}, {"alpha": 0.5}],
        "gelu": [{"approximate": "none"}, {"approximate": "tanh"}],
        **{kind: [{}] for kind in ("sigmoid", "hard-sigmoid", "hard-swish", "silu", "tanh", "softplus", "mish", "abs", "exp", "erf")},
        "power": [{"exponent": 2}, {"exponent": 3}],
    }
    cases = {}
    for kind, all_options in layers.items():
        for options in all_options:
            words = ", ".join(f"{name} {value}" for name, value in options.items()) or "at points"
            cases[f"{kind}: {words}"] = points_case(kind, **options)
    with_options = [{"kind": kind, **options} for kind, rows in layers.items() for options in rows[1:]]
    for activation in [*(kind for kind in ACTIVATIONS if kind not in ("clip", "power")), *with_options]:
        words = activation if isinstance(activation, str) else " ".join(str(each) for each in activation.values())
        # Sums of a standard deviation near 3
        own = {"filters": 3, "kernel": [2, 3], "activation": activation}
        cases[f"conv with an activation: {words}"] = case("conv", own, [[4, 5, 2]], batch=1)
    return cases


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
    **named("conv in groups", {
        "two": grouped_case(4, 6, 3, groups=2, padding=1),
        "uneven kernel, dilated, with a stride": grouped_case(
            6, 3, [2, 3], groups=3, dilation=[1, 2], stride=[2, 1], padding=[1, 2, 0, 1]
        ),
        "depthwise": grouped_case(3, 3, 3, groups=3, padding="same", activation="relu"),
        "depthwise, two filters a channel": grouped_case(3, 6, 3, groups=3, stride=2, padding=1, biases=False),
    }),
    **named("conv-transpose", {
        "valid": conv_transpose_case(2),
        "with a stride": conv_transpose_case(4, stride=2, padding=1, activation="relu"),
        "output padding": conv_transpose_case(3, stride=[2, 3], padding=1, outputPadding=[1, 2]),
        "same": conv_transpose_case([3, 4], stride=2, padding="same"),
        "same, kernel smaller than the stride": conv_transpose_case([1, 2], stride=3, padding="same"),
        "dilated, with output padding": conv_transpose_case([2, 3], dilation=[3, 1], stride=[1, 2], outputPadding=[2, 1]),
        "padding of four": conv_transpose_case(3, padding=[0, 2, 1, 0], stride=2),
        "padding of sides": conv_transpose_case(2, padding=SIDES),
        "no biases": conv_transpose_case(3, biases=False, padding=1, activation="tanh"),
    }),
    **activation_cases(),
    **named("power", {
        f"of positive numbers, exponent {exponent}": case(
            "power", {"exponent": exponent}, [[6]], batch=1, given=[[0.001, 0.25, 0.5, 1, 3, 70]]
        )
        for exponent in (0.5, -1, -0.5, 1.7)
    }),
    **named("prelu", {
        "of pixels": case("prelu", {}, [[2, 3, 4]]),
        "of channels": case("prelu", {}, [[5]], 3),
        "of zeros": case("prelu", {}, [[3]], given=[[0, 0, 0, -1, 2, 0]]),
    }),
    **named("dense", {
        "no biases": case("dense", {"units": 3, "biases": False}, [[2, 3, 2]]),
        "gelu": case("dense", {"units": 4, "activation": {"kind": "gelu", "approximate": "tanh"}}, [[5]]),
        "no biases, of channels": case("dense", {"units": 4, "biases": False, "activation": "sigmoid"}, [[5]]),
    }),
    **named("max-pool", {
        **pool_cases("max-pool"),
        "dilated, padded": case("max-pool", {"kernel": [2, 3], "dilation": [3, 2], "stride": [1, 2], "padding": [2, 1]}),
        "dilated, same": case("max-pool", {"kernel": 2, "dilation": 3, "padding": "same"}),
        "global": case("max-pool", {"kernel": "global"}),
    }),
    **named("average-pool", {**pool_cases("average-pool"), "global": case("average-pool", {"kernel": "global"})}),
    **named("average-pool that counts padding", pool_cases("average-pool", countPadding=True)),
    **named("batch-norm", {
        "running statistics": case("batch-norm", {}, [[3, 2, 4]]),
        "running statistics, relu": case("batch-norm", {"activation": "relu", "epsilon": 1e-3}, [[2, 3, 3]]),
        "running statistics, of channels": case("batch-norm", {}, [[5]], 3),
        "training": case("batch-norm", {}, [[3, 2, 4]], 3, steps=5),
        "training, relu": case("batch-norm", {"activation": "relu", "momentum": 0.3}, [[2, 3, 3]], steps=5),
        "training, silu": case("batch-norm", {"activation": "silu"}, [[2, 3, 3]], steps=2),
        "training, of channels": case("batch-norm", {"epsilon": 0.1, "activation": "tanh"}, [[5]], 4, steps=5),
    }),
    **named("add", {
        "two": case("add", {}, [[2, 3, 2]] * 2),
        "three, relu": case("add", {"activation": "relu"}, [[2, 3, 2]] * 3),
        "of channels, sigmoid": case("add", {"activation": "sigmoid"}, [[5]] * 2),
        "mish": case("add", {"activation": "mish"}, [[2, 3, 2]] * 2),
        "a pixel, channels and a value": case("add", {"activation": "tanh"}, [[1, 1, 3], [2, 3, 3], [3], [1]]),
    }),
    **named("multiply", {
        "two": case("multiply", {}, [[2, 3, 2]] * 2),
        "a gate": case("multiply", {}, [[3, 2, 4], [1, 1, 4]], 3),
        "a mask": case("multiply", {"activation": "tanh"}, [[3, 2, 1], [3, 2, 4], [4]], 3),
        "a pixel, channels and a value, sigmoid": case(
            "multiply", {"activation": "sigmoid"}, [[1], [3], [2, 3, 3], [1, 1, 3]]
        ),
        "of channels, relu": case("multiply", {"activation": "relu"}, [[5], [1], [5]]),
    }),
    **named("subtract", {
        "two": case("subtract", {}, [[2, 3, 2]] * 2),
        "from a pixel, relu": case("subtract", {"activation": "relu"}, [[1, 1, 3], [2, 3, 3]]),
        "a value": case("subtract", {}, [[2, 3, 3], [1]]),
    }),
    **named("divide", {
        "two": case("divide", {}, [[2, 3, 2]] * 2),
        "channels, tanh": case("divide", {"activation": "tanh"}, [[3], [2, 3, 3]]),
        "by a value": case("divide", {}, [[2, 3, 3], [1]]),
    }),
    # No two values are equal: PyTorch would give each a half of the gradient.
    **named("maximum", {
        "two": case("maximum", {}, [[2, 3, 2]] * 2),
        "a pixel, channels and a value, sigmoid": case(
            "maximum", {"activation": "sigmoid"}, [[1], [3], [2, 3, 3], [1, 1, 3]]
        ),
    }),
    **named("minimum", {
        "two": case("minimum", {}, [[2, 3, 2]] * 2),
        "three, of channels, silu": case("minimum", {"activation": "silu"}, [[5], [5], [1]]),
    }),
    **named("scale", {
        "scale and shift": case("scale", {}, [[2, 3, 3]]),
        "no shift": case("scale", {"shift": False, "initial": 1e-6}, [[2, 2, 4]]),
        "of channels": case("scale", {}, [[5]], 3),
        "of pixels": case("scale", {"per": "pixel"}, [[2, 3, 5]], 3),
        "of values": case("scale", {"per": "value", "shift": False}, [[2, 3, 5]], 3),
    }),
    **named("concat", {
        "three": case("concat", {}, [[2, 3, 2], [2, 3, 1], [2, 3, 3]]),
        "of channels": case("concat", {}, [[3], [4]]),
        "of rows": case("concat", {"axis": "rows"}, [[2, 3, 2], [4, 3, 2], [1, 3, 2]]),
        "of columns": case("concat", {"axis": "columns"}, [[2, 3, 2], [2, 1, 2]]),
        "of pixels": case("concat", {"axis": "pixels"}, [[2, 3, 2], [1, 4, 2], [3, 1, 2]]),
    }),
    **named("slice", {
        "the middle": case("slice", {"begin": 1, "end": 4}, [[2, 3, 5]]),
        "of channels": case("slice", {"begin": 2, "end": 5}, [[5]]),
    }),
    **named("pad", {
        "a constant": case("pad", {"padding": [1, 0, 2, 3], "mode": "constant", "value": -1.5}, [[3, 4, 2]]),
        "reflect": case("pad", {"padding": [2, 1, 0, 3], "mode": "reflect"}, [[3, 4, 2]]),
        "edge": case("pad", {"padding": [4, 1, 0, 5], "mode": "edge"}, [[3, 4, 2]]),
    }),
    **named("flatten", {"of images": case("flatten", {}, [[2, 3, 4]]), "pixel by pixel": case("flatten", {"order": "HWC"}, [[2, 3, 4]])}),
    **named(
        "unflatten",
        {
            "of channels": case("unflatten", {"height": 2, "width": 3}, [[12]]),
            "of pixels": case("unflatten", {"height": 2, "width": 3, "order": "HWC"}, [[12]]),
        },
    ),
    **named("crop", {
        "a rectangle": case("crop", {"top": 1, "left": 2, "height": 3, "width": 4}),
        "every second pixel": case("crop", {"top": 1, "left": 0, "height": 2, "width": 3, "step": 2}),
        "upside down": case("crop", {"top": 4, "left": 5, "height": 5, "width": 2, "step": [-1, -3]}),
    }),
    **named("channel-shuffle", {
        "of pixels": case("channel-shuffle", {"groups": 3}, [[2, 3, 6]]),
        "of channels": case("channel-shuffle", {"groups": 2}, [[6]]),
    }),
    **named("depth-to-space", {
        "DCR": case("depth-to-space", {"blockSize": 2, "mode": "DCR"}, [[2, 3, 12]]),
        "CRD": case("depth-to-space", {"blockSize": 2, "mode": "CRD"}, [[2, 3, 12]]),
    }),
    **named("space-to-depth", {
        "DCR": case("space-to-depth", {"blockSize": 2, "mode": "DCR"}, [[4, 6, 3]]),
        "CRD": case("space-to-depth", {"blockSize": 2, "mode": "CRD"}, [[4, 6, 3]]),
    }),
    **named("resize", {
        "nearest": case("resize", {"size": [7, 3], "mode": "nearest", "coordinates": "asymmetric", "rounding": "floor"}),
        "nearest, half pixels": case(
            "resize", {"size": [4, 9], "mode": "nearest", "coordinates": "half_pixel", "rounding": "round_prefer_ceil"}
        ),
        "linear": case("resize", {"size": [8, 4], "mode": "linear", "coordinates": "half_pixel"}),
        "linear, corners": case("resize", {"size": [3, 11], "mode": "linear", "coordinates": "align_corners"}),
    }),
    **named("instance-norm", {"of images": case("instance-norm", {"epsilon": 1e-3}, [[2, 3, 4]])}),
    **named("group-norm", {
        "of images": case("group-norm", {"groups": 2, "epsilon": 1e-3}, [[2, 3, 6]]),
        "of channels": case("group-norm", {"groups": 2, "epsilon": 1e-5}, [[6]], 3),
    }),
    **named("layer-norm", {
        "of pixels": case("layer-norm", {"epsilon": 1e-3}, [[2, 3, 4]]),
        "of channels": case("layer-norm", {"epsilon": 1e-5}, [[5]], 3),
    }),
    **named("softmax-loss", {
        name: case("softmax-loss", options, [[5], []], 4, given=[None, [3, 0, 4, 3]])
        for name, options in {
            "hard labels": {},
            "smoothed labels": {"labelSmoothing": 0.1},
            "labels of nothing else": {"labelSmoothing": 1},
        }.items()
    }),
    **named("channel-pool", {
        **{f"{mode} of pixels": case("channel-pool", {"mode": mode}, [[2, 3, 5]]) for mode in ("mean", "max", "sum", "l2")},
        "l2 of a vector": case("channel-pool", {"mode": "l2"}, [[6]], 3),
    }),
    **named("softmax", {"of pixels": case("softmax", {}, [[2, 3, 4]]), "of channels": case("softmax", {}, [[6]])}),
}

# ---- one case --------------------------------------------------------------------------------------------------------


def made(name, shape):
    values = goldens.normal(int(np.prod(shape)), SEED, name).astype(np.float32).reshape(shape)
    return torch.tensor(values, dtype=torch.double)


def input_of(name, case, i, suffix):
    shape, given = (case["batch"], *case["inputs"][i]), case.get("given", [None] * len(case["inputs"]))[i]
    if given is None:
        return made(f"{name}/input{i}{suffix}", shape).requires_grad_()
    return torch.tensor(given, dtype=torch.double).reshape(shape).requires_grad_()


def parameters_of(name, case):
    options, shape = case["options"], case["inputs"][0]
    shapes = {}
    if case["kind"] == "conv":
        channels, filters = shape[-1] // options.get("groups", 1), options["filters"]
        shapes = {"weights": (*pair(options["kernel"]), channels, filters), "biases": (filters,)}
    if case["kind"] == "conv-transpose":
        shapes = {"weights": (*pair(options["kernel"]), options["filters"], shape[-1]), "biases": (options["filters"],)}
    if case["kind"] == "dense":
        shapes = {"weights": (int(np.prod(shape)), options["units"]), "biases": (options["units"],)}
    if case["kind"] == "scale":
        per = {"channel": shape[-1:], "pixel": (*shape[:-1], 1), "value": shape}[options.get("per", "channel")]
        shapes = dict.fromkeys(("scale", "shift"), tuple(per))
    if case["kind"] == "batch-norm":
        shapes = dict.fromkeys(("scale", "shift", *STATISTICS), (shape[-1],))
    if case["kind"] in ("layer-norm", "instance-norm", "group-norm"):
        shapes = dict.fromkeys(("scale", "shift"), (shape[-1],))
    if case["kind"] == "prelu":
        shapes = {"slope": (shape[-1],)}
    for part in ("biases", "shift"):
        if options.get(part) is False:
            del shapes[part]
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
        leaves = [input_of(name, case, i, suffix) for i in range(len(case["inputs"]))]
        output = LAYERS[case["kind"]](case["options"], [of_torch(leaf) for leaf in leaves], **parameters, **own)
    output = of_convmark(output)
    if case["kind"] == "softmax-loss":
        del leaves[1]
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
