"""A raster of 64 gigapixels that takes no room: A, 16 x 16 times, as a VRT. The real A lies where it always does."""

import os
import re
import subprocess

N = 16
# The cell of the grid in which A is itself.
CELL = 8


def make(a, vrt):
    """Writes the VRT unless it is there."""
    if os.path.exists(vrt):
        return
    said = subprocess.run(["gdalinfo", "-json", a], capture_output=True, text=True, check=True).stdout
    width, height = map(int, re.search(r'"size":\s*\[\s*(\d+),\s*(\d+)', said).groups())
    numbers = re.search(r'"geoTransform":\s*\[([^\]]+)\]', said).group(1)
    west, dx, _, north, _, dy = map(float, numbers.split(","))
    origin = (west - CELL * width * dx, north - CELL * height * dy)
    bands = "\n".join(_band(number, os.path.basename(a), width, height) for number in (1, 2, 3))
    text = f"""<VRTDataset rasterXSize="{N * width}" rasterYSize="{N * height}">
<SRS>EPSG:32633</SRS>
<GeoTransform>{origin[0]!r}, {dx!r}, 0, {origin[1]!r}, 0, {dy!r}</GeoTransform>
{bands}
</VRTDataset>
"""
    with open(f"{vrt}.part", "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(f"{vrt}.part", vrt)


def _band(number, name, width, height):
    colour = ("Red", "Green", "Blue")[number - 1]
    places = [(col * width, row * height) for row in range(N) for col in range(N)]
    sources = "\n".join(
        f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>{number}</SourceBand>'
        f'<SourceProperties RasterXSize="{width}" RasterYSize="{height}" DataType="Byte" BlockXSize="512" BlockYSize="512"/>'
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{x}" yOff="{y}" xSize="{width}" ySize="{height}"/></SimpleSource>'
        for x, y in places
    )
    band = f'<VRTRasterBand dataType="Byte" band="{number}" blockXSize="512" blockYSize="512">'
    return f"{band}<ColorInterp>{colour}</ColorInterp>\n{sources}\n</VRTRasterBand>"
