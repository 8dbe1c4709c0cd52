"""The network of a bundle in PyTorch, with batch norm folded, as ours is trained."""

import numpy
import torch
from torch.nn import functional

from bundle import FINDINGS, SIDE, blocks, has_attention, noise


class Network:
    """The network; its parameters, and the images that it gets, channels last. With `compiled`, through `torch.compile`."""

    def __init__(self, about: dict, weights: dict[str, numpy.ndarray], compiled: bool = False):
        self.attended = has_attention(about)
        self.weights = {}
        for name, values in weights.items():
            weight = torch.from_numpy(values.copy())
            if weight.dim() == 4:
                weight = weight.contiguous(memory_format=torch.channels_last)
            self.weights[name] = weight.requires_grad_()
        # Not dynamic: a check with two images before a batch of 32 would make a graph for any batch, which is slower.
        self.loss = torch.compile(self.mean_loss, dynamic=False) if compiled else self.mean_loss

    def convolution(self, x, name, stride=1, depthwise=False, linear=False):
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        x = functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, x.shape[1] if depthwise else 1)
        return x if linear else functional.relu6(x, inplace=True)

    def forward(self, x):
        x = self.convolution(x, "features.0.0", stride=2)
        for expand, depthwise, project, stride, outputs in blocks():
            y = self.convolution(x, expand) if expand else x
            y = self.convolution(y, depthwise, stride, depthwise=True)
            y = self.convolution(y, project, linear=True)
            x = x + y if stride == 1 and x.shape[1] == outputs else y
        x = self.convolution(x, "features.18.0")
        if self.attended:
            x = x * self.gate(x)[:, :, None, None]
        return functional.linear(x.mean((2, 3)), self.weights["classifier.1.weight"], self.weights["classifier.1.bias"])

    def gate(self, x):
        part = {name: self.weights[f"features.18.attention.{name}"] for name in
                ("reduce.weight", "reduce.bias", "expand.weight", "expand.bias")}
        hidden = functional.relu(functional.linear(x.mean((2, 3)), part["reduce.weight"], part["reduce.bias"]))
        return 2 * torch.sigmoid(functional.linear(hidden, part["expand.weight"], part["expand.bias"]))

    def mean_loss(self, images):
        """Mean cross-entropy; the labels are the findings in turn."""
        return functional.cross_entropy(self.forward(images), labels(len(images)))

    def train(self, images):
        """Forward and backward."""
        for weight in self.weights.values():
            weight.grad = None
        self.loss(images).backward()


def labels(batch: int) -> torch.Tensor:
    return torch.arange(batch) % FINDINGS


def images(batch: int) -> torch.Tensor:
    """The fixed input, channels last."""
    values = torch.from_numpy(noise(batch * 3 * SIDE * SIDE).reshape(batch, 3, SIDE, SIDE))
    return values.contiguous(memory_format=torch.channels_last)
