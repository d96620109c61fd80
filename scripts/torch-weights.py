#!/usr/bin/python3
"""torch-weights.py FOLDER NETWORK...: weights of torchvision's networks as safetensors, with PyTorch's own results.

Needs Debian's python3-torch and python3-torchvision. NETWORK.safetensors has random weights (seeded), in PyTorch's names and
layouts; all statistics and scales are other than those that a network begins with. NETWORK.results.safetensors has `images`
(2, 3, size, size) and `output`: what PyTorch makes of them in float64, in evaluation. With --load the weights are read from
NETWORK.safetensors instead, all of them and no others, as `load_state_dict` does it, and only the results are written.
"""

import argparse
import json
import math
import struct

import numpy
import torch
import torchvision

DTYPES = {"F32": numpy.float32, "I64": numpy.int64}


def build(name, options):
    arguments = {"num_classes": options.classes}
    if name == "googlenet":
        arguments.update(init_weights=False, aux_logits=not options.load)
    return getattr(torchvision.models, name)(weights=None, **arguments)


def draw(model):
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.num_batches_tracked.fill_(7)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.data.normal_(0, 0.1)
        elif parameter.dim() == 1 or name.endswith("layer_scale"):
            parameter.data.uniform_(0.5, 1.5)


def save(path, tensors):
    header, at = {}, 0
    arrays = {name: tensor.detach().contiguous().numpy() for name, tensor in tensors.items()}
    for name, array in arrays.items():
        dtype = next(name for name, known in DTYPES.items() if array.dtype == known)
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())


def load(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            count = math.prod(entry["shape"])
            values = numpy.fromfile(file, DTYPES[entry["dtype"]], count)
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors


def write(name, options):
    torch.manual_seed(options.seed)
    model = build(name, options)
    weights = f"{options.folder}/{name}.safetensors"
    if options.load:
        model.load_state_dict(load(weights), strict=True)
    else:
        draw(model)
        save(weights, model.state_dict())
    model.eval().double()
    images = torch.randn(2, 3, options.size, options.size)
    with torch.no_grad():
        output = model(images.double()).float()
    save(f"{options.folder}/{name}.results.safetensors", {"images": images, "output": output})


parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("networks", nargs="+")
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--load", action="store_true")
options = parser.parse_args()
for name in options.networks:
    write(name, options)
