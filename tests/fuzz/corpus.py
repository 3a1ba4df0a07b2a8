"""What once ended in another exception than ours, in a wrong value, or never; each is read again for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LAUGHS = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def _service(keys: str) -> str:
    return f"services: {{web: {{image: i, command: x, {keys}}}}}"


CORPUS: Mapping[str, Sequence[str]] = {
    "grammar": ("$(" * 5000, "$(x " * 3000 + ")" * 3000, '"$(' * 3000, f"run --memory {'9' * 400} web x"),
    "wire": ("[" * 60000 + "\n", '{"jsonrpc":"2.0","id":"\\ud800","method":"\\udfff"}\n', "\x80\n", "x\n"),
    "records": (
        "[" * 100_000,
        '{"v":1,"name":' + "[" * 50_000,
        '{"v":1,"number":1,"at":NaN,"cause":"x","template":{"command":[],"image":"i"}}',
        '{"v":1,"number":1,"at":1e999,"cause":"x","template":{"command":[],"image":"i"}}',
        '{"v":1,"number":1,"at":%s,"cause":"x","template":{"command":[],"image":"i"}}' % ("9" * 400),
        '{"v":1,"number":1,"at":1,"cause":"x","template":{"command":"abc","image":"i"}}',
    ),
    "app_file": (
        '[apps.web]\ncommand = "sh -c \'x"',
        "a = " + "[" * 5000,
        f"[apps.web]\ncommand = 'x'\nworkers = {'9' * 5000}",
        f"[apps.web]\ncommand = [0x{'f' * 5000}]",
        "[apps.web]\ncommand = ['x']\ncopy = ['']",
    ),
    "compose": (
        "- " * 200_000,
        "a: " + "{a: " * 300 + "}" * 300,
        f"a0: &a0 [x]\n{_LAUGHS}{_service('user: x')}",
        "services: &a {web: *a}",
        "services: {web: {image: i, command: &c [*c]}}",
        *(f"services: !!{tag} foo" for tag in ("timestamp", "int", "float", "bool")),
        _service("stop_grace_period: 1.2.3s"),
        _service(f"stop_grace_period: {'9' * 400}s"),
        _service(f"mem_limit: {'9' * 400}g"),
        _service(f"scale: {'9' * 5000}"),
        _service(f"ports: ['{'9' * 5000}']"),
        _service("ports: ['٣']"),
    ),
    "metrics": (
        'traefik_service_requests_total{code="200",service="w_web_1_1@etcd"} 1e308\n'
        'traefik_service_requests_total{code="201",service="w_web_1_1@etcd"} 1e308\n',
    ),
    "values": (*("9" * 400 + unit for unit in ("", "M", "T", "ms", "h", "h,99%")), "9" * 100_000),
}
