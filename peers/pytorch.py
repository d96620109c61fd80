"""A network of convmark's in PyTorch, run by pytorch.mjs: pytorch.py <pass> <threads> <network as JSON>.

native.mjs has what goes over stdin and stdout, pytorch.mjs what is in the JSON.
"""

import json
import struct
import sys
import time

import torch
import torch.nn.functional as F

PASS, THREADS, NETWORK = sys.argv[1:]
# A tenth faster than the plain NCHW in forward, equal in forward-backward, 5% faster in train.
FORMAT = torch.channels_last
torch.set_num_threads(int(THREADS))
NETWORK = json.loads(NETWORK)
LAYERS, OUTPUTS, LOSSES = NETWORK["layers"], NETWORK["outputs"], NETWORK["losses"]
TRAINING = NETWORK.get("training")
LAST_READER = {layer["input"]: layer["name"] for layer in LAYERS}
is_dropping = PASS != "forward"


def read(shape):
    data = sys.stdin.buffer.read(4 * torch.Size(shape).numel())
    return torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)


def answer(data):
    sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
    sys.stdout.buffer.flush()


def read_parameter(shape):
    """Weights arrive as (kernel height, kernel width, in, out) or (in, out); PyTorch has out and in first."""
    values = read(shape)
    if len(shape) == 4:
        values = values.permute(3, 2, 0, 1).contiguous(memory_format=FORMAT)
    elif len(shape) == 2:
        values = values.t().contiguous()
    return values


def read_images():
    return read(NETWORK["imagesShape"]).permute(0, 3, 1, 2).contiguous(memory_format=FORMAT)


def evenly_padded(x, pads, value):
    """The input and PyTorch's padding, which is even; what is not gets its padding beforehand."""
    if pads["top"] == pads["bottom"] and pads["left"] == pads["right"]:
        return x, (pads["top"], pads["left"])
    return F.pad(x, (pads["left"], pads["right"], pads["top"], pads["bottom"]), value=value), (0, 0)


ACTIVATE = {None: lambda x: x, "relu": F.relu_, "sigmoid": torch.sigmoid_, "tanh": torch.tanh_}


def activated(x, options):
    return ACTIVATE[options.get("activation")](x)


def convolution(layer, x, weights, biases):
    options = layer["options"]
    x, padding = evenly_padded(x, layer["pads"], 0)
    return activated(F.conv2d(x, weights, biases, options.get("stride", 1), padding), options)


def dense(layer, x, weights, biases):
    rows = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
    return activated(F.linear(rows, weights, biases), layer["options"])


def max_pooling(layer, x):
    options = layer["options"]
    x, padding = evenly_padded(x, layer["pads"], -torch.inf)
    return F.max_pool2d(x, options["kernel"], options.get("stride", 1), padding)


def local_response_normalization(layer, x):
    options = layer["options"]
    size = 2 * options["radius"] + 1
    # PyTorch divides alpha by the window, convmark does not.
    return F.local_response_norm(x, size, options["alpha"] * size, options["beta"], options["bias"])


APPLY = {
    "conv": convolution,
    "dense": dense,
    "lrn": local_response_normalization,
    "max-pool": max_pooling,
    "relu": lambda _, x: F.relu(x),
    "sigmoid": lambda _, x: torch.sigmoid(x),
    "tanh": lambda _, x: torch.tanh(x),
    # Its masks are PyTorch's own.
    "dropout": lambda layer, x: F.dropout(x, layer["options"]["rate"], is_dropping),
}

LOSS = {
    "l2-loss": lambda x, _: x.square().sum() / 2,
    "softmax-loss": lambda x, labels: F.cross_entropy(x.flatten(1), labels),
}


def forward(images, parameters, wanted):
    """The wanted layers' outputs, by name. What no layer reads any more is let go, so that its memory is used again."""
    made = {"images": images}
    left = iter(parameters)
    for layer in LAYERS:
        name, source = layer["name"], layer["input"]
        x = made[source] if source in wanted or LAST_READER[source] != name else made.pop(source)
        made[name] = APPLY[layer["kind"]](layer, x, *(next(left) for _ in layer["parameterShapes"]))
    return [made[name] for name in wanted]


def run(images, labels, parameters, optimizer):
    """The outputs; where the pass goes backward the gradients of the sum of the losses, and the losses."""
    if PASS == "forward":
        with torch.inference_mode():
            return forward(images, parameters, OUTPUTS), [], []
    # Let go, not filled with zeros: backward then need not add to them.
    optimizer.zero_grad(set_to_none=True)
    wanted = [*OUTPUTS, *(loss["input"] for loss in LOSSES)]
    made = forward(images, parameters, wanted)
    losses = [LOSS[loss["kind"]](x, labels) for loss, x in zip(LOSSES, made[len(OUTPUTS) :])]
    if PASS == "forward-backward":
        return made[: len(OUTPUTS)], torch.autograd.grad(losses, parameters), losses
    torch.autograd.backward(losses)
    optimizer.step()
    return made[: len(OUTPUTS)], [parameter.grad for parameter in parameters], losses


def new_optimizer(parameters, rate):
    momentum, decay = (TRAINING["momentum"], TRAINING["decay"]) if PASS == "train" else (0, 0)
    return torch.optim.SGD(parameters, rate, momentum, weight_decay=decay)


def plain(x):
    """An activation as (N, H, W, C)."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def plain_parameter(x):
    """A parameter or its gradient as parameters arrive."""
    return x.permute(2, 3, 1, 0) if x.dim() == 4 else x.t()


def raw(tensors):
    return b"".join(x.detach().contiguous().numpy().tobytes() for x in tensors)


def require_handled():
    for layer in LAYERS:
        if layer["kind"] not in APPLY:
            sys.exit(f"{layer['name']}: {layer['kind']} layers are not handled here")
        activation = layer["options"].get("activation")
        if activation not in ACTIVATE:
            sys.exit(f"{layer['name']}: its {activation} is not handled here")
    for loss in LOSSES:
        if loss["kind"] not in LOSS:
            sys.exit(f"{loss['name']}: {loss['kind']} layers are not handled here")


def main():
    global is_dropping
    require_handled()
    shapes = [shape for layer in LAYERS for shape in layer["parameterShapes"]]
    parameters = [read_parameter(shape).requires_grad_(PASS != "forward") for shape in shapes]
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
                for parameter, shape in zip(parameters, shapes):
                    parameter.copy_(read_parameter(shape))
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
