"""TensorZero's gateway as its Python wheel embeds it: no database, nothing observed, one model with a primary (500 ms) and a fallback.

Prints its base URL and serves until it is ended. Arguments: base URLs of the primary and of the fallback.
"""

import os
import signal
import sys
import tempfile

import tensorzero

CONFIGURATION = """
[gateway]
observability.enabled = false

[models.answer]
routing = ["primary", "fallback"]

[models.answer.providers.primary]
type = "openai"
model_name = "primary"
api_base = "{primary}"
api_key_location = "none"
timeouts = {{ non_streaming = {{ total_ms = 500 }} }}

[models.answer.providers.fallback]
type = "openai"
model_name = "fallback"
api_base = "{fallback}"
api_key_location = "none"
"""

primary, fallback = sys.argv[1:3]
with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
    file.write(CONFIGURATION.format(primary=primary, fallback=fallback))
gateway = tensorzero._start_http_gateway(
    config_file=file.name, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
os.unlink(file.name)
print(gateway.base_url, flush=True)
signal.pause()
