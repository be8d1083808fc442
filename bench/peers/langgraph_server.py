"""Five durable steps, and a run that waits for a person, as a LangGraph graph behind HTTP.

SQLite in WAL mode with synchronous FULL; durability="sync": each step is on the disk before the next begins.
"""

import asyncio
import sys
from typing import TypedDict

import aiosqlite
import uvicorn
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


class State(TypedDict):
    text: str


def five(saver):
    graph = StateGraph(State)
    before = START
    for step in "12345":
        graph.add_node(step, lambda state, step=step: {"text": state["text"] + step})
        graph.add_edge(before, step)
        before = step
    graph.add_edge(before, END)
    return graph.compile(checkpointer=saver)


def parked(saver):
    graph = StateGraph(State)
    graph.add_node("ask", lambda state: {"text": state["text"] if interrupt("fine?") else ""})
    graph.add_node("one", lambda state: {"text": state["text"] + "1"})
    graph.add_node("two", lambda state: {"text": state["text"] + "2"})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "one")
    graph.add_edge("one", "two")
    graph.add_edge("two", END)
    return graph.compile(checkpointer=saver)


def settings(prefix, key):
    return {"configurable": {"thread_id": f"{prefix}{key}"}}


def application(file):
    graphs, waiting, ended = {}, set(), {}

    async def start():
        connection = await aiosqlite.connect(file)
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        graphs["five"], graphs["parked"] = five(saver), parked(saver)

    async def run_five(request):
        body = await request.json()
        result = await graphs["five"].ainvoke({"text": body["text"]}, settings("five-", body["id"]), durability="sync")
        return JSONResponse({"size": len(result["text"])})

    async def run_parked(request):
        body = await request.json()
        key = body["id"]
        ended[key] = asyncio.get_running_loop().create_future()
        await graphs["parked"].ainvoke({"text": body["text"]}, settings("parked-", key), durability="sync")
        waiting.add(key)
        size = await ended[key]
        del ended[key]
        return JSONResponse({"size": size})

    async def is_parked(request):
        key = request.path_params["key"]
        return PlainTextResponse(key) if key in waiting else Response(status_code=404)

    async def release(request):
        key = request.path_params["key"]
        waiting.discard(key)
        result = await graphs["parked"].ainvoke(Command(resume=True), settings("parked-", key), durability="sync")
        ended[key].set_result(len(result["text"]))
        return PlainTextResponse("")

    routes = [
        Route("/five", run_five, methods=["POST"]),
        Route("/parked", run_parked, methods=["POST"]),
        Route("/parked/{key}", is_parked),
        Route("/release/{key}", release, methods=["POST"]),
    ]
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(_):
        await start()
        yield

    return Starlette(routes=routes, lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), host="127.0.0.1", port=9482, log_level="warning", access_log=False)
