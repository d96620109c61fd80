#!/usr/bin/python3
"""onnx-zoo.py FOLDER NETWORK...: torchvision's networks as ONNX files, each with PyTorch's own results beside it.

Needs Debian's python3-torch and python3-torchvision. Weights are random (seeded), and so are batch norm's statistics.
NETWORK.onnx has the input `input` (batch, 3, size, size) and the output `output`; NETWORK.safetensors has tensors of
these names for two images, or as many as the file's batch, in the file's own order: what PyTorch makes of them in float64,
in evaluation. With --train the file has batch norm in training mode. With --gradients nothing is dropped, and the file with the
results also has PARAMETER.gradient for each parameter: the gradient of half the sum of the outputs' squares, with batch norm frozen.
"""

import argparse
import json
import struct
import warnings

import torch
import torchvision

warnings.filterwarnings("ignore")

SEGMENTATION = ("deeplabv3_mobilenet_v3_large", "fcn_resnet50")
WITH_AUXILIARY = ("googlenet", "inception_v3")


class MainOutput(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images)["out"]


def build(name):
    if name in SEGMENTATION:
        make = getattr(torchvision.models.segmentation, name)
        return MainOutput(make(weights=None, weights_backbone=None))
    options = {"init_weights": True} if name in WITH_AUXILIARY else {}
    model = getattr(torchvision.models, name)(weights=None, **options)
    if name in WITH_AUXILIARY:
        model.aux_logits, model.transform_input = False, False
        model.aux1 = model.aux2 = model.AuxLogits = None
    return model


def draw_statistics(model):
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)


def save(path, tensors):
    header, at = {}, 0
    for name, tensor in tensors.items():
        end = at + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().contiguous().float().numpy().tobytes())


def export(name, options):
    torch.manual_seed(options.seed)
    model = build(name)
    draw_statistics(model)
    model.eval()
    if options.gradients:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    images = torch.randn(options.batch or 2, 3, options.size, options.size)
    torch.onnx.export(
        model,
        images,
        f"{options.folder}/{name}.onnx",
        opset_version=options.opset,
        input_names=["input"],
        output_names=["output"],
        training=torch.onnx.TrainingMode.TRAINING if options.train else torch.onnx.TrainingMode.EVAL,
        dynamic_axes=None if options.batch else {"input": {0: "batch"}, "output": {0: "batch"}},
    )
    # Afterwards: an export in training mode is a step of batch norm's statistics, which the file then has.
    model.eval().double()
    tensors = {"input": images}
    with torch.set_grad_enabled(options.gradients):
        tensors["output"] = model(images.double())
    if options.gradients:
        (tensors["output"].square().sum() / 2).backward()
        for parameter, values in model.named_parameters():
            tensors[f"{parameter}.gradient"] = values.grad
    save(f"{options.folder}/{name}.safetensors", tensors)


parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("networks", nargs="+")
parser.add_argument("--opset", type=int, default=13)
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--batch", type=int)
parser.add_argument("--train", action="store_true")
parser.add_argument("--gradients", action="store_true")
options = parser.parse_args()
for name in options.networks:
    export(name, options)
