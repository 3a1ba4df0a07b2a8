"""Routes become the proxy's keys: names never collide, lists have no holes, changes are exact."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import cycle, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.cloud_keys import SENTINEL_HOST
from balancer.proxy import EtcdTls, static_arguments
from balancer.routes import (
    Route,
    Server,
    app_of,
    change,
    check_health_path,
    check_host,
    check_path,
    default_hosts,
    default_paths,
    owner,
    render,
    server_name,
    stray,
)

# names that sit close together, and whatever else the contract allows
NAMES = st.one_of(
    st.sampled_from(["web", "web-1", "w-web", "w", "app", "path", "strip", "app-web", "web-1-1", "a", "a-0"]),
    st.from_regex(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", fullmatch=True),
)


PLACES = st.sets(st.sampled_from([*product(range(1, 31), (1, 2, 3))]), max_size=12)
HEALTH = st.sampled_from([(None,), ("/health",), ("/health", None)])  # of none, of all, of every other worker


@st.composite
def routes(draw: st.DrawFn) -> Route:
    app, places, health = draw(NAMES), draw(PLACES), cycle(draw(HEALTH))
    servers = tuple(
        Server(server_name(app, slot, rev), f"10.0.{rev}.{slot}:80", next(health)) for slot, rev in places
    )
    hosts = draw(st.sampled_from([(), default_hosts(app), ("shop.example",)]))
    if not hosts:
        return Route(app, "tcp", (), (), "tcp9000", servers)
    paths = draw(st.sampled_from([(), default_paths(app), ("/", "/api"), (f"/{app}/v1", f"/{app}")]))
    return Route(app, "http", hosts, paths, "http", servers)


CLOUDS = st.lists(routes(), max_size=4, unique_by=lambda route: route.app)
SMALL_CLOUDS = st.lists(routes(), max_size=2, unique_by=lambda route: route.app)
NAMES_A_SERVICE = re.compile(r"/service$|/weighted/services/\d+/name$")


def web(servers: int, *, health: str | None = None) -> Route:
    return Route(
        "web",
        "http",
        default_hosts("web"),
        default_paths("web"),
        "http",
        tuple(
            Server(server_name("web", slot, 1), f"10.0.0.{slot}:80", health) for slot in range(1, servers + 1)
        ),
    )


@settings(max_examples=50)
@given(CLOUDS)
def test_keys_of_different_apps_never_meet(cloud: list[Route]) -> None:
    shared = set(render([]))

    own = [set(render([route])) - shared for route in cloud]

    together = render(cloud)
    assert set(together) == shared.union(*own)
    assert len(together) == len(shared) + sum(map(len, own))
    for route, keys in zip(cloud, own, strict=True):
        assert {app_of(key) for key in keys} == {route.app}


@settings(max_examples=50)
@given(CLOUDS)
def test_every_key_is_one_the_proxy_can_decode(cloud: list[Route]) -> None:
    keys = render(cloud)

    for key in keys:
        assert key == key.lower()
        assert not key.startswith("/")
        parts = key.split("/")
        lists = {parent for parent, part in pairwise(parts) if part.isdecimal()}
        assert lists <= {"services", "servers", "middlewares", "entrypoints", "status", "prefixes"}
    assert stray(keys) == ()


@settings(max_examples=50)
@given(CLOUDS)
def test_lists_have_no_holes(cloud: list[Route]) -> None:
    lists: dict[str, set[int]] = {}
    for key in render(cloud):
        for found in re.finditer(r"/(\d+)(/|$)", key):
            lists.setdefault(key[: found.start()], set()).add(int(found[1]))

    assert all(indexes == set(range(len(indexes))) for indexes in lists.values())


@settings(max_examples=50)
@given(CLOUDS, CLOUDS, st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_a_change_applied_leaves_exactly_what_is_wanted(
    before: list[Route], after: list[Route], foreign: dict[str, str]
) -> None:
    have, want = {**render(before), **foreign}, render(after)

    step = change(have, want)

    done = {key: value for key, value in {**have, **step.puts}.items() if key not in step.deletes}
    assert done == want
    assert not change(want, want)


@settings(max_examples=50)
@given(SMALL_CLOUDS, SMALL_CLOUDS)
def test_a_change_cut_anywhere_leaves_no_name_without_its_service(
    before: list[Route], after: list[Route]
) -> None:
    have, want = render(before), render(after)
    step = change(have, want)
    keys = dict(have)

    for key, value in step.puts.items():
        keys[key] = value
        assert_names_exist(keys)
    for key in step.deletes:
        del keys[key]
        assert_names_exist(keys)


def assert_names_exist(keys: dict[str, str]) -> None:
    services = {(key.split("/")[0], key.split("/")[2]) for key in keys if "/services/" in key}
    for key, value in keys.items():
        if NAMES_A_SERVICE.search(key) and not value.endswith("@internal"):
            assert (key.split("/")[0], value) in services


@settings(max_examples=50)
@given(CLOUDS)
def test_no_path_outranks_a_host_and_a_longer_path_wins(cloud: list[Route]) -> None:
    keys = render(cloud)
    priorities = {key: int(value) for key, value in keys.items() if key.endswith("/priority")}

    for key, priority in priorities.items():
        rule = keys[key.replace("/priority", "/rule")]
        assert (priority >= 1000) == rule.startswith("Host(")
    paths = {
        len(re.findall(r"`([^`]*)`", keys[key.replace("/priority", "/rule")])[0]): priority
        for key, priority in priorities.items()
        if "/path_" in key
    }
    assert sorted(paths.values()) == [priority for _, priority in sorted(paths.items())]


def test_the_sentinel_is_always_there() -> None:
    keys = render([])

    assert keys["http/routers/sentinel/rule"] == f"Host(`{SENTINEL_HOST}`)"
    assert keys["http/routers/sentinel/service"] == "ping@internal"


def test_an_app_without_workers_keeps_its_routers_over_an_empty_service() -> None:
    full, empty = render([web(2)]), render([web(0)])

    assert {key for key in full if "/routers/" in key} == {key for key in empty if "/routers/" in key}
    assert empty["http/services/app_web/loadbalancer/serverstransport"] == "workers"
    assert not any("weighted" in key for key in empty)


def test_only_an_app_with_a_health_path_is_checked_by_the_proxy() -> None:
    with_path, without = render([web(1, health="/up")]), render([web(1)])

    assert with_path["http/services/w_web_1_1/loadbalancer/healthcheck/path"] == "/up"
    assert with_path["http/services/app_web/weighted/healthcheck"] == ""
    assert not any("healthcheck" in key for key in without)


def test_a_worker_that_fails_a_check_is_asked_again_sooner() -> None:
    check = "http/services/w_web_1_1/loadbalancer/healthcheck"
    keys = render([web(1, health="/up")])

    interval, again = (
        int(keys[f"{check}/{name}"].removesuffix("ms")) for name in ("interval", "unhealthyinterval")
    )
    assert again < interval


def test_a_check_follows_a_worker_to_no_other_place() -> None:
    keys = render([web(1, health="/up")])

    assert keys["http/services/w_web_1_1/loadbalancer/healthcheck/followredirects"] == "false"


def test_while_one_worker_has_no_health_path_none_is_checked() -> None:
    unasked = Server(server_name("web", 3, 2), "10.0.0.3:80")
    halfway = web(2, health="/up")

    keys = render([replace(halfway, servers=(*halfway.servers, unasked))])

    assert not any("healthcheck" in key for key in keys)


def test_a_path_is_not_a_prefix_of_its_neighbours() -> None:
    keys = render([web(1)])

    assert keys["http/routers/path_web_0/rule"] == "Path(`/web`) || PathPrefix(`/web/`)"
    assert keys["http/middlewares/strip_web_0/stripprefix/prefixes/0"] == "/web"


def test_the_root_path_takes_everything_and_strips_nothing() -> None:
    keys = render([Route("web", "http", (), ("/",), "http", ())])

    assert keys["http/routers/path_web_0/rule"] == "PathPrefix(`/`)"
    assert not any("strip" in key for key in keys)


def test_an_app_has_one_route() -> None:
    with pytest.raises(ValueError, match="two routes"):
        render([web(1), web(2)])


def test_foreign_keys_are_named_and_deleted() -> None:
    have = {**render([web(1)]), "http/services/w_web_1_1/nonsense/x": "1", "HTTP/routers/sentinel/rule": "x"}

    assert stray(have) == ("HTTP/routers/sentinel/rule", "http/services/w_web_1_1/nonsense/x")
    assert set(change(have, render([web(1)])).deletes) == set(stray(have))


@pytest.mark.parametrize(
    "host",
    ["a`b", "a b", "", "Web.localhost", "-a.example", "a..b", "*.example", "a.example:80", "a" * 64, "ä.de"],
)
def test_a_host_that_could_change_a_rule_is_refused(host: str) -> None:
    fault = check_host(host)

    assert fault is not None
    assert "is not a host name" in fault
    with pytest.raises(ValueError, match="is not a host name"):
        Route("web", "http", (host,), (), "http", ())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "proxy.localhost"])
def test_the_clouds_own_hosts_are_refused(host: str) -> None:
    assert check_host(host) == f"the host {host} is kept for the cloud itself"


@pytest.mark.parametrize("host", ["shop.example", "a", "10.0.0.1", "x-1.y2.example"])
def test_host_names_are_accepted(host: str) -> None:
    assert check_host(host) is None


@pytest.mark.parametrize(
    "path",
    ["", "web", "/a`b", "/a/", "//a", "/a b", "/a/../b", "/.", "/a?x", "/{a}", "/a\n", "/" + "a" * 200],
)
def test_a_path_that_could_change_a_rule_is_refused(path: str) -> None:
    assert check_path(path) is not None
    with pytest.raises(ValueError, match="path"):
        Route("web", "http", (), (path,), "http", ())


@pytest.mark.parametrize("path", ["/", "/web", "/a/b-c_d.e~f", "/A1"])
def test_prefixes_are_accepted(path: str) -> None:
    assert check_path(path) is None


@pytest.mark.parametrize(
    ("path", "fits"), [("/up?x=1&y=%20", True), ("/", True), ("up", False), ("/%zz", False)]
)
def test_a_health_path_is_one_that_can_be_asked(path: str, fits: bool) -> None:
    assert (check_health_path(path) is None) is fits


@pytest.mark.parametrize(
    ("app", "server", "entry_point"),
    [
        ("Web", None, "http"),
        ("web", None, "http/x"),
        ("web", Server("w_web-1_1_1", "10.0.0.1:80"), "http"),
        ("web", Server("web.1", "10.0.0.1:80"), "http"),
    ],
)
def test_a_route_of_parts_that_do_not_fit_is_refused(
    app: str, server: Server | None, entry_point: str
) -> None:
    with pytest.raises(ValueError, match=r"app's name|entry point|not a worker of"):
        Route(app, "http", (), (), entry_point, (server,) if server else ())


def test_a_server_has_an_address_and_a_port() -> None:
    with pytest.raises(ValueError, match="address and port"):
        Server("w_web_1_1", "web.localhost:80")


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("w_web-1_2_3", "web-1"),
        ("app_w", "w"),
        ("retry", None),
        ("sentinel", None),
        ("x_web", None),
        ("w_", None),
    ],
)
def test_the_owner_of_a_name_is_read_from_it(name: str, app: str | None) -> None:
    assert owner(name) == app


def arguments(**changed: str) -> tuple[str, ...]:
    return static_arguments(
        root_key=changed.get("root_key", "simplecloud/default/proxy"),
        etcd_endpoints=["127.0.0.1:2379", "127.0.0.1:2381"],
        http_bind="127.0.0.1:8080",
        tcp_binds={"tcp9000": "127.0.0.1:9000"},
        api_bind="127.0.0.1:8081",
        buckets_s=[0.25, 0.1],
        etcd_tls=EtcdTls(changed["ca"]) if "ca" in changed else None,
    )


def test_the_command_line_names_every_entry_point_and_endpoint() -> None:
    line = arguments(ca="/etc/ca.pem")

    assert "--entrypoints.http.address=127.0.0.1:8080" in line
    assert "--entrypoints.tcp9000.address=127.0.0.1:9000" in line
    assert "--entrypoints.traefik.address=127.0.0.1:8081" in line
    assert "--providers.etcd.endpoints=127.0.0.1:2379,127.0.0.1:2381" in line
    assert "--metrics.prometheus.buckets=0.1,0.25" in line
    assert [word for word in line if ".tls." in word] == ["--providers.etcd.tls.ca=/etc/ca.pem"]


@pytest.mark.parametrize("root_key", ["/simplecloud/default/proxy", "simplecloud/default/proxy/"])
def test_a_root_key_that_the_proxy_would_misread_is_refused(root_key: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        arguments(root_key=root_key)
