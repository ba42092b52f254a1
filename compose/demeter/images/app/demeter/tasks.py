"""The tasks: tiles of a photo on the GPU queues, their sum on the CPU queue, the result by the I/O queue."""

import time

import numpy
from celery import chord

from demeter import database, life, vision
from demeter.celery_app import GPU_QUEUES, app

TILE = 64


@app.task(name="demeter.tasks.segment")
def segment(photo, x, y, width, height):
    """The plants in one tile of a photo, with their places in the whole photo."""
    with database.connection() as connection:
        row = connection.execute("SELECT width, height, pixels FROM photos WHERE id = %s", [photo]).fetchone()
    whole = numpy.frombuffer(row[2], dtype=numpy.uint8).reshape(row[1], row[0], 3)
    found = vision.plants(whole[y : y + height, x : x + width])
    for plant in found:
        x0, y0, x1, y1 = plant["box"]
        plant["box"] = [x0 + x, y0 + y, x1 + x, y1 + y]
        plant["center"] = [plant["center"][0] + x, plant["center"][1] + y]
    return found


@app.task(name="demeter.tasks.aggregate")
def aggregate(tiles):
    """All plants of all tiles, the largest first."""
    return sorted((plant for tile in tiles for plant in tile), key=lambda plant: -plant["area"])


@app.task(name="demeter.tasks.store")
def store(plants, photo):
    """Writes the plants of a photo. A second run writes the same again."""
    with database.connection() as connection:
        connection.execute("DELETE FROM plants WHERE photo = %s", [photo])
        for plant in plants:
            connection.execute(
                "INSERT INTO plants (photo, area, shape, center)"
                " VALUES (%s, %s, ST_MakeEnvelope(%s, %s, %s, %s), ST_MakePoint(%s, %s))",
                [photo, plant["area"], *plant["box"], *plant["center"]],
            )
        connection.execute(
            "UPDATE photos SET stored = now(), plants = %s WHERE id = %s", [len(plants), photo]
        )
    return len(plants)


def analyse(photo, width, height):
    """Sends a photo through the queues: its tiles to the GPU queues in turn, then their sum, then the result."""
    corners = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    tiles = [
        segment.s(photo, x, y, TILE, TILE).set(queue=GPU_QUEUES[index % len(GPU_QUEUES)])
        for index, (x, y) in enumerate(corners)
    ]
    return chord(tiles)(aggregate.s() | store.s(photo))


@app.task(name="demeter.tasks.count", bind=True)
def count(self, number, seconds=0.0):
    """Counts that it ran, after some work: one row for each run."""
    time.sleep(seconds)
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO counted (number, queue, process) VALUES (%s, %s, %s)",
            [number, self.request.delivery_info["routing_key"], life.process()],
        )


@app.task(name="demeter.tasks.fill", acks_late=False)
def fill(megabytes):
    """Takes memory, as a model that leaks does. It is acknowledged when it begins: it must not come again."""
    return len(b"\1" * (megabytes * 1024 * 1024))
