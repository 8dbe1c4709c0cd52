"""The bundle that all engines get, and the fixed input that `crates/lung-train/src/bench.rs` makes too; for the other programs here."""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy

SIDE = 224
FINDINGS = 3
# Expansion, channels out, blocks, stride of the first: Table 2 of the MobileNetV2 paper.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def blocks() -> Iterator[tuple[str | None, str, str, int, int]]:
    """The inverted residual blocks: names of what expands, if anything does, filters and projects; stride, and channels out."""
    layer = 1
    for expansion, outputs, count, first in STAGES:
        for block in range(count):
            name, expands = f"features.{layer}.conv", expansion > 1
            expand = f"{name}.0.0" if expands else None
            yield expand, f"{name}.{int(expands)}.0", f"{name}.{1 + int(expands)}", first if block == 0 else 1, outputs
            layer += 1


def read_bundle(path: Path) -> tuple[dict, dict[str, numpy.ndarray]]:
    """Metadata and weights in f32 of a bundle: safetensors of f16, bf16 or scaled integers, with the metadata as JSON in its header."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["bundle"])

    def values(name: str) -> numpy.ndarray:
        entry = header[name]
        start, end = entry["data_offsets"]
        stored = content[8 + length + start : 8 + length + end]
        match entry["dtype"]:
            case "F32":
                numbers = numpy.frombuffer(stored, dtype="<f4")
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
    return about, {name: values(name) for name in names}


def calibration(about: dict) -> tuple[list[float], list[float]]:
    """What each logit is multiplied by, and what is added then, at the default operating point."""
    if "temperature" in about:  # formats 1 and 2
        return [1 / about["temperature"]] * FINDINGS, [0.0] * FINDINGS
    ids = [finding["id"] for finding in about["findings"]]
    (point,) = (point for point in about["operating_points"] if point["name"] == about["default_operating_point"])
    scales, offsets = ([values[name] for name in ids] for values in (about["scales"], point["offsets"]))
    return scales, offsets


def has_attention(about: dict) -> bool:
    """Whether squeeze-and-excitation follows the last layer; ends the program if there is attention of another kind."""
    attention = about["attention"]
    if attention["kind"] == "none":
        return False
    if (attention["kind"], attention["place"]) != ("squeeze-excitation", "last"):
        sys.exit(f"the bench has no network with {attention['kind']} at {attention['place']}")
    return True


def noise(count: int) -> numpy.ndarray:
    """The fixed input of bench.rs."""
    hashes = (numpy.arange(count, dtype=numpy.uint64) * 2654435761 % 2**32) >> 8
    return (hashes / 2**22 - 2).astype(numpy.float32)


assert numpy.allclose(noise(1001)[[0, 1, 1000]], [-2.0, 0.4721358, -1.864053], atol=1e-6)
