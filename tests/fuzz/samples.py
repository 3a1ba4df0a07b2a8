"""Valid input of each target, and the pieces that odd input is made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from manager.state.records import encode
from tests.unit.test_records import FULL_RECORD, FULL_SPEC

SAMPLES: Mapping[str, Sequence[str]] = {
    "grammar": (
        "run -n 3 -p 8000 --memory 64M web ./server.py \"a $HOME\" 'b'; -scale web=$n # three\n",
        "set n $(apps -q); expect load web p95 < 250ms; wait web ready --timeout 5s",
        "autoscale web --max 6 --slo 250ms,99% \\\n --min 1; echo ${env.HOME} $env.X",
    ),
    "wire": (
        '{"jsonrpc":"2.0","id":1,"method":"scale","params":{"change":["web=3"]}}\n',
        '{"jsonrpc":"2.0","id":2,"method":"ps","params":{"app":["web"],"all":true,"target":"web.1"}}\n',
        '{"jsonrpc":"2.0","id":"a","result":{"kind":"AppList","items":[]}}\n',
        '{"id":1,"error":{"code":-32000,"message":"no","data":{"kind":"conflict","hint":"apps"}}}\n',
    ),
    "records": (encode(FULL_SPEC), encode(FULL_RECORD)),
    "app_file": (
        '[apps.web]\ncommand = ["./server.py", "--port", "8000"]\nworkers = 3\nport = 8000\n'
        'env = { A = "1" }\nmemory = "64M"\nreach = ["db"]\nread-only = true\n',
        '[apps.db]\ncommand = "sh -c \'sleep 1\'"\ncopy = ["./x:/app/y"]\nfiles = { "/app/y" = "ab" }\n',
    ),
    "compose": (
        "services:\n  web:\n    image: i:1\n    command: [a, b]\n    ports: ['8080:80', {target: 81}]\n"
        "    environment: {A: 1, B: yes}\n    depends_on: [db]\n    stop_grace_period: 1m30s\n"
        "    deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 64M}}}\n  db: &d\n"
        "    image: $IMAGE\n    entrypoint: x\n    mem_limit: 1g\n",
        "services: {web: {image: ${HOME:-i}, command: x, healthcheck: {test: curl http://localhost/a}}}",
    ),
    "metrics": (
        'traefik_service_requests_total{code="200",method="GET",service="w_web_1_1@etcd"} 3e+01\n'
        'traefik_router_request_duration_seconds_bucket{router="app_web@etcd",le="0.1"} 5\n'
        'traefik_router_request_duration_seconds_bucket{router="app_web@etcd",le="+Inf"} 7\n'
        'traefik_router_request_duration_seconds_sum{router="app_web@etcd"} 0.5\n'
        'traefik_open_connections{entrypoint="http"} 2\n',
    ),
    "values": ("64M", "1.5GiB", "250ms,99%", "10:200", "80/tcp", "on-failure:3", "web.2", "A=b", "/x", "2h"),
}
PIECES: Sequence[str] = (
    *"\"'\\$(){}[];:,.#=-+%/&*!~@<>|?",
    *("\n", "\r\n", "\0", "\t", "\x7f", "\u2028", "\ufffd", "\\ud800", "ü", "٣", "½"),
    *("NaN", "Infinity", "1e999", "-0", "0x10", "1_0", "9" * 400, "9" * 5000, "null", "true", "{}", "[]"),
    *("$(", "${", "$env.", "\\\n", "<<: ", "&a ", "*a", "!!int ", "!!timestamp ", "? ", "- ", '"""', "[[a]]"),
    *("[" * 500, "$(a " * 500, "{a: " * 500, '{"a":' * 3000),
)
