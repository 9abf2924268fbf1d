"""What is lost when a bake is killed: the parts that were begun and not finished.

Threads take up part after part in the order of the plan, each the next one when it has finished its last. So who knows the
order, and when each part that is there was finished, knows which were begun, and when.
"""


class Plan:
    """What was seen of the parts of a bake that was run again and again."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.names = set()
        self.kills = []

    def saw(self, parts):
        """Takes down that there are such parts."""
        self.names.update(parts)

    def killed(self, began, ended, parts):
        """Takes down a run that took nothing of another: from when to when it ran, and when each part was finished."""
        self.saw(parts)
        self.kills.append((began, ended, parts))

    def lost_s(self):
        """How long each part that was lost had been worked on."""
        return [ended - start for ended, start, finished in self._begun() if finished is None]

    def part_s(self):
        """How long each part took that was finished."""
        return [finished - start for _, start, finished in self._begun() if finished is not None]

    def _begun(self):
        """For each part that was begun by a run that was killed: when that was, when it was begun, when finished if it was.
        Not the first one of a thread, of which nobody knows when it was begun."""
        order = sorted(self.names, key=_place)
        for _, ended, parts in self.kills:
            times = sorted(parts.values())
            for at, name in enumerate(order[: len(parts) + self.jobs]):
                if at >= self.jobs:
                    yield ended, times[at - self.jobs], parts.get(name)


def _place(name):
    """Where a part comes in the plan: along the Hilbert curve, as tiles are numbered in PMTiles."""
    zoom, x, y = (int(number) for number in name.removesuffix(".shard").split("-"))
    place, side = 0, 1 << zoom >> 1
    while side:
        right, lower = int(x & side > 0), int(y & side > 0)
        place += side * side * ((3 * right) ^ lower)
        if not lower:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        x, y = x & (side - 1), y & (side - 1)
        side >>= 1
    return zoom, place
