"""The real proxy does with our routes what the layout promises."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TypeVar

import pytest

from balancer.cloud_keys import SENDINGS, SENTINEL_HOST
from balancer.routes import (
    HEALTH_AGENT,
    Route,
    Server,
    default_hosts,
    default_paths,
    server_name,
    stray,
)
from manager.observe.counters import Sample, parse
from manager.observe.proxy import ProxyApi
from manager.observe.traffic import Picture, Traffic
from tests.eventually import eventually
from tests.real.proxy import Proxy, running_proxy, tcp_worker, worker

T = TypeVar("T")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running_proxy(tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture
def proxy(started: Proxy) -> Iterator[Proxy]:
    yield started
    started.publish()


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def http(
    app: str, *servers: Server, health: str | None = None, paths: tuple[str, ...] | None = None
) -> Route:
    own = default_paths(app) if paths is None else paths
    asked = tuple(replace(server, health_path=health) for server in servers)
    return Route(app, "http", default_hosts(app), own, "http", asked)


def tcp(app: str, entry_point: str, *servers: Server) -> Route:
    return Route(app, "tcp", (), (), entry_point, servers)


def workers(running: ExitStack, app: str, count: int) -> list[Server]:
    """Run workers of an app on addresses of their own."""
    names = [server_name(app, slot, 1) for slot in range(1, count + 1)]
    return [running.enter_context(worker(name, f"127.0.9.{n}")) for n, name in enumerate(names, start=1)]


def answered(proxy: Proxy, path: str = "/", host: str = "localhost") -> list[str]:
    """Return who answered, and what path it saw."""
    status, body = proxy.get(path, host)
    assert status == 200, body
    found = json.loads(body)
    assert isinstance(found, list)
    return found


def told(ask: Callable[[], T | None]) -> T:
    """Return what the proxy's API says: where the machine is full, an answer may come too late to count."""
    [answer] = eventually(lambda: [found for found in [ask()] if found is not None], what="an answer in time")
    return answer


def await_answers(proxy: Proxy, app: str, *servers: Server) -> None:
    """These answer for the app: the proxy may have found one of them late, where the machine is full."""
    names, host = {server.name for server in servers}, f"{app}.localhost"
    eventually(
        lambda: {answered(proxy, host=host)[0] for _ in range(20)} == names, what=f"answers of {names}"
    )


@contextmanager
def load(proxy: Proxy, host: str) -> Iterator[Counter[int]]:
    """Keep requests flowing to a host; the counter holds the statuses, 0 for a connection that failed."""
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                statuses[proxy.get(host=host)[0]] += 1
            except OSError:
                statuses[0] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def test_the_sentinel_answers_through_etcd_provider_and_entry_point(proxy: Proxy) -> None:
    assert proxy.get("/", SENTINEL_HOST) == (200, "OK")


def test_an_app_is_reached_by_its_host_and_by_its_path(proxy: Proxy, running: ExitStack) -> None:
    [one] = workers(running, "web", 1)
    proxy.publish(http("web", one))

    assert answered(proxy, "/a?x=1", "web.localhost") == ["w_web_1_1", "/a?x=1"]
    assert answered(proxy, "/web/a?x=1") == ["w_web_1_1", "/a?x=1"]
    assert answered(proxy, "/web", "anything.example") == ["w_web_1_1", "/"]
    assert proxy.get("/webby")[0] == 404
    assert proxy.get("/other")[0] == 404


def test_no_worker_leads_the_proxy_s_check_to_another_place(proxy: Proxy, running: ExitStack) -> None:
    asked: Counter[str] = Counter()
    one = running.enter_context(worker("w_web_1_1", "127.0.9.1", asked))
    proxy.publish(http("web", one, health="/away"))

    eventually(lambda: asked["/away"] >= 3, within_s=10)

    assert answered(proxy, "/a", "web.localhost") == ["w_web_1_1", "/a"]
    assert asked["/elsewhere"] == 0


def test_workers_that_take_nearly_a_second_for_their_check_are_sent_requests(
    proxy: Proxy, running: ExitStack
) -> None:
    asked: Counter[str] = Counter()
    servers = [running.enter_context(worker(f"w_web_{n}_1", f"127.0.9.{n}", asked)) for n in (1, 2)]
    proxy.publish(http("web", *servers, health="/late"))

    eventually(lambda: asked["/late"] >= 6, within_s=20)

    assert Counter(proxy.get(host="web.localhost")[0] for _ in range(20)) == {200: 20}


