"""Writes crates/lung-train/tests/torchvision.json: what torchvision's networks make of weights and images that a formula
gives, and crates/lung-train/tests/torchvision.pth and torchvision-stream.pth, small weights files as PyTorch writes them now
and as it did before 1.6.

The formula is the same in crates/lung-train/tests/networks.rs, so that neither weights nor images are stored. Every number
comes from a hash of the tensor's name and the place within it, is exact in f32, and is scaled so that a signal lives through
all layers.

    python tests/reference/torchvision_logits.py     # needs torch, torchvision and numpy from PyPI
"""

import json
import math
from pathlib import Path

import numpy
import torch
import torchvision

FOLDER = Path(__file__).parents[2] / "crates/lung-train/tests"

# name here, name in torchvision, side, whether batch norm is folded. Sides that do not divide evenly, and one where VGG11's
# pool has to stretch its map.
CASES = [
    ("squeezenet", "squeezenet1_1", 71, False),
    ("vgg11", "vgg11", 100, False),
    ("resnet18", "resnet18", 75, False),
    ("resnet18", "resnet18", 64, True),
    ("densenet121", "densenet121", 77, False),
    ("mobilenetv2", "mobilenet_v2", 224, False),
    ("mobilenetv2", "mobilenet_v2", 65, True),
]
BATCH = 2


def noise(name: str, count: int) -> numpy.ndarray:
    """Numbers in -1..1: murmur3's finaliser of the place, started from the FNV-1a hash of the name."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    h = numpy.arange(count, dtype=numpy.uint32) + numpy.uint32(seed)
    h ^= h >> numpy.uint32(16)
    h *= numpy.uint32(0x85EBCA6B)
    h ^= h >> numpy.uint32(13)
    h *= numpy.uint32(0xC2B2AE35)
    h ^= h >> numpy.uint32(16)
    return (h >> numpy.uint32(8)).astype(numpy.float32) / numpy.float32(1 << 23) - numpy.float32(1)


def values(name: str, shape: list[int]) -> numpy.ndarray:
    """The parameter of this name and shape."""
    numbers = noise(name, math.prod(shape))
    if len(shape) > 1:
        # Uniform numbers of variance 2 / fan in.
        numbers = numbers * numpy.float32(math.sqrt(6 / math.prod(shape[1:])))
    elif name.endswith("running_var") or name.endswith(".weight"):
        numbers = numpy.float32(1) + numbers * numpy.float32(0.25)
    else:
        numbers = numbers * numpy.float32(0.125)
    return numbers.reshape(shape)


def formula(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: torch.from_numpy(values(name, list(tensor.shape))) if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }


def make_folded(model: torch.nn.Module) -> None:
    """Makes every batch norm what is left of it when the rest is folded into the convolution before it: the bias."""
    convolution = ""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            convolution = name
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.fill_(1)
            module.running_mean.fill_(0)
            module.running_var.fill_(1 - module.eps)
            module.bias.data = torch.from_numpy(values(f"{convolution}.bias", [module.num_features]))


def main() -> None:
    torch.set_num_threads(2)
    cases = []
    for name, theirs, side, folded in CASES:
        model = getattr(torchvision.models, theirs)(num_classes=3).eval()
        model.load_state_dict(formula(model))
        if folded:
            make_folded(model)
        images = torch.from_numpy(2 * noise("images", BATCH * 3 * side * side).reshape(BATCH, 3, side, side))
        with torch.no_grad():
            logits = model(images)
        cases.append({"network": name, "side": side, "folded": folded, "logits": logits.tolist()})
        print(name, side, folded, logits.tolist())
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    (FOLDER / "torchvision.json").write_text(json.dumps({"made_with": versions, "cases": cases}, indent=1) + "\n")

    stem = torchvision.models.squeezenet1_1().features[0].state_dict()
    state = {
        f"features.0.{name}": torch.from_numpy(values(f"features.0.{name}", list(tensor.shape))).half()
        for name, tensor in stem.items()
    }
    state["num_batches_tracked"] = torch.tensor(1)
    for name, archive in [("torchvision.pth", True), ("torchvision-stream.pth", False)]:
        torch.save(state, FOLDER / name, _use_new_zipfile_serialization=archive)
        print(name, (FOLDER / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
