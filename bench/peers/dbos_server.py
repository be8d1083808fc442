"""Five durable steps, and a run that waits for a person, as DBOS workflows behind HTTP. SQLite with its own settings, or any address."""

import sys
import threading

import uvicorn
from dbos import DBOS, DBOSConfig, SetWorkflowID
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

configuration: DBOSConfig = {"name": "bench", "system_database_url": sys.argv[1], "run_admin_server": False, "log_level": "WARNING"}
DBOS(config=configuration)
waiting = set()
lock = threading.Lock()


@DBOS.step()
def step(text: str, number: str) -> str:
    return text + number


@DBOS.workflow()
def five(text: str) -> int:
    for number in "12345":
        text = step(text, number)
    return len(text)


@DBOS.workflow()
def parked(key: str, text: str) -> int:
    with lock:
        waiting.add(key)
    DBOS.recv("go on", timeout_seconds=600)
    for number in "12":
        text = step(text, number)
    return len(text)


def begin(workflow, identity, *arguments):
    with SetWorkflowID(identity):
        return workflow(*arguments)


async def run_five(request):
    body = await request.json()
    return JSONResponse({"size": await run_in_threadpool(begin, five, "five-" + body["id"], body["text"])})


async def run_parked(request):
    body = await request.json()
    return JSONResponse({"size": await run_in_threadpool(begin, parked, "parked-" + body["id"], body["id"], body["text"])})


async def is_parked(request):
    key = request.path_params["key"]
    return PlainTextResponse(key) if key in waiting else Response(status_code=404)


async def release(request):
    key = request.path_params["key"]
    waiting.discard(key)
    await run_in_threadpool(DBOS.send, "parked-" + key, True, "go on")
    return PlainTextResponse("")


routes = [
    Route("/five", run_five, methods=["POST"]),
    Route("/parked", run_parked, methods=["POST"]),
    Route("/parked/{key}", is_parked),
    Route("/release/{key}", release, methods=["POST"]),
]

if __name__ == "__main__":
    import anyio.to_thread
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(_):
        # As many threads as callers: the default of 40 would hold 24 of 64 back.
        anyio.to_thread.current_default_thread_limiter().total_tokens = 96
        yield

    DBOS.launch()
    uvicorn.run(Starlette(routes=routes, lifespan=lifespan), host="127.0.0.1", port=9483, log_level="warning", access_log=False)
