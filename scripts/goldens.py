"""Writes test/goldens/alexnet.json: what PyTorch makes of the AlexNet tower in float64.

Run it with Debian's python3-torch: `/usr/bin/python3 scripts/goldens.py`. It shares no code with src/: random.ts is
written again in NumPy, the layers are PyTorch's, and PyTorch's own autograd goes backward. With `--seeds 7-20` it only
prints how far float32 is from float64 for each seed, to choose one by.
"""

import argparse
import hashlib
import json
import pathlib
import re

import numpy as np
import torch
import torch.nn.functional as F

# The article's initial weights and images make conv1 outputs near 0.2, where LRN does nothing. With these, every
# printed activation has a root mean square of 15 to 90.
WEIGHT_SD = 0.1
IMAGE_SD = 1.0
BIAS_SD = 1.0
WEIGHT_FACTORS = {"conv1": 16.0, "conv2": 0.5, "conv3": 0.5, "conv4": 0.4, "conv5": 0.4}

# name, filters, kernel, stride
CONVS = [("conv1", 64, 11, 4), ("conv2", 192, 5, 1), ("conv3", 384, 3, 1), ("conv4", 256, 3, 1), ("conv5", 256, 3, 1)]
PRINTED = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"]

# 'small' is for the plain loops, which are slow: the smallest images whose pool5 windows overlap and whose conv1 is
# padded by 3 before and 4 after, as at 224. A seed must leave float32's gradients near float64's (see --seeds): with an
# unlucky one, a value so near zero that ReLU decides otherwise makes them differ by 1e-3 to 1e-2.
CASES = {"small": {"imageSize": 92, "batch": 2, "seed": 7}, "full": {"imageSize": 224, "batch": 2, "seed": 7}}
POSITIONS = 250

# ---- random.ts -------------------------------------------------------------------------------------------------------

U32 = np.uint32
GOLDEN = 0x9E3779B9

CENTRE = (
    [3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
     67265.7709270087, 33430.57558358813, 2509.0809287301227],
    [1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
     28729.085735721943, 5226.495278852854],
)
TAIL = (
    [1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
     0.2417807251774506, 0.022723844989269184, 0.0007745450142783414],
    [1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
     0.0005475938084995345, 1.0507500716444169e-9],
)
FAR_TAIL = (
    [6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
     0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7],
    [1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
     1.421511758316446e-7, 2.0442631033899397e-15],
)
LOGARITHM = [0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
             0.15313837699209373, 0.14798198605116586, 0]


def mix(bits):
    bits = np.atleast_1d(np.asarray(bits, dtype=U32))
    bits = (bits ^ (bits >> U32(16))) * U32(0x85EBCA6B)
    bits = (bits ^ (bits >> U32(13))) * U32(0xC2B2AE35)
    return bits ^ (bits >> U32(16))


def key_of(seed, tensor):
    def mixed(value):
        return int(mix(value & 0xFFFFFFFF)[0])

    low = mixed(seed + GOLDEN)
    high = mixed((seed >> 32) ^ low)
    for byte in tensor.encode("utf-8"):
        low = mixed((low ^ byte) + GOLDEN)
        high = mixed((high ^ low) + GOLDEN)
    return low, high


def uniform_at(key, index, draw):
    low = U32((key[0] + draw * GOLDEN) & 0xFFFFFFFF)
    high = U32(key[1] ^ draw)
    left, right = index.astype(U32), (index >> np.uint64(32)).astype(U32)
    left = left ^ mix(right + low)
    right = right ^ mix(left + high)
    left = left ^ mix((right ^ low) + U32(GOLDEN))
    right = right ^ mix((left ^ high) + U32(GOLDEN))
    return (left * 2.0**20 + (right >> U32(12)) + 0.5) * 2.0**-52


