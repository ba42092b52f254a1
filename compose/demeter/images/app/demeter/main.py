"""The api: takes photos, and shows the plants in them and the state of the stack."""

import contextlib
import time

import psycopg
import redis
from fastapi import FastAPI, HTTPException, Request, Response
from psycopg_pool import PoolTimeout
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from demeter import database, life, tasks
from demeter.celery_app import QUEUES

REQUESTS = Counter("demeter_requests", "Requests", ["path", "status"])
SECONDS = Histogram("demeter_request_seconds", "Time of a request", ["path"])
DATABASE_UP = Gauge("demeter_database_up", "Whether the database answers")
DEPTH = Gauge("demeter_queue_depth", "Tasks that wait", ["queue"])
ACTIVE = Gauge("demeter_queue_active", "Whether a worker consumes the queue", ["queue"])


@contextlib.asynccontextmanager
async def lifespan(_):
    database.prepare()
    yield


app = FastAPI(title="DemeterAI", lifespan=lifespan)


@app.middleware("http")
async def measure(request: Request, call_next):
    begun = time.monotonic()
    status = 500
    try:
        response = await call_next(request)
        status = response.status_code
        return response
    finally:
        route = request.scope.get("route")
        path = route.path if route else "other"
        REQUESTS.labels(path, status).inc()
        SECONDS.labels(path).observe(time.monotonic() - begun)


@app.get("/live")
def live():
    """That this process answers."""
    return {"status": "alive"}


def look():
    """The state of what the api needs: database, broker, and a worker for each queue."""
    state = {"status": "healthy", "database": "up", "redis": "up", "workers": {}}
    try:
        with database.connection() as connection:
            connection.execute("SELECT 1")
    except (psycopg.Error, PoolTimeout):
        state["database"] = "down"
    try:
        broker = life.broker()
        for queue in QUEUES:
            state["workers"][queue] = "active" if life.active(broker, queue) else "gone"
            DEPTH.labels(queue).set(broker.llen(queue))
    except redis.RedisError:
        state["redis"] = "down"
        state["workers"] = dict.fromkeys(QUEUES, "unknown")
    for queue, worker in state["workers"].items():
        ACTIVE.labels(queue).set(worker == "active")
    DATABASE_UP.set(state["database"] == "up")
    parts = [state["database"] == "up", state["redis"] == "up"]
    if not all(parts + [worker == "active" for worker in state["workers"].values()]):
        state["status"] = "unhealthy"
    return state


@app.get("/health")
def health(response: Response):
    """What the gate of a deploy reads."""
    state = look()
    if state["status"] != "healthy":
        response.status_code = 503
    return state


@app.get("/metrics")
def metrics():
    """What Prometheus reads."""
    look()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/photos", status_code=202)
async def take(request: Request, width: int, height: int):
    """Takes a photo, as height × width × 3 bytes, and sends it through the queues."""
    pixels = await request.body()
    if width < 1 or height < 1 or len(pixels) != width * height * 3:
        raise HTTPException(400, f"{width} × {height} pixels are {width * height * 3} bytes, not {len(pixels)}")
    with database.connection() as connection:
        row = connection.execute(
            "INSERT INTO photos (width, height, pixels) VALUES (%s, %s, %s) RETURNING id",
            [width, height, pixels],
        ).fetchone()
    tasks.analyse(row[0], width, height)
    return {"photo": row[0]}


@app.get("/photos/{photo}")
def show(photo: int):
    """What was found in a photo."""
    with database.connection() as connection:
        row = connection.execute("SELECT stored, plants FROM photos WHERE id = %s", [photo]).fetchone()
        if row is None:
            raise HTTPException(404, f"no photo {photo}")
        found = connection.execute(
            "SELECT area, ST_AsText(shape), ST_AsText(center) FROM plants WHERE photo = %s ORDER BY area DESC",
            [photo],
        ).fetchall()
    plants = [{"area": area, "shape": shape, "center": center} for area, shape, center in found]
    return {"photo": photo, "done": row[0] is not None, "count": row[1], "plants": plants}
