"""Finds plants in a photo: green areas, each with its pixels' number, its bounds and its center."""

import numpy

# Smaller areas are noise.
SMALLEST = 12


def plants(pixels):
    """The plants in an array of height × width × 3 bytes: a list of dicts with `area`, `box` (x0, y0, x1, y1) and `center` (x, y)."""
    red, green, blue = (pixels[:, :, channel].astype(numpy.int16) for channel in range(3))
    # The excess of green (Woebbecke et al. 1995) tells plants from soil.
    mask = 2 * green - red - blue > 40
    found = []
    for label, area in _labels(mask):
        if area >= SMALLEST:
            y, x = numpy.nonzero(label)
            box = [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]
            found.append({"area": int(area), "box": box, "center": [float(x.mean()), float(y.mean())]})
    return found


def _labels(mask):
    """Each connected area of a mask, and its size: the smallest number of its pixels spreads until nothing changes."""
    numbers = numpy.where(mask, numpy.arange(1, mask.size + 1).reshape(mask.shape), 0)
    highest = mask.size + 1
    while True:
        spread = numpy.pad(numpy.where(mask, numbers, highest), 1, constant_values=highest)
        near = [spread[1:-1, 1:-1], spread[:-2, 1:-1], spread[2:, 1:-1], spread[1:-1, :-2], spread[1:-1, 2:]]
        least = numpy.where(mask, numpy.minimum.reduce(near), 0)
        if (least == numbers).all():
            break
        numbers = least
    for number in numpy.unique(numbers[numbers > 0]):
        area = numbers == number
        yield area, area.sum()