def polynomial(c, x):
    return ((((((c[7] * x + c[6]) * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0]


def logarithm(x):
    high = (x.view(np.uint64) >> np.uint64(32)).astype(np.int64)
    exponent = (high - 0x3FE6A09E) >> 20
    m = (x.view(np.int64) - (exponent << 52)).view(np.float64)
    s = (m - 1) / (m + 1)
    z = s * s
    return exponent * 0.6931471805599453 + (2 * s + s * z * polynomial(LOGARITHM, z))


def inverse_normal(p):
    q = p - 0.5
    r = 0.180625 - q * q
    value = (q * polynomial(CENTRE[0], r)) / polynomial(CENTRE[1], r)
    outside = np.abs(q) > 0.425
    q, p = q[outside], p[outside]
    r = np.sqrt(-logarithm(np.where(q < 0, p, 1 - p)))
    near = polynomial(TAIL[0], r - 1.6) / polynomial(TAIL[1], r - 1.6)
    far = polynomial(FAR_TAIL[0], r - 5) / polynomial(FAR_TAIL[1], r - 5)
    magnitude = np.where(r <= 5, near, far)
    value[outside] = np.where(q < 0, -magnitude, magnitude)
    return value


def uniform(count, seed, tensor):
    u = uniform_at(key_of(seed, tensor), np.arange(count, dtype=np.uint64), 0)
    return (np.floor(u * 2.0**23) + 0.5) * 2.0**-23


def normal(count, seed, tensor, sd=1.0):
    return 0.0 + sd * inverse_normal(uniform_at(key_of(seed, tensor), np.arange(count, dtype=np.uint64), 0))


def truncated_normal(count, seed, tensor, sd=1.0):
    key, index = key_of(seed, tensor), np.arange(count, dtype=np.uint64)
    values = inverse_normal(uniform_at(key, index, 0))
    draw = 1
    while (past := np.flatnonzero(np.abs(values) > 2)).size > 0:
        values[past] = inverse_normal(uniform_at(key, index[past], draw))
        draw += 1
    return 0.0 + sd * values


# As in src/random.test.ts: SHA-256 of the first million float32 values at seed 7
HASHES = [
    (uniform, "images", "9cc80227bc9fad81590dd8c2fc269614bf1e77fc28af827bcacb0d0f57248c1c"),
    (normal, "images", "0a17924f6b4ef8e22e0b2c0bc633e4f86a704aea9d4d7644af25126e571c4ea5"),
    (normal, "conv2/weights", "4f6f081638e42d8af1e887ee303d974667d4e14ee197042474f299fcef072dc0"),
    (truncated_normal, "images", "16d898262190814ea7e4fe910513be71ec935ebaf01e3793090cc4c223ef18fd"),
]


def require_the_same_bits():
    for distribution, tensor, expected in HASHES:
        found = hashlib.sha256(distribution(1_000_000, 7, tensor).astype("<f4").tobytes()).hexdigest()
        if found != expected:
            raise SystemExit(f"{distribution.__name__} of {tensor}: SHA-256 {found}, but random.ts makes {expected}")


# ---- the tower -------------------------------------------------------------------------------------------------------


def same_padding(size, kernel, stride):
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def parameters_and_images(image_size, batch, seed):
    """float32 values in convmark's layouts: weights (KH, KW, C, F), images (N, H, W, C)."""
    parameters, channels = {}, 3
    for name, filters, kernel, _ in CONVS:
        shape = (kernel, kernel, channels, filters)
        sd = WEIGHT_SD * WEIGHT_FACTORS[name]
        weights = truncated_normal(int(np.prod(shape)), seed, f"{name}/weights", sd)
        parameters[f"{name}/weights"] = weights.astype(np.float32).reshape(shape)
        parameters[f"{name}/biases"] = normal(filters, seed, f"{name}/biases", BIAS_SD).astype(np.float32)
        channels = filters
    shape = (batch, image_size, image_size, 3)
    images = normal(int(np.prod(shape)), seed, "images", IMAGE_SD).astype(np.float32).reshape(shape)
    return parameters, images


def run(parameters, images, dtype):
    """Printed activations, the loss and the gradients by name, as float64 arrays in convmark's layouts."""
    found = {}
    leaves = {name: torch.tensor(values, dtype=dtype, requires_grad=True) for name, values in parameters.items()}
    x = torch.tensor(images, dtype=dtype).permute(0, 3, 1, 2)

    def keep(name):
        found[name] = x.detach().permute(0, 2, 3, 1).double().contiguous().numpy()

    for name, _, kernel, stride in CONVS:
        before, after = same_padding(x.shape[2], kernel, stride)
        x = F.pad(x, (before, after, before, after))
        x = F.relu(F.conv2d(x, leaves[f"{name}/weights"].permute(3, 2, 0, 1), leaves[f"{name}/biases"], stride))
        keep(name)
        if name in ("conv1", "conv2"):
            # PyTorch divides alpha by the window of 9: 0.001 here is 0.001/9 in convmark
            x = F.max_pool2d(F.local_response_norm(x, 9, alpha=0.001, beta=0.75, k=1.0), 3, 2)
            keep(f"pool{name[-1]}")
    x = F.max_pool2d(x, 3, 2)
    keep("pool5")
    loss = (x**2).sum() / 2
    loss.backward()
    found["loss"] = loss.detach().double().numpy()
    for name, leaf in leaves.items():
        found[f"{name}.gradient"] = leaf.grad.double().numpy()
    return found


def relative_error(values, truth):
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth))


def float32_error(parameters, images, truth):
    """The worst gradient of PyTorch's own float32 against float64, as 2-norms."""
    found = run(parameters, images, torch.float32)
    return max(relative_error(found[name], truth[name]) for name in truth if name.endswith(".gradient"))


def rounded(value):
    return float(f"{value:.9g}")


def summary(values, rng):
    flat = values.reshape(-1)
    positions = np.sort(rng.choice(flat.size, min(POSITIONS, flat.size), replace=False))
    return {
        "shape": list(values.shape),
        "norm": rounded(np.linalg.norm(flat)),
        "maxAbs": rounded(np.abs(flat).max()),
        "positions": positions.tolist(),
        "values": [rounded(value) for value in flat[positions]],
    }


def golden(case):
    parameters, images = parameters_and_images(case["imageSize"], case["batch"], case["seed"])
    truth = run(parameters, images, torch.double)
    error = float32_error(parameters, images, truth)
    rng = np.random.default_rng(case["seed"])
    tensors = {name: summary(values, rng) for name, values in truth.items()}
    return {**case, "float32GradientError": float(f"{error:.2g}"), "tensors": tensors}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", help="first-last: print the scales and float32's error for each, write nothing")
    arguments.add_argument("--case", choices=CASES, default="full")
    options = arguments.parse_args()
    require_the_same_bits()
    if options.seeds:
        first, last = map(int, options.seeds.split("-"))
        for seed in range(first, last + 1):
            case = {**CASES[options.case], "seed": seed}
            parameters, images = parameters_and_images(case["imageSize"], case["batch"], case["seed"])
            truth = run(parameters, images, torch.double)
            scales = {name: f"{np.sqrt((truth[name] ** 2).mean()):.3g}" for name in PRINTED}
            print(seed, f"{float32_error(parameters, images, truth):.1e}", scales, flush=True)
        return
    file = pathlib.Path(__file__).resolve().parent.parent / "test" / "goldens" / "alexnet.json"
    factors = {"weightSd": WEIGHT_SD, "weightFactors": WEIGHT_FACTORS, "biasSd": BIAS_SD, "imageSd": IMAGE_SD}
    goldens = {"madeBy": f"scripts/goldens.py, PyTorch {torch.__version__}, float64", **factors}
    goldens["cases"] = {name: golden(case) for name, case in CASES.items()}
    file.parent.mkdir(exist_ok=True)
    # One line a tensor, so that a change shows where it is
    text = re.sub(r'("[^"]+":{"shape")', r"\n\1", json.dumps(goldens, separators=(",", ":")))
    file.write_text(text + "\n")
    print(f"{file.name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