def test_workers_of_two_revisions_are_checked_at_their_own_paths(proxy: Proxy, running: ExitStack) -> None:
    paths = {"w_web_1_1": "/up", "w_web_2_2": "/healthz"}
    asked: dict[str, Counter[str]] = {name: Counter() for name in paths}
    servers = [
        running.enter_context(worker(name, f"127.0.9.{n}", asked[name])) for n, name in enumerate(paths, 1)
    ]
    each = tuple(replace(server, health_path=paths[server.name]) for server in servers)
    proxy.publish(replace(http("web"), servers=each))

    eventually(lambda: all(asked[name][path] >= 3 for name, path in paths.items()), within_s=10)
    await_answers(proxy, "web", *servers)
    assert not asked["w_web_1_1"]["/healthz"] + asked["w_web_2_2"]["/up"]
    assert all(asked[name][f"{path} by {HEALTH_AGENT}"] for name, path in paths.items())


def test_connections_to_workers_are_kept_for_the_next_request(proxy: Proxy, running: ExitStack) -> None:
    proxy.publish(http("web", *workers(running, "web", 1)))

    with ThreadPoolExecutor(16) as clients:
        ports = {*clients.map(lambda _: answered(proxy, "/port", "web.localhost")[1], range(400))}

    assert len(ports) <= 3 * 16


def test_apps_with_names_alike_never_answer_for_each_other(proxy: Proxy, running: ExitStack) -> None:
    names = ["web", "web-1", "web-1-1", "w", "w-web", "app"]
    routes = [http(app, *workers(running, app, 1)) for app in names]
    proxy.publish(*routes)

    for app in names:
        assert answered(proxy, "/x", f"{app}.localhost") == [f"w_{app}_1_1", "/x"]
        assert answered(proxy, f"/{app}/x") == [f"w_{app}_1_1", "/x"]


def test_a_host_that_an_app_claims_is_not_open_to_the_paths_of_others(
    proxy: Proxy, running: ExitStack
) -> None:
    proxy.publish(http("web", *workers(running, "web", 1)), http("api", *workers(running, "api", 1)))

    assert answered(proxy, "/api/x", "web.localhost") == ["w_web_1_1", "/api/x"]


def test_the_longest_path_wins_whatever_the_names(proxy: Proxy, running: ExitStack) -> None:
    short = http("zed", *workers(running, "zed", 1), paths=("/shop",))
    longer = http("abc", *workers(running, "abc", 1), paths=("/shop/cart", "/c"))
    everything = http("root", *workers(running, "root", 1), paths=("/",))
    proxy.publish(short, longer, everything)

    assert answered(proxy, "/shop/x") == ["w_zed_1_1", "/x"]
    assert answered(proxy, "/shop/cart/x") == ["w_abc_1_1", "/x"]
    assert answered(proxy, "/shop/carts") == ["w_zed_1_1", "/carts"]
    assert answered(proxy, "/c") == ["w_abc_1_1", "/"]
    assert answered(proxy, "/cs1") == ["w_root_1_1", "/cs1"]


def test_an_app_without_workers_answers_503_and_keeps_its_host(proxy: Proxy, running: ExitStack) -> None:
    everything = http("root", *workers(running, "root", 1), paths=("/",))
    proxy.publish(http("web"), everything)

    assert proxy.get("/", "web.localhost")[0] == 503
    assert proxy.get("/web/x")[0] == 503


def test_a_request_that_no_worker_answers_is_sent_a_few_times_and_one_that_changes_something_once(
    proxy: Proxy, running: ExitStack
) -> None:
    asked: Counter[str] = Counter()
    names = [server_name("web", slot, 1) for slot in range(1, 6)]
    servers = [running.enter_context(worker(name, f"127.0.9.{n}", asked)) for n, name in enumerate(names, 1)]
    proxy.publish(http("web", *servers))

    assert proxy.get("/silence", "web.localhost")[0] == 502
    assert asked["/silence"] == SENDINGS
    assert proxy.get("/silence", "web.localhost", "POST")[0] == 502
    assert asked["/silence"] == SENDINGS + 1


@pytest.mark.parametrize("health", [None, "/"])
def test_a_dead_worker_costs_no_request(proxy: Proxy, running: ExitStack, health: str | None) -> None:
    one, two = workers(running, "web", 2)
    with worker(server_name("web", 3, 1), "127.0.9.9") as dead:
        proxy.publish(http("web", one, two, dead, health=health))
        await_answers(proxy, "web", one, two, dead)

    assert Counter(proxy.get(host="web.localhost")[0] for _ in range(300)) == {200: 300}


def test_scaling_under_load_loses_no_request(proxy: Proxy, running: ExitStack) -> None:
    servers = workers(running, "web", 5)
    proxy.publish(http("web", *servers[:1]))

    with load(proxy, "web.localhost") as statuses:
        for count in (5, 2, 4, 1, 5):
            proxy.publish(http("web", *servers[:count]))

    assert set(statuses) == {200}


def test_changes_of_one_app_do_not_touch_another(proxy: Proxy, running: ExitStack) -> None:
    api = http("api", *workers(running, "api", 2))
    servers = workers(running, "web", 3)
    proxy.publish(api, http("web", *servers))

    with load(proxy, "api.localhost") as statuses:
        for count in (0, 3, 1):
            proxy.publish(api, http("web", *servers[:count]))
        proxy.publish(api)

    assert set(statuses) == {200}


