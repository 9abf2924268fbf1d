"""How good pictures are. Needs numpy and Pillow: `scripts/bench` starts it with a Python that has them.

Reads a task from standard input, `{"kind": ..., "tiles": [{program: path, ...}, ...]}`, and answers on standard output
`{program: {"psnr": dB, "ssim": 0..1}}`, or says in `"tiles"` that there was nothing to compare.

`exact`: each tile also has a "reference"; all are compared where everybody is opaque.
`lossy`: each tile also has "PROGRAM lossless", the same tile without loss; compared are tiles that are opaque throughout.
"""

import json
import math
import sys

import numpy as np
from PIL import Image


def picture(path):
    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{path}: more than 8 bits a sample")
        return np.asarray(image.convert("RGBA")).astype(np.float64)


def psnr(error_sum, n):
    """In decibels; None is endless: no difference at all."""
    return 10 * math.log10(255**2 * n / error_sum) if error_sum else None


def ssim(a, b):
    """Structural similarity of the luminance (Wang et al. 2004), windows of 8 x 8, each pixel a window."""
    weights = np.array([0.299, 0.587, 0.114])
    a, b = a[..., :3] @ weights, b[..., :3] @ weights

    def mean(values):
        sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return (sums[8:, 8:] - sums[:-8, 8:] - sums[8:, :-8] + sums[:-8, :-8]) / 64

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return float((index / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def exact(tiles):
    errors, n = {}, 0
    for tile in tiles:
        pictures = {name: picture(path) for name, path in tile.items()}
        seen = np.all([p[..., 3] == 255 for p in pictures.values()], axis=0)
        n += 3 * int(seen.sum())
        reference = pictures.pop("reference")
        for name, p in pictures.items():
            error = float(((p - reference)[seen][:, :3] ** 2).sum())
            errors[name] = errors.get(name, 0.0) + error
    return {name: {"psnr": psnr(error, n)} for name, error in errors.items()} if n else {}


def lossy(tiles):
    errors, likeness, n = {}, {}, 0
    for tile in tiles:
        names = [name for name in tile if not name.endswith(" lossless")]
        pairs = {name: (picture(tile[name]), picture(tile[f"{name} lossless"])) for name in names}
        if not all((whole[..., 3] == 255).all() for _, whole in pairs.values()):
            continue
        n += 1
        for name, (p, whole) in pairs.items():
            error = float(((p - whole)[..., :3] ** 2).mean())
            errors[name] = errors.get(name, 0.0) + error
            likeness[name] = likeness.get(name, 0.0) + ssim(p, whole)
    return {name: {"psnr": psnr(errors[name], n), "ssim": likeness[name] / n} for name in errors}


if __name__ == "__main__":
    task = json.load(sys.stdin)
    json.dump({"exact": exact, "lossy": lossy}[task["kind"]](task["tiles"]), sys.stdout)
