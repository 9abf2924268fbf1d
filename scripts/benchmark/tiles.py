"""The tiles that a program wrote: a folder of z/x/y files, an MBTiles file or a PMTiles archive. Rows count from the north."""

import hashlib
import os
import sqlite3

from . import pmtiles

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp")


class Tiles:
    """`sizes`: bytes of each tile by (z, x, y)."""

    def __init__(self, path):
        self.path = path
        self.file = None
        self.names = {}
        self.places = {}
        if path.endswith(".pmtiles"):
            self.places = pmtiles.places(path)
            self.sizes = {tile: size for tile, (_, size) in self.places.items()}
        elif os.path.isfile(path):
            self.file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            query = "select zoom_level, tile_column, tile_row, length(tile_data) from tiles"
            self.sizes = {(z, x, 2**z - 1 - y): size for z, x, y, size in self.file.execute(query)}
        else:
            self.sizes = dict(self._walk())

    def _walk(self):
        for folder, _, names in os.walk(self.path):
            place = os.path.relpath(folder, self.path).split(os.sep)
            if len(place) != 2 or not all(part.isdigit() for part in place):
                continue
            for name in names:
                row, extension = os.path.splitext(name)
                if row.isdigit() and extension in EXTENSIONS:
                    tile = (int(place[0]), int(place[1]), int(row))
                    self.names[tile] = os.path.join(folder, name)
                    yield tile, os.path.getsize(self.names[tile])

    def read(self, tile):
        if self.places:
            offset, size = self.places[tile]
            with open(self.path, "rb") as data:
                data.seek(offset)
                return data.read(size)
        if self.file:
            z, x, y = tile
            query = "select tile_data from tiles where zoom_level = ? and tile_column = ? and tile_row = ?"
            return self.file.execute(query, (z, x, 2**z - 1 - y)).fetchone()[0]
        with open(self.names[tile], "rb") as data:
            return data.read()

    def close(self):
        if self.file:
            self.file.close()

    def by_zoom(self):
        counts = {}
        for z, _, _ in self.sizes:
            counts[z] = counts.get(z, 0) + 1
        return dict(sorted(counts.items()))


def sample(tiles, n_base, n_above):
    """Tiles to look at: some of the highest zoom, some of those above. The same of the same set, whoever wrote it."""
    if not tiles:
        return []
    base = max(z for z, _, _ in tiles)
    shuffled = sorted(tiles, key=lambda tile: hashlib.sha1(f"{tile}".encode()).digest())
    chosen = [tile for tile in shuffled if tile[0] == base][:n_base]
    return chosen + [tile for tile in shuffled if tile[0] < base][:n_above]


def bounds(tile):
    """West, south, east and north of a tile in EPSG:3857."""
    z, x, y = tile
    half = 20037508.342789244
    size = 2 * half / 2**z
    return (x * size - half, half - (y + 1) * size, (x + 1) * size - half, half - y * size)
