"""A network of convmark's in PyTorch, run by pytorch.mjs: pytorch.py <pass> <threads> <network>.

native.mjs has what goes over stdin and stdout.
"""

import json
import struct
import sys
import time

import torch
import torch.nn.functional as F

PASS, THREADS, NETWORK = sys.argv[1:]
# A tenth faster than the plain NCHW in forward, equal in forward-backward.
FORMAT = torch.channels_last
torch.set_num_threads(int(THREADS))
IMAGES, *LAYERS = [line.split() for line in NETWORK.splitlines()]
BATCH, HEIGHT, WIDTH, CHANNELS = map(int, IMAGES)


def read(*shape):
    data = sys.stdin.buffer.read(4 * torch.Size(shape).numel())
    return torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)


def answer(data):
    sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
    sys.stdout.buffer.flush()


def read_parameters():
    """Weights arrive as (kernel height, kernel width, in, out); PyTorch has out and in first."""
    parameters, channels = [], CHANNELS
    for kind, *numbers in LAYERS:
        if kind == "conv":
            filters, kernel = map(int, numbers[:2])
            weights = read(kernel, kernel, channels, filters).permute(3, 2, 0, 1).contiguous(memory_format=FORMAT)
            parameters += [weights, read(filters)]
            channels = filters
    return [values.requires_grad_(PASS == "forward-backward") for values in parameters]


def read_images():
    return read(BATCH, HEIGHT, WIDTH, CHANNELS).permute(0, 3, 1, 2).contiguous(memory_format=FORMAT)


def forward(x, parameters):
    left = iter(parameters)
    for kind, *numbers in LAYERS:
        if kind == "conv":
            stride, padding = map(int, numbers[2:])
            x = F.relu_(F.conv2d(x, next(left), next(left), stride, padding))
        elif kind == "lrn":
            size, *constants = numbers
            x = F.local_response_norm(x, int(size), *map(float, constants))
        else:
            x = F.max_pool2d(x, *map(int, numbers))
    return x


def run(images, parameters):
    """pool5, the gradients of sum(pool5^2)/2 and that sum."""
    if PASS == "forward":
        with torch.inference_mode():
            return [forward(images, parameters)]
    pool5 = forward(images, parameters)
    loss = pool5.square().sum() / 2
    return [pool5, *torch.autograd.grad(loss, parameters), loss]


def raw_results(pool5, *others):
    """In convmark's layouts: (N, H, W, C), and weights as they arrived."""
    plain = [pool5.permute(0, 2, 3, 1), *(x.permute(2, 3, 1, 0) if x.dim() == 4 else x for x in others)]
    return b"".join(x.detach().contiguous().numpy().tobytes() for x in plain)


def main():
    parameters = read_parameters()
    one_dnn = torch.backends.mkldnn.is_available()
    answer(json.dumps({"version": torch.__version__, "detail": "oneDNN" if one_dnn else "no oneDNN"}).encode())
    images = results = None
    for line in sys.stdin.buffer:
        command = line.strip()
        if command == b"images":
            images = read_images()
            answer(b"")
        elif command == b"run":
            start = time.perf_counter()
            results = run(images, parameters)
            answer(struct.pack("<d", 1000 * (time.perf_counter() - start)))
        elif command == b"processor":
            answer(struct.pack("<d", 1000 * time.process_time()))
        else:
            answer(raw_results(*results))


main()
