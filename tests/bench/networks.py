"""The six networks of the paper as torchvision has them, channels last, with weights that a formula gives."""

import sys
from pathlib import Path

import torch
import torchvision
from torch.nn import functional

from bundle import FINDINGS
from torch_network import images, labels

sys.path.append(str(Path(__file__).parents[1] / "reference"))
# The formula of the tests' reference.
from torchvision_logits import formula

# Name here, and in torchvision.
NAMES = {
    "squeezenet": "squeezenet1_1",
    "vgg11": "vgg11",
    "resnet18": "resnet18",
    "densenet121": "densenet121",
    "mobilenetv2": "mobilenet_v2",
    "mobilenet-lung-se-last": "mobilenet_v2",
}
REDUCTION = 32


class Attention(torch.nn.Module):
    """Squeeze-and-excitation, whose gate is 1 where it says nothing."""

    def __init__(self, channels: int):
        super().__init__()
        self.reduce = torch.nn.Linear(channels, channels // REDUCTION)
        self.expand = torch.nn.Linear(channels // REDUCTION, channels)

    def forward(self, x):
        gate = 2 * torch.sigmoid(self.expand(functional.relu(self.reduce(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class PaperNetwork:
    def __init__(self, name: str):
        self.model = torchvision.models.get_model(NAMES[name], weights=None, num_classes=FINDINGS)
        if name.startswith("mobilenet-lung"):
            self.model.features[18].add_module("attention", Attention(1280))
        self.model.load_state_dict(formula(self.model))
        self.model = self.model.to(memory_format=torch.channels_last)

    def probabilities(self) -> list[float]:
        """Of the first of two images, without dropout and with the running statistics."""
        self.model.eval()
        with torch.inference_mode():
            return torch.softmax(self.model(images(2))[0], 0).tolist()

    def train(self, batch: torch.Tensor) -> None:
        """Forward and backward, with dropout and the statistics of the batch."""
        self.model.train()
        self.model.zero_grad(set_to_none=True)
        functional.cross_entropy(self.model(batch), labels(len(batch))).backward()
