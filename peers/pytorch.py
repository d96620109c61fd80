"""A network of convmark's in PyTorch, run by pytorch.mjs: pytorch.py <layout> <pass> <threads> <network as JSON>.

native.mjs has what goes over stdin and stdout, pytorch.mjs what is in the JSON.
"""

import json
import struct
import sys
import time

import torch
import torch.nn.functional as F

LAYOUT, PASS, THREADS, NETWORK = sys.argv[1:]
FORMAT = torch.channels_last if LAYOUT == "channels last" else torch.contiguous_format
torch.set_num_threads(int(THREADS))
NETWORK = json.loads(NETWORK)
LAYERS, OUTPUTS, LOSSES = NETWORK["layers"], NETWORK["outputs"], NETWORK["losses"]
TRAINING = NETWORK.get("training")
LAST_READER = {source: layer["name"] for layer in LAYERS for source in layer["inputs"]}
is_dropping = PASS != "forward"
# Whether running statistics follow those of the batch
is_following = False


def read(shape):
    data = sys.stdin.buffer.read(4 * torch.Size(shape).numel())
    return torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)


def answer(data):
    sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
    sys.stdout.buffer.flush()


def read_parameter(shape):
    """Weights arrive as (kernel height, kernel width, in, out) or (in, out); PyTorch has out and in first. For a transposed
    convolution, in and out change places both here and in PyTorch."""
    values = read(shape)
    if len(shape) == 4:
        values = values.permute(3, 2, 0, 1).contiguous(memory_format=FORMAT)
    elif len(shape) == 2:
        values = values.t().contiguous()
    return values


def read_images():
    return read(NETWORK["imagesShape"]).permute(0, 3, 1, 2).contiguous(memory_format=FORMAT)


def is_even(pads):
    return pads["top"] == pads["bottom"] and pads["left"] == pads["right"]


def evenly_padded(x, pads, value):
    """The input and PyTorch's padding, which is even; what is not gets its padding beforehand."""
    if is_even(pads):
        return x, (pads["top"], pads["left"])
    return F.pad(x, (pads["left"], pads["right"], pads["top"], pads["bottom"]), value=value), (0, 0)


def is_poolings_own(window):
    """Whether PyTorch's poolings have the padding themselves: even, and of half a kernel at most."""
    pads, (height, width) = window["pads"], window["kernel"]
    return is_even(pads) and 2 * pads["top"] <= height and 2 * pads["left"] <= width


def reached(x, window, value):
    """The input padded as far as windows reach, beyond the padding too in ceil mode: then all of them fit."""
    befores = (window["pads"]["top"], window["pads"]["left"])
    reaches = [(size - 1) * step + 1 for size, step in zip(window["kernel"], window["dilation"])]
    sizes = zip(window["output"], window["stride"], reaches, window["input"], befores)
    bottom, right = (
        max((outputs - 1) * stride + kernel - size - before, 0) for outputs, stride, kernel, size, before in sizes
    )
    return F.pad(x, (befores[1], right, befores[0], bottom), value=value)


