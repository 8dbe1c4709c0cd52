"""Holds the decoder to files that others made, and to what others make of them.

    python test_foreign.py LUNG

LUNG is the native command. The files come with the packages of requirements.txt. Each is equal to its reference within one grey
level in the mean, or refused for the reason that `refused.csv` gives.
"""

import csv
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy
import pillow
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

LUNG = sys.argv[1]
# Largest mean difference of 255, both pictures stretched from their least to their greatest value: the rounding of two readers.
TOLERANCE = 1.0


def refusals(source: str) -> dict[str, str]:
    """What each refused file of a source has to be refused for."""
    with open(Path(__file__).with_name("refused.csv"), newline="") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file) if row["source"] == source}


def stretched(pixels: numpy.ndarray) -> numpy.ndarray:
    pixels = pixels.astype(numpy.float64)
    low, high = pixels.min(), pixels.max()
    return (pixels - low) / max(high - low, 1e-9) * 255


def picture(file: Path, folder: Path) -> tuple[numpy.ndarray | None, str]:
    """The picture of a file, or what it is refused for."""
    out = folder / "picture.png"
    out.unlink(missing_ok=True)
    done = subprocess.run([LUNG, "picture", str(file), "--out", str(out)], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip()
    with Image.open(out) as image:
        return numpy.asarray(image.convert("L")), done.stdout.strip()


def grey_reference(file: Path) -> numpy.ndarray | None:
    """The first window of a grey picture of one frame as pydicom shows it; None of anything else."""
    dataset = pydicom.dcmread(file, force=True)
    if "PixelData" not in dataset or dataset.get("SamplesPerPixel", 1) != 1:
        return None
    if dataset.PhotometricInterpretation not in ("MONOCHROME1", "MONOCHROME2") or int(dataset.get("NumberOfFrames") or 1) != 1:
        return None
    values = apply_voi_lut(apply_modality_lut(pixel_array(dataset), dataset), dataset)
    shown = stretched(values)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    return 255 - shown if inverted else shown


class Dicom(unittest.TestCase):
    """The files that pydicom is tested with."""

    def test_grey_files_of_one_frame_equal_the_reference(self):
        root = Path(pydicom.__file__).parent / "data"
        refused = refusals("pydicom")
        wrong, compared, seen = [], 0, set()
        with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for file in sorted(path for path in root.rglob("*") if path.is_file()):
                label = file.relative_to(root).as_posix()
                try:
                    reference = grey_reference(file)
                except Exception as error:  # Any reader may fail on any file: then there is nothing to compare with.
                    reference, failure = None, f"{type(error).__name__}: {error}"
                    if label not in refused:
                        print(f"{label}: no reference, {failure[:120]}")
                if reference is None and label not in refused:
                    continue
                ours, said = picture(file, Path(name))
                seen.add(label)
                if ours is None:
                    if label not in refused:
                        wrong.append(f"{label}: {said}")
                    elif refused[label] not in said:
                        wrong.append(f"{label}: refused for another reason: {said}")
                elif label in refused:
                    wrong.append(f"{label}: read, but listed as refused")
                elif ours.shape != reference.shape:
                    wrong.append(f"{label}: {ours.shape} instead of {reference.shape}")
                else:
                    compared += 1
                    difference = abs(stretched(ours) - reference).mean()
                    if difference > TOLERANCE:
                        wrong.append(f"{label}: mean difference {difference:.2f}; {said}")
        print(f"{compared} files compared, {len(refused)} refused", *wrong, sep="\n")
        self.assertEqual(wrong, [])
        self.assertEqual(sorted(set(refused) - seen), [], "files of the list that are not there")
        self.assertGreater(compared, 20)


class Pillow(unittest.TestCase):
    """The images that Pillow is tested with."""

    def test_images_equal_what_pillow_reads(self):
        wrong, read = [], 0
        files = pillow.images()
        with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for file in files:
                ours, said = picture(file, Path(name))
                read += ours is not None
                found = pillow.wrong(file, ours, said)
                if found is not None:
                    wrong.append(f"{file.name}: {found}")
        print(f"{len(files)} files, {read} read", *wrong, sep="\n")
        self.assertEqual(wrong, [])
        self.assertGreater(read, 450)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
