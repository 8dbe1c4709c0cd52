"""Cross-validates recipes of training and kinds of attention at 224 x 224 within folds 1 to 4, on a GPU.

`lung train` takes an hour for what an ordinary GPU does in minutes. This is its recipe once more, in PyTorch and in bf16, with what
could be different about it, to find out what is worth doing in Rust; of head and last attention, the head alone is trained first. Nothing
that it trains is shipped.

    cargo run --release -p lung-train --example folds -- lung-xray-image paediatric > folds.csv
    python tests/reference/recipes.py --images folds.csv --pretrained mobilenetv2_imagenet_backbone_fp32.safetensors \
        --out recipes --seeds 1 --recipes shipped none stages      # needs torch, numpy, pillow and safetensors from PyPI

A recipe is the shipped one with the changes that its name lists, joined by `+`: see CHANGES. `recipes` is a folder with a file for
each training, which is not done again. Fold 0 is never read.
"""

import argparse
import csv
import math
import multiprocessing
import statistics
import time
import traceback
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional as F

FOLDS = (1, 2, 3, 4)
# Expansion, channels out, blocks, stride: table 2 of arXiv 1801.04381.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
FEATURES = 1280
NORMAL, OPACITY, VIRAL = range(3)
FINDINGS = {"Normal": NORMAL, "Lung_Opacity": OPACITY, "Viral Pneumonia": VIRAL}

# The defaults of crates/lung-train/src/config.rs, and what they leave out.
SHIPPED = {
    "attention": "se",
    "place": "last",
    "norms": False,  # batch norm put back into the folded network
    "rate": 5e-3,  # relative to the size of each channel's weights
    "head_rate": 1e-3,
    "decay": 0.05,
    "epochs": 12,
    "head_epochs": 2,
    "batch": 32,
    "detail": 160,
    "side": 224,
    "warm_up": 0.1,
    "average": 0.99,
    "smoothing": 0.05,
    "balance": 0.3,
    "bacterial_as_viral": 0.35,
    "dropout": 0.2,
    "augmentation": 1.0,  # of how far each change goes
    "erase": 0.0,  # probability of a grey rectangle
    "mixup": 0.0,
    "sharpness": 0.0,  # radius of sharpness-aware minimisation, arXiv 2010.01412
    "last_stride": 2,  # of the last stage but one
    "maximum": False,  # the maximum of each feature beside its mean before the head
}

CHANGES = {
    "shipped": {},
    "none": {"attention": "none"},
    "stages": {"place": "stages"},
    "cbam-stages": {"attention": "cbam", "place": "stages"},
    "coordinate-stages": {"attention": "coordinate", "place": "stages"},
    "self": {"attention": "self"},
    "norms": {"norms": True},
    "sharpness": {"sharpness": 0.5},
    "less-sharpness": {"sharpness": 0.05},
    "detail224": {"detail": 224},
    "side288": {"side": 288},
    "stride1": {"last_stride": 1},
    "maximum": {"maximum": True},
    "batch16": {"batch": 16},
    "smoothing": {"smoothing": 0.2},
    "augmentation": {"augmentation": 1.5},
    "erase": {"erase": 0.5},
    "mixup": {"mixup": 0.4},
    "epochs24": {"epochs": 24},
}


def recipe(name: str) -> dict:
    """The recipe of this name."""
    changed = dict(SHIPPED)
    for change in name.split("+"):
        if change not in CHANGES:
            raise SystemExit(f"{name}: there is no change {change!r}, only {', '.join(CHANGES)}")
        changed.update(CHANGES[change])
    return changed


