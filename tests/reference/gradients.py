"""Writes crates/lung-kernels/tests/pytorch.safetensors: what PyTorch makes of the convolutions that the network has.

Each case is a convolution with bias and, for some, ReLU6: its output, and the gradients of
sum(output * cotangent) with respect to input, weight and bias, in the shapes that the network has (1 x 1, depthwise
with either stride, the stem) and in awkward ones (odd sides, one channel, batches of 1 and 7).

PyTorch computes in f64 and the results are rounded to f32 once, so that the file holds the answer and not one
implementation's rounding. What goes in is exact in either.

    python tests/reference/gradients.py     # needs torch and safetensors from PyPI
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

TARGET = Path(__file__).parents[2] / "crates/lung-kernels/tests/pytorch.safetensors"

# name, batch, channels in, channels out, height, width, kernel, stride, depthwise, relu6
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
]


def draw(generator: torch.Generator, shape: tuple[int, ...], scale: float) -> torch.Tensor:
    """Normal numbers of deviation `scale`, as multiples of 1/16."""
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    return (numbers * 16).round() / 16


def main() -> None:
    generator = torch.Generator().manual_seed(1)
    tensors, index = {}, []
    for number, (name, batch, inputs, outputs, height, width, kernel, stride, depthwise, relu6) in enumerate(CASES):
        groups = inputs if depthwise else 1
        # About a third of the outputs below 0 and some above 6, so that the clamp holds on both sides.
        x = draw(generator, (batch, inputs, height, width), 2.0).requires_grad_()
        w = draw(generator, (outputs, inputs // groups, kernel, kernel), 0.7).requires_grad_()
        # Sums of products are multiples of 1/256. Half a step off, no output can lie on an edge of the clamp, where the
        # gradient is a matter of definition.
        b = (draw(generator, (outputs,), 2.0) + 1 / 512).requires_grad_()
        y = torch.nn.functional.conv2d(x, w, b, stride=stride, padding=kernel // 2, groups=groups)
        if relu6:
            assert not ((y == 0) | (y == 6)).any(), name
            y = torch.nn.functional.relu6(y)
        cotangent = draw(generator, tuple(y.shape), 1.0)
        gradients = torch.autograd.grad(y, (x, w, b), cotangent)
        parts = {"input": x, "weight": w, "bias": b, "output": y, "cotangent": cotangent}
        parts |= {f"{part}_gradient": g for part, g in zip(("input", "weight", "bias"), gradients)}
        for part, tensor in parts.items():
            tensors[f"{number}.{part}"] = tensor.detach().to(torch.float32).contiguous()
        index.append({"name": name, "stride": stride, "groups": groups, "relu6": relu6})
    save_file(tensors, TARGET, {"torch": torch.__version__, "cases": json.dumps(index)})
    print(f"{TARGET.name}: {len(CASES)} cases, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
