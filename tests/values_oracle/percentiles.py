"""Writes percentiles.txt: what numpy's `percentile` says of the pixels of satellite scenes that are there.

    pip install numpy rasterio && python tests/values_oracle/percentiles.py FOLDER > tests/values_oracle/percentiles.txt

FOLDER holds the files, in the folders that the lines name. A line has a file, the bands that are taken together or an expression of
them, how many pixels are there, and for each band its percentiles. A pixel is there unless all of these bands have their
nodata value, and where values are finite.
"""

import re
import sys
from pathlib import Path

import numpy
import rasterio

PERCENTS = [0, 2, 25, 50, 98, 99.9, 100]

FILES = """
multispectral/l8_blue.tif 1
multispectral/l8_cog_nodata.tif 1
multispectral/l8_cog_uint16.tif 1
multispectral/l8_green.tif 1
multispectral/l8_lowres.tif 1
multispectral/l8_red.tif 1
multispectral/l8_rgb.tif 1,2,3
multispectral/l8_web_aligned.tif 1
multispectral/l7_6band.tif 4,3,2
multispectral/l7_6band.tif (b4-b3)/(b4+b3)
multispectral/l8_rgb.tif b1/b2;b3/b2;(b1-b3)/(b1+b3)
multispectral/fires_31band.tif 1,2,3
multispectral/s2_2band_scale_offset.tif 1
multispectral/s2_2band_scale_offset.tif 2
multispectral/s2_B01_600m.tif 1
multispectral/s2_B09_600m.tif 1
multispectral/s2_tci_cog.tif 1,2,3
projections/s2_dateline_utm60.tif 1
alpha_mask_nodata/s2_nodata0_and_nan.tif 1
jp2/S2B_L2A_T32TLS_R60m_B01.jp2 1
jp2/s2_band.tif 1
dem/alps_lv95_nodata.tif 1
dem/elev_sf_float32.tif 1
dem/craterlake_int16.tif 1
"""


def line(folder, name, bands):
    is_expression = "b" in bands
    indices = sorted({int(band) for band in re.findall(r"b([0-9])", bands)}) if is_expression else [int(b) for b in bands.split(",")]
    with rasterio.open(folder / name) as source:
        values = source.read(indices)
        nodata = [source.nodatavals[index - 1] for index in indices]
    there = numpy.isfinite(values).all(axis=0)
    if None not in nodata:
        there &= (values != numpy.array(nodata)[:, None, None]).any(axis=0)
    if is_expression:
        named = {f"b{index}": band.astype("float32") for index, band in zip(indices, values)}
        with numpy.errstate(all="ignore"):
            values = [eval(text, named) for text in bands.split(";")]
        there &= numpy.isfinite(values).all(axis=0)
    found = [
        ",".join(repr(float(p)) for p in numpy.percentile(band[there].astype("float64"), PERCENTS))
        for band in values
    ]
    return f"{name} {bands} {there.sum()} {' '.join(found)}"


def main():
    folder = Path(sys.argv[1])
    print(f"# Written by percentiles.py with numpy {numpy.__version__}, rasterio {rasterio.__version__} (GDAL {rasterio.__gdal_version__}).")
    print("= " + " ".join(str(percent) for percent in PERCENTS))
    for text in FILES.split("\n"):
        if text:
            print(line(folder, *text.split()))


if __name__ == "__main__":
    main()