class Images:
    """What is to be known of every image that is not in fold 0."""

    def __init__(self, table: Path):
        with open(table, newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["fold"]) in FOLDS]
        column = lambda name: numpy.array([row[name] for row in rows])
        self.paths = [row["path"] for row in rows]
        self.finding = numpy.array([FINDINGS[row["finding"]] for row in rows])
        self.bacterial = column("bacterial") == "true"
        self.fold = column("fold").astype(int)
        self.main = column("source") == rows[0]["source"]
        self.adult = column("origin") == "adult"
        self.stratum = numpy.array(["|".join((row["finding"], row["origin"], row["source"])) for row in rows])

    def load(self, detail: int) -> numpy.ndarray:
        """All images reduced as mobilenet_lung::Preprocessing does, `[images, detail, detail]`."""
        with multiprocessing.Pool() as pool:
            return numpy.stack(pool.starmap(reduce, [(path, detail) for path in self.paths], chunksize=32))


def reduce(path: str, detail: int) -> numpy.ndarray:
    """Squashed by a triangle filter and stretched to its own darkest and brightest pixel, 0..=255."""
    grey = Image.fromarray(numpy.asarray(Image.open(path).convert("L")).astype(numpy.float32))
    pixels = numpy.asarray(grey.resize((detail, detail), Image.Resampling.BILINEAR))
    low, high = pixels.min(), pixels.max()
    return numpy.round((pixels - low) / max(high - low, 1e-6) * 255).astype(numpy.uint8)


class Attention(nn.Module):
    """Each kind starts as the identity, as in crates/mobilenet-lung/src/network/attention.rs; but no hidden layer has fewer than 8
    channels, where there it is 4."""

    def __init__(self, kind: str, channels: int):
        super().__init__()
        self.kind = kind
        hidden = max(channels // 32, 8)
        zero = []
        if kind in ("se", "cbam"):
            self.reduce, self.expand = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
            nn.init.zeros_(self.reduce.bias)
            zero.append(self.expand)
        if kind == "cbam":
            self.places = nn.Conv2d(2, 1, 7, padding=3)
            zero.append(self.places)
        if kind == "coordinate":  # arXiv 2103.02907
            self.reduce = nn.Conv2d(channels, hidden, 1)
            self.rows, self.columns = nn.Conv2d(hidden, channels, 1), nn.Conv2d(hidden, channels, 1)
            zero += [self.rows, self.columns]
        if kind == "self":  # four heads among the places of the map, arXiv 1706.03762
            self.norm, self.project = nn.LayerNorm(channels), nn.Linear(channels, 3 * 256)
            self.out = nn.Linear(256, channels)
            zero.append(self.out)
        for layer in zero:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        gate = lambda z: 2 * torch.sigmoid(z)
        if self.kind == "coordinate":
            high = x.mean(3, keepdim=True)
            both = F.hardswish(self.reduce(torch.cat([high, x.mean(2, keepdim=True).transpose(2, 3)], 2)))
            rows, columns = both.split([x.shape[2], x.shape[3]], 2)
            return x * gate(self.rows(rows)) * gate(self.columns(columns.transpose(2, 3)))
        if self.kind == "self":
            batch, channels, height, width = x.shape
            places = self.project(self.norm(x.flatten(2).transpose(1, 2)))
            query, key, value = places.reshape(batch, height * width, 3, 4, 64).permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, height * width, 256)
            return x + self.out(seen).transpose(1, 2).reshape(x.shape)
        excite = lambda pooled: self.expand(F.relu(self.reduce(pooled)))
        excitation = excite(x.mean((2, 3)))
        if self.kind == "cbam":
            excitation = excitation + excite(x.amax((2, 3)))
        x = x * gate(excitation)[:, :, None, None]
        if self.kind == "cbam":
            x = x * gate(self.places(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))
        return x


