"""The images in Pillow's source package, and Pillow's own reading of them: what `test_foreign.py` compares ours with."""

import subprocess
import sys
import tarfile
from pathlib import Path

import numpy
import PIL
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
    "issue_6194.j2k": "split into too many parts",
    "pal8os2v2.bmp": "Unknown bitmap header type (size=64)",
    "rgb_trns_ycbc.j2k": "channels that are not grey or RGB",
    "rgb_trns_ycbc.jp2": "channels that are not grey or RGB",
    "rletopdown.bmp": "Invalid image type 1 for top-down image",
}

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
    "invalid_header_length.jp2",
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


# Sizes that no chest X-ray has, and pictures of one colour, are refused whatever they are in.
NO_CHEST = ("too few to show a chest", "too long and narrow", "is blank", "more than the 32000000")


def wrong(path: Path, ours: numpy.ndarray | None, said: str) -> str | None:
    """What is wrong with what we made of a file, or said of it; None if nothing is."""
    refusal = REFUSED.get(path.name)
    try:
        theirs = grey(path)
    except Exception as error:  # Any reader may fail on any file: then there is nothing to compare with.
        read_by_us = ours is not None and path.name not in ALSO_READ | OTHER.keys()
        return f"read, although Pillow says {error}" if read_by_us else None
    if ours is None:
        if any(reason in said for reason in NO_CHEST) or (refusal is not None and refusal in said):
            return None
        return said
    if refusal is not None:
        return "read, although it is on the list of refusals"
    if path.name in OTHER:
        return None
    if ours.shape != theirs.shape:
        return f"{ours.shape} instead of {theirs.shape}"
    difference = float(numpy.abs(stretched(ours.astype(numpy.float64)) - stretched(theirs)).mean())
    return f"another picture: {difference:.2f} levels" if difference > TOLERANCE else None


def images() -> list[Path]:
    """The images of the source package of the Pillow that is installed, which is downloaded once."""
    # Beyond twice as many pixels Pillow raises an error.
    Image.MAX_IMAGE_PIXELS = 32_000_000
    folder = Path(PIL.__file__).parents[1] / f"pillow-{PIL.__version__}-source"
    if not folder.is_dir():
        partial = folder.with_suffix(".part")
        package = f"pillow=={PIL.__version__}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pillow", package]
        subprocess.run([*pip, "--dest", partial], check=True)
        with tarfile.open(next(partial.glob("*.tar.gz"))) as archive:
            tests = [member for member in archive.getmembers() if "/Tests/images/" in member.name]
            archive.extractall(partial, tests, filter="data")
        partial.rename(folder)
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS)
