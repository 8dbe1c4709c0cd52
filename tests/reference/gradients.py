"""Writes crates/lung-kernels/tests/pytorch.safetensors: what PyTorch makes of the networks' convolutions, and of max pooling.

Each case is a convolution with bias and, for some, ReLU6: its output, and the gradients of
sum(output * cotangent) with respect to input, weight and bias, in the shapes that the network has (1 x 1, depthwise
with either stride, the stem) and in awkward ones (odd sides, one channel, batches of 1 and 7). Dense ones of the paper's other networks
have more channels than fit into some vectors, rows of several tiles, and kernels of 5 and 7.

PyTorch computes in f64 and the results are rounded to f32 once, so that the file holds the answer and not one
implementation's rounding. What goes in is exact in either.

    python tests/reference/gradients.py     # needs torch and safetensors from PyPI
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

TARGET = Path(__file__).parents[2] / "crates/lung-kernels/tests/pytorch.safetensors"

# name, batch, channels in, channels out, height, width, kernel, stride, depthwise, relu6, and padding if it is not half of the kernel
CASES = [
    ("expand", 1, 4, 24, 7, 7, 1, 1, False, True),
    ("expand, odd sides, batch 7", 7, 3, 10, 5, 3, 1, 1, False, True),
    ("project", 1, 24, 5, 7, 7, 1, 1, False, False),
    ("project, odd sides, batch 7", 7, 9, 4, 3, 5, 1, 1, False, False),
    ("one channel to one", 1, 1, 1, 9, 4, 1, 1, False, True),
    ("one pixel", 7, 17, 6, 1, 1, 1, 1, False, False),
    ("depthwise", 1, 8, 8, 14, 14, 3, 1, True, True),
    ("depthwise, odd sides, batch 7", 7, 3, 3, 9, 7, 3, 1, True, True),
    ("depthwise, linear", 1, 5, 5, 7, 11, 3, 1, True, False),
    ("depthwise, one channel", 7, 1, 1, 5, 5, 3, 1, True, True),
    ("depthwise, one row", 1, 4, 4, 1, 9, 3, 1, True, True),
    ("depthwise, stride 2", 1, 8, 8, 14, 14, 3, 2, True, True),
    ("depthwise, stride 2, odd sides, batch 7", 7, 3, 3, 9, 7, 3, 2, True, True),
    ("depthwise, stride 2, linear", 1, 4, 4, 13, 8, 3, 2, True, False),
    ("depthwise, stride 2, one channel", 1, 1, 1, 2, 3, 3, 2, True, True),
    ("stem", 1, 3, 32, 16, 16, 3, 2, False, True),
    ("stem, odd sides, batch 7", 7, 3, 8, 9, 7, 3, 2, False, True),
    ("stem, linear, one channel", 1, 1, 4, 11, 6, 3, 2, False, False),
    ("3 x 3, channels of two blocks and a rest", 2, 5, 37, 7, 7, 3, 1, False, True),
    ("3 x 3, rows of 14", 1, 33, 6, 3, 14, 3, 1, False, False),
    ("3 x 3, rows of 17", 3, 6, 16, 4, 17, 3, 1, False, True),
    ("3 x 3, stride 2, rows of 15", 2, 7, 20, 8, 30, 3, 2, False, False),
    ("3 x 3, without padding", 2, 4, 17, 6, 9, 3, 1, False, True, 0),
    ("3 x 3, stride 2, without padding", 2, 3, 18, 10, 31, 3, 2, False, True, 0),
    ("5 x 5, padding 1", 1, 3, 9, 8, 11, 5, 1, False, False, 1),
    ("7 x 7, stride 2", 2, 3, 33, 14, 29, 7, 2, False, True),
    ("1 x 1, stride 2", 2, 9, 35, 6, 15, 1, 2, False, False),
    ("more positions than pass by at a time", 2, 2, 5, 19, 31, 3, 1, False, True),
    ("Winograd's way", 32, 32, 32, 7, 5, 3, 1, False, True),
]

# name, height, width, side, stride, padding, ceil
POOLS = [
    ("ResNet", 12, 17, 3, 2, 1, False),
    ("SqueezeNet", 11, 16, 3, 2, 0, True),
    ("VGG", 8, 14, 2, 2, 0, False),
    ("odd sides", 7, 9, 2, 2, 0, False),
    ("stride 1", 5, 6, 3, 1, 1, False),
    ("windows apart", 11, 13, 2, 3, 1, True),
]


def draw(generator: torch.Generator, shape: tuple[int, ...], scale: float) -> torch.Tensor:
    """Normal numbers of deviation `scale`, as multiples of 1/16."""
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    return (numbers * 16).round() / 16


def main() -> None:
    generator = torch.Generator().manual_seed(1)
    tensors, index = {}, []
    for number, (name, batch, inputs, outputs, height, width, kernel, stride, depthwise, relu6, *rest) in enumerate(CASES):
        groups = inputs if depthwise else 1
        padding = rest[0] if rest else kernel // 2
        # About a third of the outputs below 0 and some above 6, so that the clamp holds on both sides.
        x = draw(generator, (batch, inputs, height, width), 2.0).requires_grad_()
        w = draw(generator, (outputs, inputs // groups, kernel, kernel), 0.7).requires_grad_()
        # Sums of products are multiples of 1/256. Half a step off, no output can lie on an edge of the clamp, where the
        # gradient is a matter of definition.
        b = (draw(generator, (outputs,), 2.0) + 1 / 512).requires_grad_()
        y = torch.nn.functional.conv2d(x, w, b, stride=stride, padding=padding, groups=groups)
        if relu6:
            assert not ((y == 0) | (y == 6)).any(), name
            y = torch.nn.functional.relu6(y)
        cotangent = draw(generator, tuple(y.shape), 1.0)
        gradients = torch.autograd.grad(y, (x, w, b), cotangent)
        parts = {"input": x, "weight": w, "bias": b, "output": y, "cotangent": cotangent}
        parts |= {f"{part}_gradient": g for part, g in zip(("input", "weight", "bias"), gradients)}
        for part, tensor in parts.items():
            tensors[f"{number}.{part}"] = tensor.detach().to(torch.float32).contiguous()
        index.append({"name": name, "stride": stride, "padding": padding, "groups": groups, "relu6": relu6})
    pools = []
    for number, (name, height, width, side, stride, padding, ceil) in enumerate(POOLS):
        # Of few different numbers, so that windows have several largest ones.
        x = (torch.randn((2, 3, height, width), generator=generator, dtype=torch.float64) * 2).round().requires_grad_()
        y = torch.nn.functional.max_pool2d(x, side, stride, padding, ceil_mode=ceil)
        cotangent = draw(generator, tuple(y.shape), 1.0)
        (gradient,) = torch.autograd.grad(y, x, cotangent)
        parts = {"input": x, "output": y, "cotangent": cotangent, "input_gradient": gradient}
        for part, tensor in parts.items():
            tensors[f"pool.{number}.{part}"] = tensor.detach().to(torch.float32).contiguous()
        pools.append({"name": name, "side": side, "stride": stride, "padding": padding, "ceil": ceil})
    save_file(tensors, TARGET, {"torch": torch.__version__, "cases": json.dumps(index), "pools": json.dumps(pools)})
    print(f"{TARGET.name}: {len(CASES)} cases and {len(POOLS)} pools, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