# Kind -> function of the values and the options
ACTIVATIONS = {
    "relu": F.relu,
    "relu6": F.relu6,
    "clip": lambda x, min, max: F.hardtanh(x, min, max),
    "leaky-relu": lambda x, slope=0.01: F.leaky_relu(x, slope),
    "elu": lambda x, alpha=1.0: F.elu(x, alpha),
    "sigmoid": torch.sigmoid,
    "hard-sigmoid": F.hardsigmoid,
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
# Activations of sums, which nobody else reads, are computed in place.
IN_PLACE = {"relu": F.relu_, "sigmoid": torch.sigmoid_, "tanh": torch.tanh_}


def activated(x, options):
    activation = options.get("activation")
    if activation is None:
        return x
    own = {"kind": activation} if isinstance(activation, str) else dict(activation)
    kind = own.pop("kind")
    return IN_PLACE.get(kind, ACTIVATIONS[kind])(x, **own)


def activation_layer(kind):
    return lambda layer, x: ACTIVATIONS[kind](x, **layer["options"])


def convolution(layer, x, weights, biases=None):
    window = layer["window"]
    x, padding = evenly_padded(x, window["pads"], 0)
    options = layer["options"]
    sums = F.conv2d(x, weights, biases, window["stride"], padding, window["dilation"], options.get("groups", 1))
    return activated(sums, options)


def transposed_convolution(layer, x, weights, biases=None):
    # The window is that of the convolution whose gradient it is, from the layer's output to its input.
    window = layer["window"]
    pads, stride, dilation = window["pads"], window["stride"], window["dilation"]
    befores = (pads["top"], pads["left"])
    padding = befores if is_even(pads) else (0, 0)
    # Rows and columns of the output after those that the kernels reach
    added = [
        max(output + before + own - (inputs - 1) * step - (size - 1) * apart - 1, 0)
        for output, inputs, before, own, step, size, apart in zip(
            window["input"], window["output"], befores, padding, stride, window["kernel"], dilation
        )
    ]
    sums = F.conv_transpose2d(x, weights, biases, stride, padding, added, 1, dilation)
    if not is_even(pads):
        (top, left), (height, width) = befores, window["input"]
        sums = sums[:, :, top : top + height, left : left + width]
    return activated(sums, layer["options"])


def dense(layer, x, weights, biases=None):
    rows = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
    return activated(F.linear(rows, weights, biases), layer["options"])


def max_pooling(layer, x):
    window, is_ceil = layer["window"], layer["options"].get("ceilMode", False)
    kernel, stride, pads, dilation = window["kernel"], window["stride"], window["pads"], window["dilation"]
    if is_poolings_own(window):
        return F.max_pool2d(x, kernel, stride, (pads["top"], pads["left"]), dilation, ceil_mode=is_ceil)
    return F.max_pool2d(reached(x, window, -torch.inf), kernel, stride, 0, dilation)


def counted(window, counts_padding, axis, before, after):
    """How many rows (or columns) of each window an average is over."""
    kernel, stride, size = window["kernel"][axis], window["stride"][axis], window["input"][axis]
    low, high = (-before, size + after) if counts_padding else (0, size)
    firsts = [output * stride - before for output in range(window["output"][axis])]
    return torch.tensor([min(first + kernel, high) - max(first, low) for first in firsts], dtype=torch.float32)


def average_pooling(layer, x):
    window, options = layer["window"], layer["options"]
    kernel, stride, pads = window["kernel"], window["stride"], window["pads"]
    counts_padding = options.get("countPadding", False)
    if options["kernel"] == "global":
        return F.adaptive_avg_pool2d(x, 1)
    if is_poolings_own(window):
        padding, is_ceil = (pads["top"], pads["left"]), options.get("ceilMode", False)
        return F.avg_pool2d(x, kernel, stride, padding, is_ceil, counts_padding)
    # Sums, over what each window counts.
    rows = counted(window, counts_padding, 0, pads["top"], pads["bottom"])
    columns = counted(window, counts_padding, 1, pads["left"], pads["right"])
    return F.avg_pool2d(reached(x, window, 0), kernel, stride, divisor_override=1) / torch.outer(rows, columns)


def batch_norm(layer, x, scale, shift, mean, variance):
    options, is_training = layer["options"], PASS != "forward"
    # Without running statistics it takes the batch's, and none follow.
    moments = (mean, variance) if is_following or not is_training else (None, None)
    normalized = F.batch_norm(x, *moments, scale, shift, is_training, options["momentum"], options["epsilon"])
    return activated(normalized, options)


def of_one_rank(inputs):
    """The inputs with as many axes as the one with most: (N, C) becomes (N, C, 1, 1)."""
    rank = max(x.dim() for x in inputs)
    return [x.reshape(*x.shape, *[1] * (rank - x.dim())) for x in inputs]


def add(layer, *inputs):
    first, second, *others = of_one_rank(inputs)
    total = first + second
    for other in others:
        total = total + other
    return activated(total, layer["options"])


def combination(combine):
    def combined(layer, *inputs):
        made, *others = of_one_rank(inputs)
        for other in others:
            made = combine(made, other)
        return activated(made, layer["options"])

    return combined


def scale_and_shift(layer, x, scale, shift=None):
    if x.dim() != 4:
        shaped = [scale, shift]
    elif layer["options"].get("per", "channel") == "channel":
        shaped = [None if each is None else each.reshape(-1, 1, 1) for each in (scale, shift)]
    else:
        # Of pixels or values, (H, W, 1) or (H, W, C)
        shaped = [None if each is None else each.permute(2, 0, 1) for each in (scale, shift)]
    scale, shift = shaped
    scaled = x * scale
    return scaled if shift is None else scaled + shift


def concat(layer, *inputs):
    axis = layer["options"].get("axis", "channels")
    if axis == "pixels":
        inputs = [x.flatten(2).unsqueeze(2) for x in inputs]
    return torch.cat(inputs, {"channels": 1, "rows": 2, "columns": 3, "pixels": 3}[axis])


def local_response_normalization(layer, x):
    options = layer["options"]
    radius = options["radius"]
    if options.get("even"):
        # PyTorch's even windows reach one channel further down than up, ONNX's and ours further up.
        squares = F.pad(x * x, [0, 0] * (x.dim() - 2) + [radius, radius + 1])
        sums = sum(squares[:, first : first + x.shape[1]] for first in range(2 * radius + 2))
        return x * (options["bias"] + options["alpha"] * sums) ** -options["beta"]
    size = 2 * radius + 1
    # PyTorch divides alpha by the window, convmark does not.
    return F.local_response_norm(x, size, options["alpha"] * size, options["beta"], options["bias"])


def pad(layer, x):
    options = layer["options"]
    padding = options["padding"]
    top, bottom, left, right = padding if isinstance(padding, list) else [padding] * 4
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}[options["mode"]]
    value = {"value": options.get("value", 0.0)} if mode == "constant" else {}
    return F.pad(x, (left, right, top, bottom), mode, **value)


