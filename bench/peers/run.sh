#!/usr/bin/env bash
# The same work on Tradewind and on its peers, one after the other in one run: five durable steps, and a person's yes to the end of a run.
# The client is `serving` (bench/src/bin/serving.rs), a process of its own for all. What is missing is installed into a folder below target/.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
release="${RELEASE:-$root/target/release}"
work="${WORK:-$root/target/peers}"
alone="${ALONE:-300}" together="${TOGETHER:-2000}" rounds="${ROUNDS:-3}" approvals="${APPROVALS:-100}"
mkdir -p "$work"
cp "$here"/*.mjs "$here"/*.py "$here"/*.toml "$work/"
cd "$work"

if [ ! -d node_modules/@restatedev/restate-server ]; then
    npm init -y >/dev/null
    npm install --no-audit --no-fund @restatedev/restate-server@1.7.12 @restatedev/restate-sdk@1.17.2 >/dev/null
fi
if [ ! -x python/bin/uvicorn ]; then
    python3 -m venv python
    python/bin/pip install --quiet langgraph==1.2.22 langgraph-checkpoint-sqlite==3.1.2 dbos==3.4.0 starlette uvicorn
fi

started=()
stop() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    sleep 2
    # Some wait for callers that are gone.
    for process in "${started[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
    for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
    started=()
}
trap stop EXIT
start() { "$@" >>"$work/peers.log" 2>&1 & started+=($!); }
until_it_answers() {
    for _ in $(seq 300); do
        if curl --silent --output /dev/null "$1"; then return; fi
        sleep 0.1
    done
    echo "$1 does not answer; see $work/peers.log" >&2
    exit 1
}
measure() {
    local name="$1" calls="$2" parked="$3" release_url="$4" begin="$5"
    "$release/serving" calls --name "$name" --url "$calls" --alone "$alone" --together "$together" --rounds "$rounds"
    "$release/serving" approvals --name "$name" --begin "$begin" --parked "$parked" --release "$release_url" \
        --approvals "$approvals" --rounds "$rounds"
    stop
}

"$release/serving" ours --folder "$work" --alone "$alone" --together "$together" --rounds "$rounds" --approvals "$approvals"

rm -rf restate-data
RESTATE_BASE_DIR="$work/restate-data" start node_modules/@restatedev/restate-server-linux-x64/bin/restate-server --config-file restate.toml
start node restate.mjs
until_it_answers http://127.0.0.1:9491/deployments
until_it_answers http://127.0.0.1:9481/parked/nothing
curl --silent --fail --output /dev/null -H 'content-type: application/json' -d '{"uri":"http://127.0.0.1:9480"}' http://127.0.0.1:9491/deployments
measure "Restate 1.7.12, TypeScript SDK 1.17.2" http://127.0.0.1:9490/bench/five http://127.0.0.1:9481/parked \
    'http://127.0.0.1:9490/restate/awakeables/{token}/resolve' http://127.0.0.1:9490/bench/parked

rm -f langgraph.db*
start python/bin/python langgraph_server.py langgraph.db
until_it_answers http://127.0.0.1:9482/parked/nothing
measure "LangGraph 1.2.22, SQLite FULL, behind uvicorn" http://127.0.0.1:9482/five http://127.0.0.1:9482/parked \
    'http://127.0.0.1:9482/release/{token}' http://127.0.0.1:9482/parked

rm -f dbos.db*
start python/bin/python dbos_server.py sqlite:///dbos.db
until_it_answers http://127.0.0.1:9483/parked/nothing
# DBOS on SQLite looks once a second whether a run may go on: fewer approvals.
approvals=20
measure "DBOS 3.4.0, SQLite, behind uvicorn" http://127.0.0.1:9483/five http://127.0.0.1:9483/parked \
    'http://127.0.0.1:9483/release/{token}' http://127.0.0.1:9483/parked