def test_tcp_apps_are_reached_on_their_own_ports(proxy: Proxy, running: ExitStack) -> None:
    pong = running.enter_context(tcp_worker("w_pong_1_1", "127.0.9.1"))
    ping = running.enter_context(tcp_worker("w_ping_1_1", "127.0.9.2"))
    proxy.publish(tcp("pong", "tcp9000", pong), tcp("ping", "tcp9001", ping))

    assert proxy.talk(proxy.tcp_ports[0], b"hello") == b"w_pong_1_1 hello"
    assert proxy.talk(proxy.tcp_ports[1], b"hello") == b"w_ping_1_1 hello"


def test_a_tcp_app_without_workers_closes_its_connections(proxy: Proxy) -> None:
    proxy.publish(tcp("pong", "tcp9000"))

    assert proxy.talk(proxy.tcp_ports[0], b"hello") == b""


def test_a_dead_tcp_worker_leaves_the_rotation(proxy: Proxy, running: ExitStack) -> None:
    alive = running.enter_context(tcp_worker("w_pong_1_1", "127.0.9.1"))
    with tcp_worker("w_pong_2_1", "127.0.9.2") as dead:
        proxy.publish(tcp("pong", "tcp9000", alive, dead))

    def all_answer() -> bool:
        return all(proxy.talk(proxy.tcp_ports[0], b"hello") for _ in range(8))

    eventually(all_answer, within_s=10)


def test_foreign_keys_freeze_the_proxy_until_a_change_removes_them(proxy: Proxy, running: ExitStack) -> None:
    servers = workers(running, "web", 2)
    proxy.publish(http("web", servers[0]))
    proxy.put({"http/services/w_web_1_1/nonsense/x": "1", "junk": ""})
    proxy.put({"http/services/w_web_1_1/loadbalancer/passhostheader": "true"})

    named = stray(proxy.keys())
    proxy.publish(http("web", *servers))

    assert set(named) == {
        "junk",
        "http/services/w_web_1_1/nonsense/x",
        "http/services/w_web_1_1/loadbalancer/passhostheader",
    }
    assert stray(proxy.keys()) == ()
    assert {answered(proxy, host="web.localhost")[0] for _ in range(4)} == {"w_web_1_1", "w_web_2_1"}


def test_what_the_proxy_refuses_is_told_with_its_reason(proxy: Proxy, running: ExitStack) -> None:
    proxy.publish(http("web", *workers(running, "web", 1)))
    assert told(proxy.api.faults) == {}

    proxy.put({"http/routers/app_web/rule": "Host("})

    faults = eventually(proxy.api.faults, within_s=10, what="a fault that is told")
    assert faults is not None
    assert set(faults) == {"web"}
    assert "rule" in faults["web"]


def test_more_services_than_one_page_of_the_api_are_seen(proxy: Proxy) -> None:
    servers = [Server(server_name("big", slot, 1), f"127.0.9.1:{slot}") for slot in range(1, 131)]

    proxy.publish(http("big", *servers))

    assert len(told(proxy.api.live)["big"]) == 130


def test_the_metrics_page_becomes_rates_of_workers(proxy: Proxy, running: ExitStack) -> None:
    one, two = workers(running, "rated", 2)
    proxy.publish(http("rated", one, two))
    before = sample(proxy, at=0.0)

    for _ in range(40):
        answered(proxy, host="rated.localhost")
    # the proxy counts a request behind its answer, at the app after the worker
    eventually(
        lambda: rates_since(proxy, before).apps["rated"].rate_rps == 40, what="that all 40 are counted"
    )
    picture = rates_since(proxy, before)

    assert (picture.workers[one.name].rate_rps, picture.workers[two.name].rate_rps) == (20, 20)
    assert picture.apps["rated"].error_ratio == 0
    assert 0 < (picture.apps["rated"].p95_s or 0) <= 0.25


def sample(proxy: Proxy, at: float) -> Sample:
    return parse(told(proxy.api.metrics), at)


def rates_since(proxy: Proxy, before: Sample) -> Picture:
    """Return the rates by what the proxy counted since then, as if that had been a second ago."""
    traffic = Traffic()
    traffic.add(before)
    traffic.add(sample(proxy, at=1.0))
    return traffic.picture(1.0)


def test_a_proxy_that_is_not_there_is_known_as_such() -> None:
    with socket.socket() as closed:  # bound and not listening: whoever connects is refused
        closed.bind(("127.0.0.1", 0))
        api = ProxyApi(closed.getsockname()[1])

        assert api.live() is None
        assert api.faults() is None
        assert api.metrics() is None
        assert not api.healthy()


def test_the_api_says_that_the_proxy_is_well(proxy: Proxy) -> None:
    eventually(proxy.api.healthy, what="an answer in time")
