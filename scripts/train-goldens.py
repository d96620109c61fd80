"""Writes test/goldens/train-*.json: 20 training steps by PyTorch in float64, dropout left out.

Run it as scripts/goldens.py; with names of cases it does those alone, and with `--try` it writes nothing. A file has:

    network, options   for networkNamed(network, options)
    batch, seed        parameters are initializeForTraining(network, {seed}), float32, made again here
    data               {patternSeed, patternSd, firstSeed, noiseSd} of a new batch each step: see `batch_of`
    optimizer          {kind: "sgd", rate, momentum, decay} or {kind: "adam", rate, beta1, beta2, epsilon, decay};
                       each parameter's decay is that of weightDecays(network, decay)
    losses             the mean cross-entropy of each step's batch, before that step's update
    norms              the 2-norm of each parameter after the last update, by name; of running statistics too. It is 0 for a
                       shift whose gradient is 0 but for rounding, since a batch norm after it removes any constant
    float32            how far PyTorch's own float32 run is from all this, relatively: the first loss, the last one, the
                       worst one, the worst norm. It is what rounding alone does
    perturbed          the same of float64 runs whose parameters begin off by 1e-6 of themselves, the worst of three: what
                       an engine's error may do. Rates and data were chosen to keep both small: where one value decides a
                       ReLU or a maximum otherwise, a run is off by 1e-3 or more ten steps on, and would test nothing

The updates, of a parameter w and its gradient g, are torch.optim's:

    sgd     g += decay * w;  v = momentum * v + g, which is g at first;  w -= rate * v
    adam    g += decay * w;  m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2;  in step t = 1, 2, ...
            w -= rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import goldens

STEPS = 20
# A smaller norm is only rounding in float64, and would be 0 if numbers were exact
ROUNDING = 1e-12
SGD = {"kind": "sgd", "momentum": 0.9, "decay": 5e-4}
ADAM = {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 5e-4}


def case(network, batch, optimizer, data, **options):
    pattern_sd, noise_sd, first_seed = data
    return {
        "network": network, "options": options, "batch": batch, "seed": 7,
        "data": {"patternSeed": 1000, "patternSd": pattern_sd, "firstSeed": first_seed, "noiseSd": noise_sd},
        "optimizer": optimizer,
    }


CASES = {
    "lenet": case("lenet", 8, {**SGD, "rate": 0.002}, (0.3, 0.3, 1001), without=["dropout"]),
    "lenet-adam": case("lenet", 8, {**ADAM, "rate": 0.0002}, (0.3, 0.1, 3001), without=["dropout"]),
    # Images with a larger sd than the others', so that LRN acts a little
    "alexnet-cifar10": case("alexnet-cifar10", 8, {**SGD, "rate": 0.001}, (1.0, 0.3, 3001)),
    # Two images a step can't teach more than two classes in 20 steps. Of 67 pixels pool5 leaves one.
    "alexnet-torchvision": case(
        "alexnet-torchvision", 2, {**SGD, "rate": 0.0003}, (0.1, 0.03, 1001),
        imageSize=67, classes=2, without=["dropout"],
    ),
    # Statistics of few images, and ReLU behind each, make a run sensitive: patterns far over the noise, and a low rate
    "resnet20-cifar": case("resnet20-cifar", 16, {**SGD, "rate": 0.00015}, (1.0, 0.1, 1001), imageSize=16),
    # With SiLU, since in ReLU6 so many values are near a kink that rounding alone takes a run off by 1e-2
    "mobilenet-v2": case(
        "mobilenet-v2", 16, {**SGD, "rate": 0.0001}, (1.0, 0.05, 1001),
        imageSize=32, classes=2, activation="silu", without=["dropout"],
    ),
}

# ---- the networks ----------------------------------------------------------------------------------------------------

def conv(name, filters, kernel, stride=1, padding=None, **own):
    padding = kernel // 2 if padding is None else padding
    return {"kind": "conv", "name": name, "size": filters, "kernel": kernel, "stride": stride, "padding": padding, **own}


def dense(name, units, **own):
    return {"kind": "dense", "name": name, "size": units, **own}


def pool(kernel, after=0):
    """Steps of 2; `after` pixels are padded below and on the right."""
    return {"kind": "pool", "kernel": kernel, "after": after}


def norm(name, **own):
    return {"kind": "norm", "name": name, **own}


def cifar10(layer, sd, biases, decay=0.0):
    """Truncated normal weights, biases of one value, and a decay of the weights alone."""
    return {**layer, "sd": sd, "biases": biases, "decay": decay}


def normed(conv_name, norm_name, filters, kernel, stride=1, reads=None, has_relu=True):
    """A convolution without biases and what follows it. It reads the layer of a name, or the one before."""
    own = {} if reads is None else {"reads": [reads]}
    return [
        {**conv(conv_name, filters, kernel, stride), "has_relu": False, "has_biases": False, **own},
        norm(norm_name, has_relu=has_relu),
    ]


def resnet20():
    layers, source = normed("conv1", "bn1", 16, 3), "bn1"
    for stage, filters in enumerate((16, 32, 64), 1):
        for block in range(3):
            name, stride, shortcut = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1, source
            layers += normed(f"{name}.conv1", f"{name}.bn1", filters, 3, stride, reads=source)
            layers += normed(f"{name}.conv2", f"{name}.bn2", filters, 3, has_relu=False)
            if stride > 1:
                shortcut = f"{name}.downsample.1"
                layers += normed(f"{name}.downsample.0", shortcut, filters, 1, stride, reads=source, has_relu=False)
            source = f"{name}.add"
            layers.append({"kind": "add", "name": source, "reads": [f"{name}.bn2", shortcut]})
    return [*layers, {"kind": "mean"}, dense("fc", 10)]


def mobilenet_v2():
    def linear(*given, **own):
        # No activation follows it, so its weights need no gain of 2
        return [{**layer, "gain": 1} for layer in normed(*given, **own, has_relu=False)]

    layers, source, channels, position = normed("features.0.0", "features.0.1", 32, 3, 2), "features.0.1", 32, 1
    for factor, filters, count, first_stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):
        for block in range(count):
            name, stride, at = f"features.{position}", first_stride if block == 0 else 1, 0
            expanded, reads = factor * channels, source
            if factor > 1:
                layers += normed(f"{name}.conv.0.0", f"{name}.conv.0.1", expanded, 1, reads=source)
                at, reads = 1, f"{name}.conv.0.1"
            depthwise = normed(f"{name}.conv.{at}.0", f"{name}.conv.{at}.1", expanded, 3, stride, reads=reads)
            layers += [{**depthwise[0], "groups": expanded}, depthwise[1]]
            output = f"{name}.conv.{at + 2}"
            layers += linear(f"{name}.conv.{at + 1}", output, filters, 1)
            if stride == 1 and channels == filters:
                layers.append({"kind": "add", "name": f"{name}.add", "reads": [output, source], "has_relu": False})
                output = f"{name}.add"
            source, channels, position = output, filters, position + 1
    layers += normed(f"features.{position}.0", f"features.{position}.1", 1280, 1)
    layers = [{**layer, "activation": F.silu} for layer in layers]
    return [*layers, {"kind": "mean"}, {**dense("classifier.1", 1000), "sd": 0.01}]


LRN = {"kind": "lrn"}
# Images are (size, size, channels). ReLU, or the layer's own activation, follows each conv, dense, norm and add that doesn't say
# otherwise, except the last layer.
NETWORKS = {
    "lenet": (28, 1, [
        conv("conv1", 32, 5), pool(2), conv("conv2", 64, 5), pool(2), dense("fc3", 512), dense("fc4", 10),
    ]),
    "alexnet-cifar10": (24, 3, [
        cifar10(conv("conv1", 64, 5), 0.05, 0.0), pool(3, after=1), LRN,
        cifar10(conv("conv2", 64, 5), 0.05, 0.1), LRN, pool(3, after=1),
        cifar10(dense("fc3", 384), 0.04, 0.1, decay=0.004), cifar10(dense("fc4", 192), 0.04, 0.1, decay=0.004),
        cifar10(dense("fc5", 10), 0.04, 0.1),
    ]),
    "alexnet-torchvision": (224, 3, [
        conv("conv1", 64, 11, stride=4, padding=2), pool(3), conv("conv2", 192, 5), pool(3), conv("conv3", 384, 3),
        conv("conv4", 256, 3), conv("conv5", 256, 3), pool(3), dense("fc6", 4096), dense("fc7", 4096),
        dense("fc8", 1000),
    ]),
    "resnet20-cifar": (32, 3, resnet20()),
    "mobilenet-v2": (224, 3, mobilenet_v2()),
}


def image_of(case):
    size, channels, _ = NETWORKS[case["network"]]
    size = case["options"].get("imageSize", size)
    return size, size, channels


def layers_of(case):
    *layers, last = NETWORKS[case["network"]][2]
    return [*layers, {**last, "size": classes_of(case)}]


def classes_of(case):
    return case["options"].get("classes", NETWORKS[case["network"]][2][-1]["size"])


def forward(case, parameters, images):
    """Logits of images (N, H, W, C)."""
    x = images.permute(0, 3, 1, 2)
    layers, made = layers_of(case), {}
    for layer in layers:
        x = apply(layer, parameters, [made[name] for name in layer.get("reads", [])] or [x])
        has_relu = layer["kind"] in ("conv", "dense", "norm", "add") and layer.get("has_relu", True)
        if has_relu and layer is not layers[-1]:
            x = layer.get("activation", F.relu)(x)
        made[layer.get("name")] = x
    return x


def apply(layer, parameters, inputs):
    """Without ReLU. Running statistics follow."""
    x, kind = inputs[0], layer["kind"]
    if kind == "pool":
        return F.max_pool2d(F.pad(x, (0, layer["after"], 0, layer["after"]), value=-np.inf), layer["kernel"], 2)
    if kind == "lrn":
        # PyTorch divides alpha by the window of 9: 0.001 here is 0.001/9 in convmark
        return F.local_response_norm(x, 9, alpha=0.001, beta=0.75, k=1.0)
    if kind == "add":
        return sum(inputs)
    if kind == "mean":
        return x.mean((2, 3), keepdim=True)
    own = {part: parameters.get(f"{layer['name']}/{part}") for part in ("weights", "biases", *NORM_PARTS)}
    if kind == "norm":
        return F.batch_norm(x, own["mean"], own["variance"], own["scale"], own["shift"], True, 0.1, 1e-5)
    if kind == "conv":
        weights, groups = own["weights"].permute(3, 2, 0, 1), layer.get("groups", 1)
        return F.conv2d(x, weights, own["biases"], layer["stride"], layer["padding"], groups=groups)
    # Flattened in H, W, C order
    return (x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x) @ own["weights"] + own["biases"]


# A norm's parameters, and what each begins with
NORM_PARTS = {"scale": 1.0, "shift": 0.0, "mean": 0.0, "variance": 1.0}


def is_trained(name):
    return not name.endswith(("/mean", "/variance"))


# ---- initial values and data -----------------------------------------------------------------------------------------


def initial_parameters(case):
    """As initializeForTraining: float32, in convmark's layouts, by name."""
    parameters = {}
    size, _, channels = image_of(case)
    layers = layers_of(case)
    is_flat = False
    # By name, what a layer makes of an image
    shapes = {}
    for before, layer in zip([{}, *layers], layers):
        shapes[before.get("name")] = (size, channels)
        if "reads" in layer:
            size, channels = shapes[layer["reads"][0]]
        if layer["kind"] == "pool":
            size = (size + layer["after"] - layer["kernel"]) // 2 + 1
        if layer["kind"] == "mean":
            size = 1
        if layer["kind"] == "norm":
            for part, value in NORM_PARTS.items():
                parameters[f"{layer['name']}/{part}"] = np.full(channels, value, np.float32)
        if layer["kind"] not in ("conv", "dense"):
            continue
        if layer["kind"] == "conv":
            shape = (layer["kernel"], layer["kernel"], channels // layer.get("groups", 1), layer["size"])
            size = (size + 2 * layer["padding"] - layer["kernel"]) // layer["stride"] + 1
        else:
            shape = (channels if is_flat else size * size * channels, layer["size"])
            is_flat = True
        channels = layer["size"]
        name, count = f"{layer['name']}/weights", int(np.prod(shape))
        if "sd" in layer:
            weights = goldens.truncated_normal(count, case["seed"], name, layer["sd"])
        else:
            gain = 1 if layer is layers[-1] else layer.get("gain", 2)
            weights = goldens.normal(count, case["seed"], name, np.sqrt(gain / np.prod(shape[:-1])))
        parameters[name] = weights.astype(np.float32).reshape(shape)
        if layer.get("has_biases", True):
            parameters[f"{layer['name']}/biases"] = np.full(layer["size"], layer.get("biases", 0.0), np.float32)
    return parameters


def batch_of(case, step):
    """
    Images and labels of a step, as initializeImages(network, batch, {seed: firstSeed + step, sd: noiseSd}) makes them; to
    each image its class's pattern is added, in float32, so that there is something to learn. Pattern c is values
    c * length and on of normal(values, {seed: patternSeed, tensor: 'patterns', sd: patternSd}), float32.
    """
    image, batch, classes, data = image_of(case), case["batch"], classes_of(case), case["data"]
    length = int(np.prod(image))
    seed = data["firstSeed"] + step
    labels = np.floor(goldens.uniform(batch, seed, "labels").astype(np.float32) * classes).astype(np.int64)
    noise = goldens.normal(batch * length, seed, "images", data["noiseSd"]).astype(np.float32)
    patterns = goldens.normal(classes * length, data["patternSeed"], "patterns", data["patternSd"]).astype(np.float32)
    return noise.reshape(batch, *image) + patterns.reshape(classes, *image)[labels], labels


# ---- training --------------------------------------------------------------------------------------------------------


def optimizer_of(case, parameters):
    optimizer = case["optimizer"]

    def decay_of(name, layer):
        own = layer.get("decay")
        return optimizer["decay"] if own is None else own if name.endswith("/weights") else 0.0

    layers = {layer["name"]: layer for layer in layers_of(case) if "name" in layer}
    groups = [
        {"params": [leaf], "weight_decay": decay_of(name, layers[name.split("/")[0]])}
        for name, leaf in parameters.items()
        if is_trained(name)
    ]
    if optimizer["kind"] == "sgd":
        return torch.optim.SGD(groups, lr=optimizer["rate"], momentum=optimizer["momentum"])
    betas = (optimizer["beta1"], optimizer["beta2"])
    return torch.optim.Adam(groups, lr=optimizer["rate"], betas=betas, eps=optimizer["epsilon"])


def train(case, initial, dtype=torch.double):
    """The losses, and the norms at the end."""
    parameters = {
        name: torch.tensor(values, dtype=dtype, requires_grad=is_trained(name)) for name, values in initial.items()
    }
    optimizer = optimizer_of(case, parameters)
    losses = []
    for step in range(STEPS):
        images, labels = batch_of(case, step)
        optimizer.zero_grad()
        logits = forward(case, parameters, torch.tensor(images, dtype=dtype))
        loss = F.cross_entropy(logits, torch.tensor(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    norms = {name: float(torch.linalg.vector_norm(leaf.detach().double())) for name, leaf in parameters.items()}
    return losses, {name: norm if norm > ROUNDING else 0.0 for name, norm in norms.items()}


def rounded(value):
    return float(f"{value:.12g}")


def golden(case):
    """What a file has of a case, but for `float32` and `perturbed`."""
    losses, norms = train(case, initial_parameters(case))
    return {
        **case,
        "losses": [rounded(loss) for loss in losses],
        "norms": {name: rounded(norm) for name, norm in norms.items()},
    }


def spreads(case, made):
    initial = initial_parameters(case)

    def errors(parameters, dtype):
        """How far losses and norms are from those in `made`, relatively."""
        losses, norms = train(case, parameters, dtype)
        of_losses = np.abs(np.divide(losses, made["losses"]) - 1)
        of_norms = max(abs(norms[name] / norm - 1) for name, norm in made["norms"].items() if norm > 0)
        return [of_losses[0], of_losses[-1], of_losses.max(), of_norms]

    def perturbed(seed):
        rng = np.random.default_rng(seed)
        return {name: values * (1 + 1e-6 * rng.standard_normal(values.shape)) for name, values in initial.items()}

    def named(worst):
        names = ("firstLoss", "lastLoss", "worstLoss", "worstNorm")
        return {name: float(f"{error:.1e}") for name, error in zip(names, worst)}

    return {
        "float32": named(errors(initial, torch.float32)),
        "perturbed": named(np.max([errors(perturbed(seed), torch.double) for seed in range(3)], axis=0)),
    }


def file_of(name):
    return pathlib.Path(__file__).resolve().parent.parent / "test" / "goldens" / f"train-{name}.json"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("cases", nargs="*", choices=[*CASES, []], help="left out, all of them")
    arguments.add_argument("--try", dest="is_trial", action="store_true", help="print losses and spread, write nothing")
    options = arguments.parse_args()
    goldens.require_the_same_bits()
    for name in options.cases or CASES:
        made = golden(CASES[name])
        made.update(spreads(CASES[name], made))
        print(name, made["float32"], made["perturbed"], [float(f"{loss:.3g}") for loss in made["losses"]], flush=True)
        if options.is_trial:
            continue
        made = {"madeBy": f"scripts/train-goldens.py, PyTorch {torch.__version__}, float64", **made}
        # One line a field, so that a change shows where it is
        lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in made.items()]
        file_of(name).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
