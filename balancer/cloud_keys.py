"""The proxy's keys that are the cloud's and no app's: the sentinel, repeated requests, the way to workers.

- The sentinel is a router to the proxy's own ping. It keeps the tree from being empty (the proxy would wait
  up to 20 s before it looks again) and answers 200 only through etcd, provider and entry point.
- What no worker took is tried on others, often: requests of others come between, so with two workers each
  try may meet the dead one again (on a busy machine all of 6 did once in 5 deaths). What a worker took and
  gave no answer to is sent again as well, or a worker's death would cost what it was at; but a request that
  kills its worker must not go through all of them, so no more than SENDINGS times. With two of three
  workers killed at once, 8 times, 1 of 4,800 requests failed with two sendings, and none with three or four.
- To send again, the proxy takes memory for the largest body that it would, for every request that may be
  repeated, with a body or without: its own 2 MiB cost three quarters of all requests per second.
- Connections to workers are kept for the next request. A transport of one's own keeps two for each worker
  unless it is told, and all others are made anew: half of the proxy's CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping

SENTINEL_HOST = "proxy.localhost"
SENTINEL_PRIORITY = 2000  # above every app's
REPEATABLE_BODY_BYTES = 4096
SENDINGS = 3
TRIES = 10
DIAL_TIMEOUT_MS = 300
IDLE_CONNECTIONS = 200  # of each worker
# Many a server closes its own after 5 s, and a POST that meets that is lost. And a worker that leaves is
# waited for until the proxy holds no connection to it: only then has no answer a piece more to come.
IDLE_CONNECTION_S = 1

CLOUD_KEYS: Mapping[str, str] = {
    "http/routers/sentinel/rule": f"Host(`{SENTINEL_HOST}`)",
    "http/routers/sentinel/entrypoints/0": "http",
    "http/routers/sentinel/service": "ping@internal",
    "http/routers/sentinel/priority": str(SENTINEL_PRIORITY),
    "http/middlewares/repeat/retry/attempts": str(SENDINGS),
    "http/middlewares/repeat/retry/initialinterval": "20ms",
    "http/middlewares/repeat/retry/maxrequestbodybytes": str(REPEATABLE_BODY_BYTES),
    "http/middlewares/repeat/retry/disableretryonnetworkerror": "true",
    "http/middlewares/repeat/retry/status/0": "502",
    "http/middlewares/repeat/retry/status/1": "504",
    "http/middlewares/deliver/retry/attempts": str(TRIES),
    "http/middlewares/deliver/retry/initialinterval": "5ms",
    "http/serverstransports/workers/forwardingtimeouts/dialtimeout": f"{DIAL_TIMEOUT_MS}ms",
    "http/serverstransports/workers/forwardingtimeouts/idleconntimeout": f"{IDLE_CONNECTION_S}s",
    "http/serverstransports/workers/maxidleconnsperhost": str(IDLE_CONNECTIONS),
    "tcp/serverstransports/workers/dialtimeout": f"{DIAL_TIMEOUT_MS}ms",
}
