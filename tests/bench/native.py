"""PyTorch and onnxruntime beside `lung bench`: answers the same requests, one line of JSON each, on the same network.

    python native.py --model FILE.safetensors --onnx FILE.onnx --threads N

`crates/lung-train/src/bench.rs` documents requests and replies. Here a request can also say `"format": "channels_last"`,
the memory format in which PyTorch keeps images and weights. `cargo xtask bench` runs both programs in turns.
"""

import argparse
import json
import os
import struct
import sys
import time
from pathlib import Path

# Libraries read these when they are loaded.
threads = argparse.ArgumentParser(add_help=False)
threads.add_argument("--threads", type=int, default=os.cpu_count())
THREADS = threads.parse_known_args()[0].threads
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)

import numpy
import onnxruntime
import torch
from torch.nn import functional

torch.set_num_threads(THREADS)

SIDE = 224
FINDINGS = 3
# Expansion, channels out, blocks, stride of the first: Table 2 of the MobileNetV2 paper.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
FORMATS = {"plain": torch.contiguous_format, "channels_last": torch.channels_last}


def read_bundle(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """Metadata and weights of a bundle: safetensors of f16 or scaled integers, with the metadata as JSON in its header."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["bundle"])

    def values(name: str) -> numpy.ndarray:
        entry = header[name]
        start, end = entry["data_offsets"]
        stored = content[8 + length + start : 8 + length + end]
        match entry["dtype"]:
            case "F16":
                numbers = numpy.frombuffer(stored, dtype="<f2").astype(numpy.float32)
            case "BF16":
                # The upper half of an f32.
                numbers = (numpy.frombuffer(stored, dtype="<u2").astype(numpy.uint32) << 16).view(numpy.float32)
            case "I8":
                rows = numpy.frombuffer(stored, dtype=numpy.int8).astype(numpy.float32).reshape(entry["shape"][0], -1)
                numbers = rows * values(f"{name}_scale")[:, None]
            case other:
                sys.exit(f"{name} is {other}, which is not read here")
        return numbers.reshape(entry["shape"])

    # Known evidence is for devices to be tried with; the network has no such layer.
    names = [name for name in header if not name.endswith("_scale") and not name.startswith("known.")]
    return about, {name: torch.from_numpy(values(name)) for name in names}


def calibration(about: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """What each logit is multiplied by, and what is added then, at the default operating point."""
    if "temperature" in about:  # formats 1 and 2
        return torch.full((FINDINGS,), 1 / about["temperature"]), torch.zeros(FINDINGS)
    ids = [finding["id"] for finding in about["findings"]]
    (point,) = (point for point in about["operating_points"] if point["name"] == about["default_operating_point"])
    scales, offsets = ([values[name] for name in ids] for values in (about["scales"], point["offsets"]))
    return torch.tensor(scales), torch.tensor(offsets)


def noise(count: int) -> numpy.ndarray:
    """The fixed input of bench.rs."""
    hashes = (numpy.arange(count, dtype=numpy.uint64) * 2654435761 % 2**32) >> 8
    return (hashes / 2**22 - 2).astype(numpy.float32)


assert numpy.allclose(noise(1001)[[0, 1, 1000]], [-2.0, 0.4721358, -1.864053], atol=1e-6)


class Network:
    """The network with batch norm folded, as ours; its parameters in one memory format."""

    def __init__(self, about: dict, weights: dict[str, torch.Tensor], memory_format: torch.memory_format):
        attention = about["attention"]
        self.attended = attention["kind"] != "none"
        if self.attended and (attention["kind"], attention["place"]) != ("squeeze-excitation", "last"):
            sys.exit(f"the bench has no PyTorch network with {attention['kind']} at {attention['place']}")
        self.weights = {}
        for name, weight in weights.items():
            weight = weight.clone()
            if weight.dim() == 4:
                weight = weight.contiguous(memory_format=memory_format)
            self.weights[name] = weight.requires_grad_()

    def convolution(self, x, name, stride=1, depthwise=False, linear=False):
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        x = functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, x.shape[1] if depthwise else 1)
        return x if linear else functional.relu6(x, inplace=True)

    def forward(self, x):
        x = self.convolution(x, "features.0.0", stride=2)
        layer = 1
        for expansion, outputs, count, first in STAGES:
            for block in range(count):
                stride = first if block == 0 else 1
                name, y = f"features.{layer}.conv", x
                if expansion > 1:
                    y = self.convolution(y, f"{name}.0.0")
                y = self.convolution(y, f"{name}.{int(expansion > 1)}.0", stride, depthwise=True)
                y = self.convolution(y, f"{name}.{1 + int(expansion > 1)}", linear=True)
                x = x + y if stride == 1 and x.shape[1] == outputs else y
                layer += 1
        x = self.convolution(x, "features.18.0")
        if self.attended:
            x = x * self.gate(x)[:, :, None, None]
        return functional.linear(x.mean((2, 3)), self.weights["classifier.1.weight"], self.weights["classifier.1.bias"])

    def gate(self, x):
        part = {name: self.weights[f"features.18.attention.{name}"] for name in
                ("reduce.weight", "reduce.bias", "expand.weight", "expand.bias")}
        hidden = functional.relu(functional.linear(x.mean((2, 3)), part["reduce.weight"], part["reduce.bias"]))
        return 2 * torch.sigmoid(functional.linear(hidden, part["expand.weight"], part["expand.bias"]))

    def loss(self, images):
        """Mean cross-entropy; the labels are the findings in turn."""
        labels = torch.arange(len(images)) % FINDINGS
        return functional.cross_entropy(self.forward(images), labels)


class Bench:
    def __init__(self, model: Path, onnx: Path):
        self.about, self.state = read_bundle(model)
        self.networks = {name: Network(self.about, self.state, layout) for name, layout in FORMATS.items()}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        # The batch is 1: knowing it, the runtime can plan its memory.
        options.add_free_dimension_override_by_name("batch", 1)
        self.session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])

    def images(self, batch: int, layout: str) -> torch.Tensor:
        images = torch.from_numpy(noise(batch * 3 * SIDE * SIDE).reshape(batch, 3, SIDE, SIDE))
        return images.contiguous(memory_format=FORMATS[layout])

    def answer(self, request: dict) -> dict:
        layout = request.get("format", "plain")
        network = self.networks[layout]
        match request["do"]:
            case "check":
                return self.check(network, layout)
            case "forward":
                images = self.images(request["batch"], layout)

                def forward():
                    with torch.inference_mode():
                        network.forward(images).numpy()

                return timed(request["times"], forward)
            case "train":
                images = self.images(request["batch"], layout)

                def train():
                    for weight in network.weights.values():
                        weight.grad = None
                    network.loss(images).backward()

                return timed(request["times"], train)
            case "latency":
                images = self.images(1, "plain").numpy()
                return timed(request["times"], lambda: self.session.run(["evidence"], {"input": images}))
            case "memory":
                return {"peak_bytes": peak_bytes()}
            case other:
                sys.exit(f"no request: {other}")

    def check(self, network: Network, layout: str) -> dict:
        images = self.images(2, layout)
        loss = network.loss(images)
        (gradient,) = torch.autograd.grad(loss, [network.weights["features.0.0.weight"]])
        scales, offsets = calibration(self.about)
        with torch.inference_mode():
            probabilities = torch.softmax(network.forward(images)[0] * scales + offsets, 0)
        (logits,) = self.session.run(["logits"], {"input": images[:1].contiguous().numpy()})
        powers = numpy.exp(logits[0] - logits[0].max())
        return {
            "probabilities": probabilities.tolist(),
            "onnxruntime": (powers / powers.sum()).tolist(),
            "loss": loss.item(),
            "gradient": gradient.abs().sum().item(),
        }


def timed(times: int, step) -> dict:
    milliseconds = []
    for _ in range(times):
        start = time.perf_counter()
        step()
        milliseconds.append((time.perf_counter() - start) * 1e3)
    return {"ms": milliseconds}


def peak_bytes() -> int | None:
    """The largest resident size of this process so far; None where there is no /proc."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], parents=[threads])
    parser.add_argument("--model", type=Path, required=True, help="weights file that `lung export` wrote")
    parser.add_argument("--onnx", type=Path, required=True, help="the same as ONNX")
    arguments = parser.parse_args()
    bench = Bench(arguments.model, arguments.onnx)
    for line in sys.stdin:
        print(json.dumps(bench.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
