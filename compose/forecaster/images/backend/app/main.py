"""The HTTP interface. It serves once the model is loaded."""

from contextlib import asynccontextmanager

import sqlalchemy as sa
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse

from . import model
from .database import engine, forecasts, schema_state


@asynccontextmanager
async def lifespan(app):
    app.state.model = model.load()
    model.phase("serving")
    yield


app = FastAPI(title="forecaster", lifespan=lifespan)


@app.get("/ready")
def ready():
    """What a gate asks: 200 where everything is there, else 503 and what is not."""
    state = {"database": "up", "migrations": "unknown", "ml": "imported", "model": "loaded"}
    try:
        state["migrations"] = schema_state()
    except sa.exc.SQLAlchemyError as error:
        state["database"] = f"down: {type(error).__name__}"
    is_ready = state["database"] == "up" and state["migrations"] == "head"
    return JSONResponse({"status": "ready" if is_ready else "not ready", **state}, 200 if is_ready else 503)


@app.get("/forecast")
def forecast(steps: int = Query(12, ge=1, le=120)):
    """The next months of the series."""
    values = app.state.model.forecast(steps)
    points = [{"month": f"{month:%Y-%m}", "value": round(float(value), 2)} for month, value in values.items()]
    with engine.begin() as connection:
        connection.execute(forecasts.insert().values(series="co2", values=points))
    return {"series": "co2", "unit": "ppm", "points": points}


@app.get("/history")
def history(months: int = Query(60, ge=1, le=600)):
    """The last months that were measured."""
    known = model.series().tail(months)
    return {"series": "co2", "unit": "ppm", "points": [{"month": f"{m:%Y-%m}", "value": round(float(v), 2)} for m, v in known.items()]}
