#!/usr/bin/env bash
# The same questions through our endpoint and through gateways of others, taking turns in one run: alone, many at once, and with a primary
# that fails or hangs. Backends, gateways and callers are processes of their own; all listen on loopback alone. The program is `routing`
# (bench/src/bin/routing.rs). What is missing is installed into a folder below target/. Prints rows; how often a primary was asked
# stands behind each outage.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
routing="${RELEASE:-$root/target/release}/routing"
work="${WORK:-$root/target/peers/gateways}"
rounds="${ROUNDS:-3}" alone="${ALONE:-2000}" together="${TOGETHER:-20000}" outage="${OUTAGE:-100}"
mkdir -p "$work"
cp "$here/tensorzero_gateway.py" "$here/loopback.cjs" "$work/"
cd "$work"
if [ ! -d node_modules/@portkey-ai/gateway ]; then
    npm init -y >/dev/null
    npm install --no-audit --no-fund --silent @portkey-ai/gateway@1.15.2 >/dev/null
fi
if [ ! -x python/bin/pip ] || ! python/bin/python -c 'import tensorzero' 2>/dev/null; then
    python3 -m venv python
    python/bin/pip install --quiet tensorzero==2026.6.0
fi

started=()
stop() {
    for process in "${started[@]}"; do kill -INT "$process" 2>/dev/null || true; done
    for process in "${started[@]}"; do
        for _ in $(seq 20); do kill -0 "$process" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    started=()
}
trap stop EXIT
start() { "$@" & started+=($!); }
until_it_listens() {
    for _ in $(seq 300); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "nobody listens at $1; see $work/peers.log" >&2
    exit 1
}

primary=4711 fallback=4712 ours=4713 portkey=4714
base() { echo "http://127.0.0.1:$1/v1"; }
health=well
target() { echo "{\"provider\":\"openai\",\"api_key\":\"none\",\"custom_host\":\"$(base "$1")\",\"request_timeout\":$2}"; }
backends() {
    start "$routing" backend --port "$primary" --health "$health" >asked.txt
    start "$routing" backend --port "$fallback" >/dev/null
    until_it_listens "$primary"
    until_it_listens "$fallback"
}
# Starts a gateway by its name and says how it is asked: address, path, model, header.
gateway() {
    case "$1" in
    Tradewind*)
        start "$routing" endpoint --port "$ours" --primary "$(base "$primary")" --fallback "$(base "$fallback")" --breaker >>peers.log 2>&1
        until_it_listens "$ours"
        asked=(--address "127.0.0.1:$ours" --path /v1/chat/completions --model answer)
        ;;
    TensorZero*)
        : >tensorzero.txt
        start python/bin/python tensorzero_gateway.py "$(base "$primary")/" "$(base "$fallback")/" >tensorzero.txt 2>>peers.log
        for _ in $(seq 300); do grep -q '^http:' tensorzero.txt && break; sleep 0.1; done
        local port
        port="$(sed -nE 's#^http://[^:]+:([0-9]+).*#\1#p' tensorzero.txt)"
        asked=(--address "127.0.0.1:$port" --path /openai/v1/chat/completions --model tensorzero::model_name::answer)
        ;;
    Portkey*)
        NODE_OPTIONS="--require $work/loopback.cjs" start node node_modules/@portkey-ai/gateway/build/start-server.js --headless "--port=$portkey" >>peers.log 2>&1
        until_it_listens "$portkey"
        asked=(--address "127.0.0.1:$portkey" --path /v1/chat/completions --model answer
            --header "x-portkey-config: {\"strategy\":{\"mode\":\"fallback\"},\"targets\":[$(target "$primary" 500),$(target "$fallback" 5000)]}")
        ;;
    bare) asked=(--address "127.0.0.1:$primary" --path /v1/chat/completions --model primary) ;;
    esac
}

gateways=("Tradewind" "TensorZero 2026.6.0" "Portkey 1.15.2")
cat /proc/loadavg
echo "| through | at once | p50, ms | p99, ms | a second | s | failed | others' CPU |"
for round in $(seq "$rounds"); do
    for name in bare "${gateways[@]}"; do
        backends
        gateway "$name"
        "$routing" drive "${asked[@]}" --name "$name ($round)" --callers 1 --questions "$alone"
        "$routing" drive "${asked[@]}" --name "$name ($round)" --callers 32 --questions "$together"
        stop
    done
done
for health in fails hangs; do
    for name in "${gateways[@]}"; do
        backends
        gateway "$name"
        "$routing" drive "${asked[@]}" --name "$name, the primary $health" --callers 4 --questions "$outage" --warm 0
        stop
        echo "asked of the primary: $(cat asked.txt)"
    done
done
