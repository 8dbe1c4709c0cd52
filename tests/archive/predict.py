"""Classifies the radiographs of a manifest with the exported ONNX model, in Ray Data.

    python predict.py --model FILE.onnx --manifest manifest.txt --out FOLDER

A manifest has a path a line, relative to its own folder. FOLDER gets Parquet files with a row an image. Here Ray runs on
this machine; with `ray.init(address=...)` it is the same program on a cluster.
"""

import argparse
from pathlib import Path

import numpy
import onnxruntime
import ray
from PIL import Image

# The classes in the order of the network's outputs.
FINDINGS = ["Normal", "Lung_Opacity", "Viral Pneumonia"]
# ImageNet's statistics of each channel.
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)[:, None, None]
STD = numpy.array([0.229, 0.224, 0.225], numpy.float32)[:, None, None]
# Images that go through the network at once.
BATCH = 16


class Unreadable(Exception):
    """A file that only `lung predict` can read, or nobody."""


def brightness(path: Path) -> numpy.ndarray:
    """The grey levels of an image file, 0 to 1."""
    with Image.open(path) as image:
        if image.mode in ("L", "1"):
            return numpy.asarray(image.convert("L"), numpy.float32) / 255
        if image.mode.startswith("I;16"):
            return numpy.asarray(image, numpy.float32) / 65535
        raise Unreadable(f"its pixels are {image.mode}, not grey")


def resized(pixels: numpy.ndarray, side: int) -> numpy.ndarray:
    """Squashed to a square. Pillow's bilinear filter is a triangle, as wide as the reduction: what the model was trained on."""
    return numpy.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


def network_input(pixels: numpy.ndarray, detail: int, side: int) -> numpy.ndarray:
    """`[3, side, side]` of a radiograph: reduced, stretched to its own range, enlarged, normalised."""
    small = resized(pixels, detail)
    low, high = small.min(), small.max()
    stretched = (small - low) / (high - low) if high > low else numpy.zeros_like(small)
    return (resized(stretched, side)[None] - MEAN) / STD


class Classifier:
    """One a worker: the model is loaded once, and run on one thread because Ray starts as many workers as there are cores."""

    def __init__(self, model: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        properties = self.session.get_modelmeta().custom_metadata_map
        self.detail, self.side = int(properties["detail"]), int(properties["side"])

    def __call__(self, batch: dict) -> dict:
        inputs, errors = [], []
        for file in batch["file"]:
            try:
                inputs.append(network_input(brightness(Path(file)), self.detail, self.side))
                errors.append("")
            except (OSError, Unreadable) as error:
                inputs.append(numpy.zeros((3, self.side, self.side), numpy.float32))
                errors.append(str(error) or type(error).__name__)
        (logits,) = self.session.run(["logits"], {"input": numpy.stack(inputs).astype(numpy.float32)})
        powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        found = [None if error else FINDINGS[at] for error, at in zip(errors, logits.argmax(axis=1))]
        columns = {"file": batch["file"], "finding": numpy.array(found, dtype=object), "error": numpy.array(errors)}
        unknown = numpy.array([bool(error) for error in errors])
        for at, finding in enumerate(FINDINGS):
            name = "probability_" + finding.lower().replace(" ", "_")
            columns[name] = numpy.where(unknown, numpy.float32("nan"), probabilities[:, at])
        return columns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--manifest", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()

    folder = given.manifest.parent
    lines = [line for line in given.manifest.read_text().splitlines() if line.strip()]
    ray.init(num_cpus=given.workers, include_dashboard=False, log_to_driver=False)
    files = ray.data.from_items([{"file": str((folder / line).resolve())} for line in lines])
    predictions = files.map_batches(
        Classifier,
        fn_constructor_args=[str(Path(given.model).resolve())],
        batch_size=BATCH,
        concurrency=given.workers,
    )
    predictions.write_parquet(str(given.out.resolve()))


if __name__ == "__main__":
    main()
