#!/usr/bin/env python3
"""Writes the colour maps that have names from those of matplotlib, and what the tests know of them.

    python3 -m venv venv && venv/bin/pip install matplotlib && venv/bin/python scripts/colormaps.py

writes, below src/style/colormap/:

named/names.txt        a map's name a line, in matplotlib's order; `name other` is another name of a map that is there.
named/colours.bin      256 x red, green, blue of each map that is not another's name, in that order; then, five bytes each, the
                       colours in which the map `<name>_r` is not the map turned round, for matplotlib rounds both ways:
                       number of the map, position in the turned map, red, green, blue.
tests/matplotlib.txt   for the tests, of every name, `_r` too: five colours, and the first 8 bytes of the SHA-256 of all 256.

All colours are `matplotlib.colormaps[name](numpy.linspace(0, 1, 256), bytes=True)`.
"""

import hashlib
from pathlib import Path

import matplotlib
import numpy

FOLDER = Path(__file__).resolve().parent.parent / "src/style/colormap"


def colours(name):
    rgba = matplotlib.colormaps[name](numpy.linspace(0, 1, 256), bytes=True)
    if (rgba[:, 3] != 255).any():
        raise SystemExit(f"{name} has colours that can be seen through: the file has no room for them")
    return rgba[:, :3]


def main():
    names = [name for name in matplotlib.colormaps if not name.endswith("_r")]
    if len({name.lower() for name in names}) != len(names):
        raise SystemExit("two names differ in capitals alone")
    lines, tables, turned, stored = [], [], [], {}
    for name in names:
        both = colours(name).tobytes(), colours(name + "_r").tobytes()
        if both in stored:
            lines.append(f"{name} {stored[both]}")
            continue
        stored[both] = name
        lines.append(name)
        turned += [
            bytes([len(tables), position, *there])
            for position, (here, there) in enumerate(zip(colours(name)[::-1], colours(name + "_r")))
            if (here != there).any()
        ]
        tables.append(both[0])
    golden = []
    for name in sorted(matplotlib.colormaps, key=str.lower):
        table = colours(name)
        some = " ".join(bytes(table[position]).hex() for position in (0, 64, 128, 200, 255))
        golden.append(f"{name} {some} {hashlib.sha256(table.tobytes()).hexdigest()[:16]}")
    (FOLDER / "named").mkdir(exist_ok=True)
    (FOLDER / "named/names.txt").write_text("\n".join(lines) + "\n")
    (FOLDER / "named/colours.bin").write_bytes(b"".join(tables + turned))
    (FOLDER / "tests").mkdir(exist_ok=True)
    (FOLDER / "tests/matplotlib.txt").write_text("\n".join(golden) + "\n")
    print(f"matplotlib {matplotlib.__version__}: {len(lines)} names, {len(tables)} maps, {len(turned)} colours of turned ones")


if __name__ == "__main__":
    main()