def crop(layer, x):
    options = layer["options"]
    step = options.get("step", 1)
    down, right = step if isinstance(step, list) else (step, step)
    rows = torch.arange(options["height"]) * down + options["top"]
    columns = torch.arange(options["width"]) * right + options["left"]
    return x.index_select(2, rows).index_select(3, columns)


def flatten(layer, x):
    return (x.permute(0, 2, 3, 1) if layer["options"].get("order") == "HWC" and x.dim() == 4 else x).flatten(1)


def unflatten(layer, x):
    options = layer["options"]
    height, width = options["height"], options["width"]
    if options.get("order") == "HWC":
        return x.reshape(x.shape[0], height, width, -1).permute(0, 3, 1, 2)
    return x.reshape(x.shape[0], -1, height, width)


def channel_pool(layer, x):
    mode = layer["options"]["mode"]
    if mode == "max":
        # Of equal values the first one gets the gradient
        return x.max(1, keepdim=True).values
    if mode == "l2":
        return torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return (x.mean if mode == "mean" else x.sum)(1, keepdim=True)


def channel_shuffle(layer, x):
    groups = layer["options"]["groups"]
    return x.unflatten(1, (groups, x.shape[1] // groups)).transpose(1, 2).flatten(1, 2)


def depth_to_space(layer, x):
    size, mode = layer["options"]["blockSize"], layer["options"]["mode"]
    if mode == "DCR":
        # PyTorch has only the order CRD.
        x = x.unflatten(1, (size * size, x.shape[1] // size**2)).transpose(1, 2).flatten(1, 2)
    return F.pixel_shuffle(x, size)


def space_to_depth(layer, x):
    size, mode = layer["options"]["blockSize"], layer["options"]["mode"]
    deep = F.pixel_unshuffle(x, size)
    return deep.unflatten(1, (x.shape[1], size * size)).transpose(1, 2).flatten(1, 2) if mode == "DCR" else deep


def resize(layer, x):
    options = layer["options"]
    own = RESIZES.get((options["mode"], options["coordinates"], options.get("rounding")))
    if own is None:
        return resized_along(resized_along(x, 2, layer["taps"]["rows"]), 3, layer["taps"]["columns"])
    scale = options.get("scale")
    if scale is None:
        return F.interpolate(x, tuple(layer["output"][:2]), **own)
    # With the output's size, PyTorch would compute another scale if the scaled extent is not an integer.
    return F.interpolate(x, scale_factor=tuple(scale) if isinstance(scale, list) else (scale, scale), **own)


def resized_along(x, axis, taps):
    first = x.index_select(axis, torch.tensor(taps["first"]))
    if "second" not in taps:
        return first
    share = torch.tensor(taps["share"], dtype=torch.float32).reshape(-1, *[1] * (3 - axis))
    return torch.lerp(first, x.index_select(axis, torch.tensor(taps["second"])), share)


# The resizes that PyTorch has, by mode, coordinates and rounding
RESIZES = {
    ("nearest", "asymmetric", "floor"): {"mode": "nearest"},
    ("nearest", "half_pixel", "round_prefer_ceil"): {"mode": "nearest-exact"},
    ("linear", "half_pixel", None): {"mode": "bilinear", "align_corners": False},
    ("linear", "align_corners", None): {"mode": "bilinear", "align_corners": True},
}


def layer_norm(layer, x, scale, shift):
    pixels = x.movedim(1, -1)
    return F.layer_norm(pixels, pixels.shape[-1:], scale, shift, layer["options"]["epsilon"]).movedim(-1, 1)


def instance_norm(layer, x, scale, shift):
    # F.instance_norm refuses images of one pixel, whose outputs are the shift.
    return F.group_norm(x, x.shape[1], scale, shift, layer["options"]["epsilon"])


def group_norm(layer, x, scale, shift):
    return F.group_norm(x, layer["options"]["groups"], scale, shift, layer["options"]["epsilon"])


APPLY = {
    **{kind: activation_layer(kind) for kind in ACTIVATIONS if kind != "relu6"},
    "prelu": lambda _, x, slope: F.prelu(x, slope),
    "pad": pad,
    "flatten": flatten,
    "unflatten": unflatten,
    "crop": crop,
    "channel-pool": channel_pool,
    "channel-shuffle": channel_shuffle,
    "depth-to-space": depth_to_space,
    "space-to-depth": space_to_depth,
    "resize": resize,
    "layer-norm": layer_norm,
    "instance-norm": instance_norm,
    "group-norm": group_norm,
    "conv": convolution,
    "conv-transpose": transposed_convolution,
    "dense": dense,
    "lrn": local_response_normalization,
    "max-pool": max_pooling,
    "average-pool": average_pooling,
    "batch-norm": batch_norm,
    "scale": scale_and_shift,
    "add": add,
    "multiply": combination(torch.mul),
    "subtract": combination(torch.sub),
    "divide": combination(torch.div),
    "maximum": combination(torch.maximum),
    "minimum": combination(torch.minimum),
    "concat": concat,
    "slice": lambda layer, x: x[:, layer["options"]["begin"] : layer["options"]["end"]],
    "softmax": lambda _, x: torch.softmax(x, 1),
    # Its masks are PyTorch's own.
    "dropout": lambda layer, x: F.dropout(x, layer["options"]["rate"], is_dropping),
}

LOSS = {
    "l2-loss": lambda _, x, __: x.square().sum() / 2,
    "softmax-loss": lambda options, x, labels: F.cross_entropy(
        x.flatten(1), labels, label_smoothing=options.get("labelSmoothing", 0.0)
    ),
}


def forward(images, parameters, wanted):
    """The wanted layers' outputs, by name. What no layer reads any more is let go, so that its memory is used again."""
    made = {"images": images}
    left = iter(parameters)
    for layer in LAYERS:
        name, sources = layer["name"], layer["inputs"]
        inputs = [made[source] for source in sources]
        for source in set(sources):
            if source not in wanted and LAST_READER[source] == name:
                del made[source]
        own = {parameter["name"]: next(left) for parameter in layer["parameters"]}
        made[name] = APPLY[layer["kind"]](layer, *inputs, **own)
    return [made[name] for name in wanted]


def trained(parameters):
    """Those with a gradient: all but running statistics."""
    return [parameter for parameter in parameters if parameter.requires_grad]


def run(images, labels, parameters, optimizer):
    """The outputs; where the pass goes backward the gradients of the sum of the losses, and the losses."""
    if PASS == "forward":
        with torch.inference_mode():
            return forward(images, parameters, OUTPUTS), [], []
    global is_following
    if PASS == "train":
        # Let go, not filled with zeros: backward then need not add to them.
        optimizer.zero_grad(set_to_none=True)
    wanted = [*OUTPUTS, *(loss["input"] for loss in LOSSES)]
    is_following = PASS == "train"
    made = forward(images, parameters, wanted)
    is_following = False
    losses = [LOSS[loss["kind"]](loss["options"], x, labels) for loss, x in zip(LOSSES, made[len(OUTPUTS) :])]
    if PASS == "forward-backward":
        return made[: len(OUTPUTS)], torch.autograd.grad(losses, trained(parameters)), losses
    torch.autograd.backward(losses)
    optimizer.step()
    return made[: len(OUTPUTS)], [parameter.grad for parameter in trained(parameters)], losses


def new_optimizer(parameters, rate):
    if PASS != "train":
        return None
    return torch.optim.SGD(trained(parameters), rate, TRAINING["momentum"], weight_decay=TRAINING["decay"])


def plain(x):
    """An activation as (N, H, W, C)."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def plain_parameter(x):
    """A parameter or its gradient as parameters arrive."""
    if x.dim() == 3:
        # Of pixels or values, as they are
        return x
    return x.permute(2, 3, 1, 0) if x.dim() == 4 else x.t()


def raw(tensors):
    return b"".join(x.detach().contiguous().numpy().tobytes() for x in tensors)


def require_handled():
    for layer in LAYERS:
        if layer["kind"] not in APPLY:
            sys.exit(f"{layer['name']}: {layer['kind']} layers are not handled here")
    for loss in LOSSES:
        if loss["kind"] not in LOSS:
            sys.exit(f"{loss['name']}: {loss['kind']} layers are not handled here")


def main():
    global is_dropping
    require_handled()
    specs = [parameter for layer in LAYERS for parameter in layer["parameters"]]
    parameters = [
        read_parameter(spec["shape"]).requires_grad_(PASS != "forward" and spec["isTrained"]) for spec in specs
    ]
    optimizer = new_optimizer(parameters, 0)
    one_dnn = torch.backends.mkldnn.is_available()
    answer(json.dumps({"version": torch.__version__, "detail": "oneDNN" if one_dnn else "no oneDNN"}).encode())
    images = labels = results = None
    for line in sys.stdin.buffer:
        command, *arguments = line.decode().split()
        if command == "images":
            images = read_images()
            answer(b"")
        elif command == "labels":
            labels = read([len(images)]).long()
            answer(b"")
        elif command == "dropout":
            is_dropping = arguments == ["on"]
            answer(b"")
        elif command == "restart":
            with torch.no_grad():
                for parameter, spec in zip(parameters, specs):
                    parameter.copy_(read_parameter(spec["shape"]))
            optimizer = new_optimizer(parameters, float(arguments[0]))
            answer(b"")
        elif command == "run":
            results = None  # what it held is free again
            start = time.perf_counter()
            results = run(images, labels, parameters, optimizer)
            answer(struct.pack("<d", 1000 * (time.perf_counter() - start)))
        elif command == "activations":
            made = forward(images, parameters, [layer["name"] for layer in LAYERS])
            answer(raw(plain(x)[[int(image) for image in arguments]] for x in made))
        elif command == "processor":
            answer(struct.pack("<d", 1000 * time.process_time()))
        else:
            outputs, gradients, losses = results
            updated = parameters if PASS == "train" else []
            in_order = [*gradients, *losses, *updated]
            answer(raw([*map(plain, outputs), *map(plain_parameter, in_order)]))


main()
