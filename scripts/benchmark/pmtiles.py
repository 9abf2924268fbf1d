"""Where the tiles of a PMTiles archive are, as far as azulejo writes them: specification version 3, gzip inside."""

import gzip
import struct


def places(path):
    """Offset in the file and bytes of each tile by (z, x, y)."""
    with open(path, "rb") as file:
        header = file.read(127)
        if header[:8] != b"PMTiles\x03" or header[97] != 2 or header[98] != 1:
            raise ValueError(f"{path}: not a PMTiles archive as azulejo writes them")
        root, n_root, _, _, leaves, _, data, _ = struct.unpack_from("<8Q", header, 8)
        found = {}

        def walk(offset, size):
            file.seek(offset)
            for tile_id, run, length, at in _entries(gzip.decompress(file.read(size))):
                if run == 0:
                    walk(leaves + at, length)
                for each in range(tile_id, tile_id + run):
                    found[_tile(each)] = (data + at, length)

        walk(root, n_root)
    return found


def _entries(directory):
    numbers = _varints(directory)
    n = next(numbers)
    ids, runs, lengths, offsets = ([next(numbers) for _ in range(n)] for _ in range(4))
    tile_id, behind = 0, 0
    for delta, run, length, told in zip(ids, runs, lengths, offsets):
        tile_id += delta
        at = told - 1 if told else behind
        behind = at + length
        yield tile_id, run, length, at


def _varints(data):
    value, shift = 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value, shift = 0, 0


def _tile(tile_id):
    """The place on the Hilbert curves of all zooms, one after the other, as (z, x, y)."""
    z = 0
    while tile_id >= 4**z:
        tile_id -= 4**z
        z += 1
    x, y = 0, 0
    for level in range(z):
        half = 2**level
        right = tile_id // 2 % 2
        down = (tile_id ^ right) % 2
        if not down:
            if right:
                x, y = half - 1 - x, half - 1 - y
            x, y = y, x
        x, y = x + half * right, y + half * down
        tile_id //= 4
    return z, x, y
