"""Holds predict.py to what `lung predict` says of the same files.

    python test_predict.py LUNG MODEL.safetensors
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jsonschema
import numpy
import pyarrow.parquet
from PIL import Image

LUNG, MODEL = sys.argv[1:3]
# Largest difference of a probability: two resamplers and two runtimes.
TOLERANCE = 2e-3


class Reading(unittest.TestCase):
    """The schema of a reading, as a program in Python takes it."""

    def setUp(self):
        reference = Path(__file__).parents[2] / "docs" / "reference"
        schema = json.loads((reference / "reading.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)
        self.example = json.loads((reference / "reading.example.json").read_text())

    def test_the_example_is_a_reading(self):
        self.validator.validate(self.example)

    def test_what_is_none_is_refused(self):
        for part, wrong in [
            ("version", 2),
            ("file", "patient.png"),
            ("prediction_set", {"coverage": 0.9, "findings": []}),
            ("probabilities", {"Normal": 1.5, "Other": 0}),
        ]:
            with self.subTest(part):
                self.assertFalse(self.validator.is_valid({**self.example, part: wrong}))
        del self.example["cautions"]
        self.assertFalse(self.validator.is_valid(self.example))


class Archive(unittest.TestCase):
    def test_the_findings_are_those_of_lung_predict(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def run(*command):
                subprocess.run([str(part) for part in command], check=True)

            run(LUNG, "phantom", "--out", folder / "phantoms", "--per-class", 8, "--seed", 5)
            grey = [path for path in sorted((folder / "phantoms").rglob("*.*")) if path.suffix in (".png", ".jpg")]
            # As tall as radiographs are, with 16 bits, of which 12 are used.
            with Image.open(grey[0]) as image:
                tall = numpy.asarray(image.resize((430, 511)), numpy.uint16) * 16
            Image.fromarray(tall).save(folder / "tall.png")
            (folder / "broken.png").write_bytes(b"no picture")
            files = [*grey, folder / "tall.png", folder / "broken.png"]
            manifest = folder / "manifest.txt"
            manifest.write_text("".join(f"{path.relative_to(folder)}\n" for path in files))

            status = subprocess.run(
                [LUNG, "predict", "--model", MODEL, "--manifest", manifest]
                + ["--format", "parquet", "--out", folder / "ours.parquet"]
            ).returncode
            self.assertEqual(status, 1, "one file of the manifest cannot be read")
            run(LUNG, "export", "--format", "onnx", "--model", MODEL, "--out", folder)
            (onnx,) = folder.glob("*.onnx")
            script = Path(__file__).with_name("predict.py")
            run(sys.executable, script, "--model", onnx, "--manifest", manifest, "--out", folder / "theirs")

            ours = {Path(row["file"]).resolve(): row for row in pyarrow.parquet.read_table(folder / "ours.parquet").to_pylist()}
            theirs = {Path(row["file"]): row for row in pyarrow.parquet.read_table(folder / "theirs").to_pylist()}
            self.assertEqual(ours.keys(), theirs.keys())
            self.assertEqual(len(ours), len(files))
            worst = 0.0
            for file, row in theirs.items():
                self.assertEqual(row["finding"], ours[file]["finding"], file)
                if file.name == "broken.png":
                    self.assertIsNone(row["finding"])
                    self.assertEqual(ours[file]["error_code"], "unknown-format")
                    continue
                for column in ("probability_normal", "probability_lung_opacity", "probability_viral_pneumonia"):
                    worst = max(worst, abs(row[column] - ours[file][column]))
            print(f"largest difference of a probability: {worst:.1e} on {len(files) - 1} images")
            self.assertLess(worst, TOLERANCE)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
