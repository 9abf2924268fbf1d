"""Writes expressions.txt: pieces of tiles that rio-tiler makes of expressions over real bands.

    pip install rio-tiler && python tests/values_oracle/expressions.py FOLDER > tests/values_oracle/expressions.txt

FOLDER holds the files, in the folders that the cases name. GDAL's warper is told to place every pixel exactly (a tolerance of a millionth of a pixel).
Each case is a line `= file kernel z/x/y column row side`, and for each expression a line `: range | expression` and a row of
hexadecimal digits a row of pixels: two for each output, or dots where rio-tiler has nothing.
"""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import rasterio
from rio_tiler.io import Reader

SIDE = 40

RGB = [
    ("-1,1", "(b3 - b1) / (b3 + b1)"),
    ("-1,1", "2.5 * (b3 - b1) / (b3 + 6 * b1 - 7.5 * b2 + 255)"),
    ("0,255", "where(b1 > b2, b1, 255 - b3)"),
    ("0,2", "b1 / b2; b3 / b2; (b1 + b2) / (2 * b3)"),
]
LANDSAT_7 = [
    ("-0.5,0.9", "(b4 - b3) / (b4 + b3)"),
    ("-1,1.5", "2.5 * (b4 - b3) / (b4 + 6 * b3 - 7.5 * b1 + 255)"),
    ("0,160", "where((b4 - b3) / (b4 + b3) > 0.1, b4, 0)"),
    ("0,3", "b4 / b3; b5; sqrt(b1)"),
]
LANDSAT_8 = [
    ("-0.2,0.2", "(b1 - b3) / (b1 + b3)"),
    ("0,0.5", "log10(b1 / b2) * 3 + abs(b2 - b3) / b2"),
    ("6000,20000", "where((b1 > 9000) & (b2 < 15000), b2, b3)"),
    ("0.6,1.4", "b1 / b2; b3 / b2; b1 / b3"),
]

# File, kernel, tile, the upper left corner of the piece, expressions.
CASES = [
    ("rgb/RGB.byte.tif", "nearest", (9, 144, 219), (100, 100), RGB),
    ("multispectral/l7_6band.tif", "nearest", None, (60, 40), LANDSAT_7),
    ("multispectral/l8_rgb.tif", "nearest", None, (100, 60), LANDSAT_8),
    ("multispectral/l8_rgb.tif", "bilinear", None, (100, 60), LANDSAT_8),
]
ZOOMS = {"multispectral/l7_6band.tif": 13, "multispectral/l8_rgb.tif": 8}


def tile_of(source, name, tile):
    """The tile in the middle of the file."""
    if tile:
        return tile
    west, south, east, north = source.get_geographic_bounds("EPSG:4326")
    found = source.tms.tile((west + east) / 2, (south + north) / 2, ZOOMS[name])
    return (found.z, found.x, found.y)


def made(source, tile, kernel, text, ends):
    z, x, y = tile
    image = source.tile(
        x, y, z, expression=text.replace("; ", ";"), resampling_method=kernel,
        reproject_method=kernel, vrt_options={"tolerance": 1e-6},
    )
    return image.rescale([tuple(float(end) for end in ends.split(","))]).array


def main():
    warnings.simplefilter("ignore")
    print(f"# Written by expressions.py with rio-tiler {version('rio-tiler')}, numexpr {version('numexpr')}, GDAL {rasterio.__gdal_version__}.")
    for name, kernel, tile, (col, row), expressions in CASES:
        with Reader(str(Path(sys.argv[1]) / name)) as source:
            tile = tile_of(source, name, tile)
            z, x, y = tile
            print(f"= {name} {kernel} {z}/{x}/{y} {col} {row} {SIDE}")
            for ends, text in expressions:
                array = made(source, tile, kernel, text, ends)[:, row : row + SIDE, col : col + SIDE]
                print(f": {ends} | {text}")
                for pixels, holes in zip(array.data.transpose(1, 2, 0), array.mask.any(axis=0)):
                    print("".join("." * (2 * len(p)) if hole else bytes(p).hex() for p, hole in zip(pixels, holes)))


if __name__ == "__main__":
    main()
