"""Compares what we read of the images in Pillow's source package with Pillow's own reading of them.

    python tests/foreign-files/pillow.py READ FOLDER

READ is the built example `read` of the crate radiograph, FOLDER the folder `Tests/images` of the source package. Every file has to be
the same picture, or be on the list of refusals below with the reason that we give. Prints one line for each file that is neither.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
from PIL import Image, ImageOps

# Mean difference in levels of 255, both pictures stretched from their darkest to their brightest pixel.
TOLERANCE = 1.0

# What we refuse although Pillow reads it: what the refusal has to say, by name.
REFUSED = {
    "badplanes.bmp": "More than one plane",
    "badrle.bmp": "Corrupt RLE data",
    "hopper.Lab.tif": "CIE L*a*b*",
    "hopper_bad_exif.jpg": "a block has too many coefficients",
    "hopper_lzma.tif": "LZMA",
    "pal8os2v2.bmp": "Unknown bitmap header type (size=64)",
    "rletopdown.bmp": "Invalid image type 1 for top-down image",
}

# Formats that are refused as such.
REFUSED_ENDINGS = {".jp2": "a JPEG 2000 image", ".j2k": "a JPEG 2000 image"}

# Where another picture is right, and why.
OTHER = {
    "1_trns.png": "Pillow drops the transparency of black and white",
    "8bit.s.tif": "Pillow takes signed samples for unsigned ones",
    "exif_imagemagick_orientation.png": "the orientation stands in a text of ImageMagick's",
    "i_trns.png": "Pillow drops the transparency of 16 bits",
    "pal4rletrns.bmp": "pixels that run lengths skip are black here, and of the first colour there",
    "pal8rletrns.bmp": "pixels that run lengths skip are black here, and of the first colour there",
    "rgb32bf-abgr.bmp": "an alpha of 0 everywhere is ignored",
    "xmp_tags_orientation.png": "the orientation stands in XMP",
}

# What we read although Pillow does not: rare variants, and files of which only what follows the image is damaged.
ALSO_READ = {
    "hopper_unknown_pixel_mode.tif",
    "pal2.bmp",
    "rgb16-231.bmp",
    "rgb32-111110.bmp",
    "rgb32bf.bmp",
    "rgba16-4444.bmp",
    "tiff_overflow_rows_per_strip.tif",
    "tiff_tiled_jpeg_oob_read.tif",
    "truncated_end_chunk.png",
    "truncated_jpeg.jpg",
    "unknown_compression_method.png",
}

# Formats of which there are files here, and which we read.
ENDINGS = {".png", ".apng", ".jpg", ".jpeg", ".jfif", ".mpo", ".tif", ".tiff", ".gif", ".webp", ".bmp", ".jp2", ".j2k", ".dcm"}


def grey(path: Path) -> numpy.ndarray:
    """The brightness of a file as Pillow reads it: its first image, upright, over black."""
    with Image.open(path) as image:
        image.seek(0)
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
            return numpy.asarray(image).astype(numpy.float64)
        if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
            colours = numpy.asarray(image.convert("RGBA")).astype(numpy.float64)
            opaque = colours[..., :3] * colours[..., 3:] / 255
        elif image.mode in ("1", "L"):
            return numpy.asarray(image.convert("L")).astype(numpy.float64)
        else:
            opaque = numpy.asarray(image.convert("RGB")).astype(numpy.float64)
        return opaque @ (0.299, 0.587, 0.114)


def stretched(levels: numpy.ndarray) -> numpy.ndarray:
    """Levels of 0 to 255."""
    low, high = levels.min(), levels.max()
    return (levels - low) * 255 / (high - low) if high > low else levels * 0


def verdict(line: dict, out: Path) -> str | None:
    """What is wrong with what we made of a file, or None."""
    path = Path(line["file"])
    refusal = REFUSED.get(path.name, REFUSED_ENDINGS.get(path.suffix))
    if "code" in line:
        if refusal is not None:
            return None if refusal in line["message"] else f"refused for another reason: {line['message']}"
        # Sizes that no chest X-ray has, and pictures of one colour, are refused whatever they are in.
        if line["code"] in ("too-small", "bad-shape", "blank-image"):
            return None
        try:
            grey(path)
        except Exception:  # noqa: BLE001: it raises whatever it likes
            return None
        return f"refused: {line['message']}"
    if refusal is not None:
        return "read, although it is on the list of refusals"
    if line["source"]["false_colour"]:
        return None
    try:
        theirs = grey(path)
    except Exception as error:  # noqa: BLE001
        return None if path.name in ALSO_READ else f"read, although Pillow says {error}"
    with Image.open(out / line["picture"]) as picture:
        ours = numpy.asarray(picture).astype(numpy.float64)
    if ours.shape != theirs.shape:
        return None if path.name in OTHER else f"{ours.shape} instead of {theirs.shape}"
    difference = float(numpy.abs(stretched(ours) - stretched(theirs)).mean())
    if difference > TOLERANCE and path.name not in OTHER:
        return f"another picture: {difference:.2f} levels"
    return None


def main() -> int:
    read, folder = Path(sys.argv[1]), Path(sys.argv[2])
    warnings.simplefilter("ignore")
    # Beyond twice as many Pillow raises an error.
    Image.MAX_IMAGE_PIXELS = 32_000_000
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS)
    with tempfile.TemporaryDirectory() as out:
        said = subprocess.run([read, out, *files], check=True, capture_output=True, text=True).stdout
        lines = [json.loads(line) for line in said.splitlines()]
        wrong = [(line["file"], found) for line in lines if (found := verdict(line, Path(out)))]
    for file, found in wrong:
        print(f"{Path(file).name}: {found}")
    pictures = sum("picture" in line for line in lines)
    print(f"{len(lines)} files: {pictures} read, {len(lines) - pictures} refused, {len(wrong)} wrong")
    return bool(wrong) or len(lines) < 300


if __name__ == "__main__":
    sys.exit(main())