class Convolution(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, clamp: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups)
        self.norm = None
        self.clamp = clamp

    def forward(self, x):
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return F.relu6(x) if self.clamp else x

    def restore(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Puts a batch norm back that changes nothing where outputs have this mean and variance; each channel's weights become
        a vector of length one, which is how a network with norms has them."""
        weight, bias = self.conv.weight.data, self.conv.bias.data
        scale = 1 / weight.flatten(1).norm(dim=1).clamp(min=1e-6)
        norm = nn.BatchNorm2d(len(mean)).to(mean.device)
        norm.running_mean.copy_((mean - bias) * scale)
        norm.running_var.copy_(variance * scale**2)
        norm.weight.data.copy_((norm.running_var + norm.eps).sqrt() / scale)
        norm.bias.data.copy_(mean)
        weight.mul_(scale.view(-1, 1, 1, 1))
        self.conv.bias = None
        self.norm = norm


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, out: int, expansion: int, stride: int, attention):
        super().__init__()
        hidden = channels * expansion
        self.layers = nn.ModuleList(
            ([Convolution(channels, hidden)] if expansion > 1 else [])
            + [Convolution(hidden, hidden, 3, stride, hidden), Convolution(hidden, out, clamp=False)]
        )
        self.attention = attention
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        if self.attention is not None:
            y = self.attention(y)
        return x + y if self.residual else y


class MobileNet(nn.Module):
    def __init__(self, recipe: dict, pretrained: Path):
        super().__init__()
        attend = lambda channels: Attention(recipe["attention"], channels) if recipe["attention"] != "none" else None
        at_stages = recipe["place"] == "stages"
        self.stem = Convolution(3, 32, 3, 2)
        self.blocks, channels = nn.ModuleList(), 32
        for stage, (expansion, out, count, stride) in enumerate(STAGES):
            if stage == 5:
                stride = recipe["last_stride"]
            for number in range(count):
                attention = attend(out) if at_stages and number + 1 == count else None
                self.blocks.append(InvertedResidual(channels, out, expansion, stride if number == 0 else 1, attention))
                channels = out
        self.last = Convolution(channels, FEATURES)
        self.attention = None if at_stages else attend(FEATURES)
        self.maximum = recipe["maximum"]
        self.dropout = nn.Dropout(recipe["dropout"])
        self.head = nn.Linear(FEATURES * (2 if self.maximum else 1), 3)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        self.load(load_file(pretrained))

    def load(self, state: dict) -> None:
        def put(layer: Convolution, name: str) -> None:
            layer.conv.weight.data.copy_(torch.from_numpy(state[f"{name}.weight"]).view_as(layer.conv.weight))
            layer.conv.bias.data.copy_(torch.from_numpy(state[f"{name}.bias"]))

        put(self.stem, "features.0.0")
        put(self.last, f"features.{len(self.blocks) + 1}.0")
        for number, block in enumerate(self.blocks, 1):
            names = ["conv.0.0", "conv.1.0", "conv.2"] if len(block.layers) == 3 else ["conv.0.0", "conv.1"]
            for layer, name in zip(block.layers, names):
                put(layer, f"features.{number}.{name}")

    def convolutions(self) -> list[Convolution]:
        return [module for module in self.modules() if isinstance(module, Convolution)]

    def features(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)

    def pool(self, x):
        x = x.float()
        mean = x.mean((2, 3))
        # A quarter of the maximum is about as large as the mean.
        return torch.cat([mean, x.amax((2, 3)) / 4], 1) if self.maximum else mean

    def forward(self, x):
        x = self.features(x)
        if self.attention is not None:
            x = self.attention(x)
        return self.head(self.dropout(self.pool(x)))


def plain(pixels: torch.Tensor, side: int) -> torch.Tensor:
    return F.interpolate(pixels.float()[:, None] / 255, size=(side, side), mode="bilinear", align_corners=False)


def rectangle(side: int, top, left, height, width) -> torch.Tensor:
    """Which pixels are in a rectangle, `[batch, 1, side, side]`."""
    at = torch.arange(side, device=top.device)[None]
    rows = (at >= top[:, None]) & (at < (top + height)[:, None])
    columns = (at >= left[:, None]) & (at < (left + width)[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def augment(pixels: torch.Tensor, side: int, far: float) -> torch.Tensor:
    """crates/lung-train/src/augment/augmentation.rs, for a batch."""
    batch, detail, device = pixels.shape[0], pixels.shape[-1], pixels.device
    share = lambda: torch.rand(batch, device=device)
    within = lambda limit: (share() * 2 - 1) * limit
    wide = lambda x: x.view(batch, 1, 1, 1)
    sigma = within(0.8 * far * detail / 160).abs().clamp(min=1e-3)
    taps = torch.arange(-3, 4, device=device)
    kernel = torch.exp(-(taps[None] ** 2) / (2 * sigma[:, None] ** 2))
    kernel = kernel / kernel.sum(1, keepdim=True)
    x = F.pad(pixels.float()[None] / 255, (3, 3, 3, 3), mode="replicate")
    x = F.conv2d(x, kernel.view(batch, 1, 1, 7), groups=batch)
    x = F.conv2d(x, kernel.view(batch, 1, 7, 1), groups=batch)[0]
    x = x + within(0.01).abs()[:, None, None] * torch.randn_like(x)

    angle, scale, stretch = within(math.radians(8) * far), 1 + within(0.1 * far), 1 + within(0.06 * far)
    mirror = torch.where(share() < 0.5, -1.0, 1.0)
    at = (torch.arange(side, device=device) + 0.5) / side - 0.5
    v = (at.view(1, -1, 1) - within(0.05 * far).view(batch, 1, 1)).expand(batch, side, side)
    u = ((at.view(1, 1, -1) - within(0.05 * far).view(batch, 1, 1)) * mirror.view(batch, 1, 1)).expand(batch, side, side)
    sin, cos = angle.sin().view(batch, 1, 1), angle.cos().view(batch, 1, 1)
    grid = torch.stack(
        [2 * (cos * u + sin * v) / (scale * stretch).view(batch, 1, 1), 2 * (cos * v - sin * u) * (stretch / scale).view(batch, 1, 1)],
        -1,
    )
    x = F.grid_sample(x[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)
    x = x.clamp(1e-6, 1) ** wide(within(0.2 * far).exp())
    x = ((x - 0.5) * wide(1 + within(0.15 * far)) + 0.5 + wide(within(0.08 * far))).clamp(0, 1)

    zero = torch.zeros(batch, device=device)
    margin, edge, whole = share() * 0.1 * side, (share() * 4).long(), zero + side
    shown = torch.where(share() < 0.1, 1.0, 0.0)
    top = torch.where(edge == 1, side - margin, zero)
    left = torch.where(edge == 3, side - margin, zero)
    height = torch.where(edge < 2, margin, whole) * shown
    width = torch.where(edge < 2, whole, margin)
    x = torch.where(rectangle(side, top, left, height, width), wide((share() < 0.2).float()), x)
    height, width = 1 + (0.02 + share() * 0.08) * side, 1 + (0.02 + share() * 0.08) * side
    shown = torch.where(share() < 0.1, 1.0, 0.0)
    mark = rectangle(side, share() * (side - height), share() * (side - width), height * shown, width)
    return torch.where(mark, wide((share() < 0.7).float()), x)


def erase(x: torch.Tensor, probability: float) -> torch.Tensor:
    """Covers a rectangle of each image with a grey, with this probability (arXiv 1708.04896)."""
    batch, side = x.shape[0], x.shape[-1]
    share = lambda: torch.rand(batch, device=x.device)
    shown = torch.where(share() < probability, 1.0, 0.0)
    height, width = (0.15 + share() * 0.35) * side, (0.15 + share() * 0.35) * side
    covered = rectangle(side, share() * (side - height), share() * (side - width), height * shown, width)
    return torch.where(covered, share().view(batch, 1, 1, 1), x)


def draw(images: Images, indices: numpy.ndarray, balance: float, rng) -> numpy.ndarray:
    """As many of the images as there are, each stratum by its number to the power of `1 - balance`; as `lung train` does."""
    strata = {name: indices[images.stratum[indices] == name] for name in sorted(set(images.stratum[indices]))}
    total = sum(len(places) ** (1 - balance) for places in strata.values())
    drawn = []
    for places in strata.values():
        left = round(len(places) ** (1 - balance) / total * len(indices))
        while left > 0:
            some = rng.permutation(places)[:left]
            left -= len(some)
            drawn.append(some)
    return rng.permutation(numpy.concatenate(drawn))


def schedule(progress: float, warm_up: float) -> float:
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


class Training:
    """One training: a recipe, without one fold, with one seed."""

    def __init__(self, recipe: dict, fold: int, seed: int, images: Images, pixels: torch.Tensor, pretrained: Path):
        torch.manual_seed(seed * 1000 + fold)
        self.rng = numpy.random.default_rng(seed * 100 + fold)
        self.recipe, self.images, self.pixels, self.device = recipe, images, pixels, pixels.device
        self.train = numpy.where(images.fold != fold)[0]
        self.test = numpy.where(images.fold == fold)[0]
        self.network = MobileNet(recipe, pretrained).to(self.device, memory_format=torch.channels_last)
        target = torch.full((len(images.finding), 3), recipe["smoothing"] / 3)
        for index, (finding, bacterial) in enumerate(zip(images.finding, images.bacterial)):
            moved = recipe["bacterial_as_viral"] if bacterial else 0.0
            target[index, finding] += (1 - recipe["smoothing"]) * (1 - moved)
            target[index, VIRAL] += (1 - recipe["smoothing"]) * moved
        self.target = target.to(self.device)
        self.mean = torch.tensor([0.485, 0.456, 0.406], device=self.device).view(1, 3, 1, 1)
        self.deviation = torch.tensor([0.229, 0.224, 0.225], device=self.device).view(1, 3, 1, 1)

    def normalise(self, grey: torch.Tensor) -> torch.Tensor:
        """Grey `[batch, 1, side, side]` in 0..=1 to the network's input."""
        return ((grey - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)

    def inputs(self, indices: numpy.ndarray) -> torch.Tensor:
        chosen = torch.from_numpy(indices).to(self.device)
        return self.normalise(plain(self.pixels[chosen], self.recipe["side"]))

    def half(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    @torch.no_grad()
    def restore_norms(self) -> None:
        """By the statistics of 512 images."""
        self.network.eval()
        layers, sums = self.network.convolutions(), {}

        def add(conv, _, output):
            known = sums.setdefault(conv, [0.0, 0.0, 0])
            known[0] += output.sum((0, 2, 3))
            known[1] += (output**2).sum((0, 2, 3))
            known[2] += output.numel() // output.shape[1]

        hooks = [layer.conv.register_forward_hook(add) for layer in layers]
        for part in numpy.array_split(self.rng.permutation(self.train)[:512], 8):
            self.network.features(self.inputs(part))
        for hook in hooks:
            hook.remove()
        for layer in layers:
            total, squares, count = sums[layer.conv]
            mean = total / count
            layer.restore(mean, (squares / count - mean**2).clamp(min=1e-8))

    def train_head(self) -> None:
        """The head alone, on features of images without a change."""
        self.network.eval()
        with torch.no_grad(), self.half():
            parts = numpy.array_split(self.train, math.ceil(len(self.train) / 128))
            pooled = torch.cat([self.network.pool(self.network.features(self.inputs(part))) for part in parts])
        place = numpy.full(len(self.images.finding), -1)
        place[self.train] = numpy.arange(len(self.train))
        head, batch = self.network.head, self.recipe["batch"]
        optimizer = torch.optim.AdamW(head.parameters(), weight_decay=self.recipe["decay"])
        steps, done = self.recipe["head_epochs"] * (len(self.train) // batch), 0
        for _ in range(self.recipe["head_epochs"]):
            order = draw(self.images, self.train, self.recipe["balance"], self.rng)
            for start in range(0, len(order) - batch + 1, batch):
                optimizer.param_groups[0]["lr"] = 1e-3 * schedule(done / steps, 0.1)
                chosen = order[start : start + batch]
                features = F.dropout(pooled[torch.from_numpy(place[chosen]).to(self.device)], self.recipe["dropout"])
                loss = self.loss(head(features), self.target[torch.from_numpy(chosen).to(self.device)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                done += 1
        optimizer.zero_grad()

    @staticmethod
    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return -(F.log_softmax(logits.float(), 1) * target).sum() / len(target)

    def fine_tune(self) -> None:
        """The whole network, and in the end the average of its weights.

        A step is nothing but work of the device, the choice of images included, so that CUDA can replay it as one graph."""
        recipe, network, device = self.recipe, self.network, self.device
        batch, per_epoch = recipe["batch"], len(self.train) // recipe["batch"]
        steps = per_epoch * recipe["epochs"]
        draws = [draw(self.images, self.train, recipe["balance"], self.rng) for _ in range(recipe["epochs"])]
        order = torch.from_numpy(numpy.stack([numpy.resize(d, per_epoch * batch) for d in draws]).reshape(steps, batch)).to(device)
        shapes = torch.tensor([schedule(i / steps, recipe["warm_up"]) for i in range(steps)], device=device)
        of_head = lambda name: "attention" in name or name.startswith("head")
        named = sorted(network.named_parameters(), key=lambda item: not of_head(item[0]))
        heads = sum(of_head(name) for name, _ in named)
        parameters = [parameter for _, parameter in named]
        values = [parameter.data for parameter in parameters]

        def size(weight: torch.Tensor) -> torch.Tensor:
            rows = weight.flatten(1).square().mean(1).sqrt() if weight.dim() > 1 else weight.square().mean().sqrt().view(1)
            return rows.clamp(min=1e-3).view(-1, *[1] * (weight.dim() - 1))

        scales = [size(weight) for weight in values[heads:]]
        # Of head and attention, which start at zero, 0.05 stands for the size.
        reach = [torch.tensor(0.05, device=device)] * heads + scales
        decays = [recipe["decay"] if weight.dim() > 1 else 0.0 for weight in values]
        averaged = values + [buffer for buffer in network.buffers() if buffer.dtype.is_floating_point]
        average = [value.clone() for value in averaged]
        first, second = [torch.zeros_like(v) for v in values], [torch.zeros_like(v) for v in values]
        step = torch.zeros(1, dtype=torch.long, device=device)
        beta1, beta2, most = (torch.tensor(value, device=device) for value in (0.9, 0.999, recipe["average"]))

        def gradients(x, target):
            with self.half():
                logits = network(x)
            return list(torch.autograd.grad(self.loss(logits, target), parameters))

        def one_step() -> None:
            chosen = order.index_select(0, step).view(-1)
            x = augment(self.pixels.index_select(0, chosen), recipe["side"], recipe["augmentation"])
            if recipe["erase"]:
                x = erase(x, recipe["erase"])
            target = self.target.index_select(0, chosen)
            if recipe["mixup"]:
                # Gamma variates cannot be drawn within a graph; a power of a uniform share is near enough to Beta(a, a).
                share = torch.rand(batch, 1, device=device) ** (1 / recipe["mixup"]) * 0.5
                x = torch.lerp(x, x.flip(0), share.view(-1, 1, 1, 1))
                target = torch.lerp(target, target.flip(0), share)
            x = self.normalise(x)
            slope = gradients(x, target)
            if recipe["sharpness"]:
                length = torch.sqrt(sum((g * s).square().sum() for g, s in zip(slope, reach)))
                ascent = [g * s**2 * (recipe["sharpness"] / (length + 1e-12)) for g, s in zip(slope, reach)]
                torch._foreach_add_(values, ascent)
                slope = gradients(x, target)
                torch._foreach_sub_(values, ascent)
            torch._foreach_lerp_(first, slope, 0.1)
            torch._foreach_mul_(second, 0.999)
            torch._foreach_addcmul_(second, slope, slope, 0.001)
            count = (step + 1).float()
            spread = torch._foreach_sqrt(second)
            torch._foreach_div_(spread, (1 - beta2 ** count).sqrt().view(()))
            torch._foreach_add_(spread, 1e-8)
            moves = torch._foreach_div(first, spread)
            torch._foreach_div_(moves, (1 - beta1 ** count).view(()))
            moves = [move + decay * value if decay else move for move, decay, value in zip(moves, decays, values)]
            shape = shapes.index_select(0, step).view(())
            moves = [m * (shape * recipe["head_rate"]) for m in moves[:heads]] + [
                m * (shape * recipe["rate"]) * s for m, s in zip(moves[heads:], scales)
            ]
            torch._foreach_sub_(values, moves)
            keep = torch.minimum(most, (1 + step.float()) / (10 + step.float())).view(())
            gap = torch._foreach_sub(averaged, average)
            torch._foreach_mul_(gap, 1 - keep)
            torch._foreach_add_(average, gap)
            step.add_(1)

        network.train()
        replay = one_step
        if device.type == "cuda":
            # Two steps to warm up, taken back.
            start = [value.clone() for value in averaged]
            for _ in range(2):
                one_step()
            torch.cuda.synchronize()
            torch._foreach_copy_(averaged, start)
            torch._foreach_copy_(average, start)
            torch._foreach_zero_(first + second)
            step.zero_()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
                one_step()
            step.zero_()
            replay = graph.replay
        for _ in range(steps):
            replay()
        torch._foreach_copy_(averaged, average)

    @torch.no_grad()
    def answers(self) -> numpy.ndarray:
        """Logits of the fold that was left out."""
        self.network.eval()
        parts = numpy.array_split(self.test, math.ceil(len(self.test) / 64))
        return torch.cat([self.network(self.inputs(part)) for part in parts]).cpu().numpy()

    def run(self) -> numpy.ndarray:
        if self.recipe["norms"]:
            self.restore_norms()
        self.train_head()
        self.fine_tune()
        return self.answers()


def work(arguments, jobs, device: str, index: int) -> None:
    """Every job that is this worker's, one after another."""
    torch.set_num_threads(1 if device == "cuda" else torch.get_num_threads())
    if device == "cuda":
        # A graph cannot be captured on the default stream.
        torch.cuda.set_stream(torch.cuda.Stream())
    images, pixels = Images(arguments.images), {}
    for name, seed, fold in jobs[index :: arguments.workers]:
        chosen = recipe(name)
        if chosen["detail"] not in pixels:
            reduced = numpy.load(arguments.out / f"detail{chosen['detail']}.npy")
            pixels[chosen["detail"]] = torch.from_numpy(reduced).to(device)
        start = time.monotonic()
        try:
            logits = Training(chosen, fold, seed, images, pixels[chosen["detail"]], arguments.pretrained).run()
        except Exception:
            traceback.print_exc()
            continue
        numpy.save(answers_of(arguments.out, name, seed, fold), logits)
        print(f"{name}, seed {seed}, fold {fold}: {time.monotonic() - start:.0f} s", flush=True)


def answers_of(out: Path, name: str, seed: int, fold: int) -> Path:
    return out / f"{name}-seed{seed}-fold{fold}.npy"


def calibrated(images: Images, logits: numpy.ndarray, scales: bool) -> numpy.ndarray:
    """Each fold's logits with the temperature and the offsets that fit the other folds best, bacterial pneumonia left out; with
    `scales` the logits of each finding have a temperature of their own."""
    x, y = torch.from_numpy(logits).double(), torch.from_numpy(images.finding)
    result = torch.zeros_like(x)
    for fold in FOLDS:
        own = torch.from_numpy(images.fold == fold)
        fitted = ~own & ~torch.from_numpy(images.bacterial)
        knobs = torch.zeros(6 if scales else 4, dtype=torch.float64, requires_grad=True)
        turned = lambda: x * knobs[3:].exp() + knobs[:3]
        optimizer = torch.optim.LBFGS([knobs], max_iter=100)

        def closure():
            optimizer.zero_grad()
            # A weak prior: the offsets have one too many.
            loss = F.cross_entropy(turned()[fitted], y[fitted]) + 1e-6 * knobs.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        result[own] = turned().detach()[own]
    return result.numpy()


def report(images: Images, out: Path, names: list[str], seeds: list[int]) -> None:
    """A line a recipe, over all seeds that have every fold."""
    print("| recipe | seeds | accuracy | by seed | adults | log loss | with scales | healthy children called normal | viral | ill ones called normal |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    children = ~images.main
    wrong, belief = [], []
    for name in names:
        rows = []
        for seed in seeds:
            logits = numpy.zeros((len(images.finding), 3), numpy.float32)
            files = {fold: answers_of(out, name, seed, fold) for fold in FOLDS}
            if not all(file.exists() for file in files.values()):
                continue
            for fold, file in files.items():
                logits[images.fold == fold] = numpy.load(file)
            loss = lambda answers: F.cross_entropy(*(torch.from_numpy(part[images.main]) for part in (answers, images.finding))).item()
            scaled = calibrated(images, logits, True)
            logits = calibrated(images, logits, False)
            called = logits.argmax(1)
            right = called == images.finding
            wrong.append(~right)
            belief.append(torch.from_numpy(logits).softmax(1).numpy()[numpy.arange(len(right)), images.finding])
            healthy = children & (images.finding == NORMAL)
            rows.append(
                (
                    right[images.main].mean(),
                    right[images.main & images.adult].mean(),
                    loss(logits),
                    loss(scaled),
                    (called[healthy] == NORMAL).mean(),
                    (called[healthy] == VIRAL).mean(),
                    (called[children & (images.finding != NORMAL)] == NORMAL).mean(),
                )
            )
        if rows:
            mean = [statistics.mean(column) for column in zip(*rows)]
            by_seed = ", ".join(f"{row[0]:.4f}" for row in rows)
            shares = " | ".join(f"{value:.3f}" for value in mean[2:])
            print(f"| {name} | {len(rows)} | {mean[0]:.4f} | {by_seed} | {mean[1]:.4f} | {shares} |")
    if wrong:
        share, mean = numpy.mean(wrong, axis=0), numpy.mean(belief, axis=0)
        for what, chosen in (("all", images.main), ("adults", images.main & images.adult)):
            each = chosen & (share == 1)
            print(
                f"{len(wrong)} trainings of every fold, {what}: of {chosen.sum()} images called wrongly {share[chosen].sum():.0f} in the "
                f"mean, {(share[chosen] > 0.5).sum()} by most, {each.sum()} by each, who give the label less than 0.1 of {(mean[each] < 0.1).sum()}"
            )


def train(arguments, images: Images) -> None:
    """Every training that there is no file of yet."""
    for detail in {recipe(name)["detail"] for name in arguments.recipes}:
        file = arguments.out / f"detail{detail}.npy"
        if not file.exists():
            numpy.save(file, images.load(detail))
    jobs = [(name, seed, fold) for seed in arguments.seeds for name in arguments.recipes for fold in FOLDS]
    jobs = [job for job in jobs if not answers_of(arguments.out, *job).exists()]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work, args=(arguments, jobs, device, index)) for index in range(arguments.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the table of the example `folds`")
    parser.add_argument("--pretrained", type=Path, required=True, help="MobileNetV2, batch norm folded")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=list(CHANGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time")
    parser.add_argument("--report", action="store_true", help="train nothing, only print what there is")
    arguments = parser.parse_args()
    for name in arguments.recipes:
        recipe(name)
    arguments.out.mkdir(parents=True, exist_ok=True)
    images = Images(arguments.images)
    if not arguments.report:
        train(arguments, images)
    report(images, arguments.out, arguments.recipes, arguments.seeds)


if __name__ == "__main__":
    main()
