"""Writes the JPEG 2000 streams that the reader of DICOM is held to, with OpenJPEG.

    pip install numpy pylibjpeg-openjpeg
    python tests/reference/jpeg2000.py

There is no encoder in Rust to write them in the test itself. What is in them is drawn by `drawn` here and in
`crates/radiograph/tests/dicom.rs`; no image of a patient has anything to do with it.
"""

from pathlib import Path

import numpy
import openjpeg

FOLDER = Path(__file__).parents[2] / "crates/radiograph/tests/jpeg2000"
WIDTH, HEIGHT = 44, 40


def drawn(bits: int) -> numpy.ndarray:
    """A bowl under a chessboard: smooth areas and hard edges, `[HEIGHT, WIDTH]` values of 12 bits scaled to `bits`."""
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    values = x * x + y * y + 300 * ((x // 8 + y // 8) % 2)
    return (values << 4 if bits == 16 else values >> (12 - bits)).astype(numpy.uint16 if bits > 8 else numpy.uint8)


def write(name: str, image: numpy.ndarray, **options: object) -> None:
    stream = openjpeg.encode(image, **options)
    (FOLDER / f"{name}.j2k").write_bytes(stream)
    print(name, len(stream))


FOLDER.mkdir(exist_ok=True)
for bits in (8, 12, 16):
    write(f"grey{bits}", drawn(bits), bits_stored=bits, photometric_interpretation=2)
write("signed12", drawn(12).astype(numpy.int16) - 2048, bits_stored=12, photometric_interpretation=2)
write("lossy12", drawn(12), bits_stored=12, photometric_interpretation=2, compression_ratios=[6])
grey = drawn(8)
colour = numpy.stack([grey, grey // 2, 255 - grey], axis=-1)
write("colour8", colour, bits_stored=8, photometric_interpretation=1, use_mct=True)
