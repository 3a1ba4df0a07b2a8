"""The proxy's counters become rates that never lie: resets, gaps and garbage are seen for what they are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.observe.counters import Counters, Page, Sample, parse
from manager.observe.traffic import Traffic

PAGE = """\
# HELP traefik_service_requests_total How many HTTP requests processed on a service
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="GET",protocol="http",service="w_web_1_1@etcd"} 90
traefik_service_requests_total{code="201",method="POST",protocol="http",service="w_web_1_1@etcd"} 6
traefik_service_requests_total{code="502",method="GET",protocol="http",service="w_web_1_1@etcd"} 4
traefik_service_requests_total{code="200",method="GET",protocol="http",service="ping@internal"} 1
traefik_service_request_duration_seconds_bucket{code="200",method="GET",service="w_web_1_1@etcd",le="0.1"} 80
traefik_service_request_duration_seconds_bucket{code="200",method="GET",service="w_web_1_1@etcd",le="0.25"} 90
traefik_service_request_duration_seconds_bucket{code="200",method="GET",service="w_web_1_1@etcd",le="+Inf"} 90
traefik_service_request_duration_seconds_bucket{code="201",method="POST",service="w_web_1_1@etcd",le="0.1"} 6
traefik_service_request_duration_seconds_bucket{code="201",method="POST",service="w_web_1_1@etcd",le="0.25"} 6
traefik_service_request_duration_seconds_bucket{code="201",method="POST",service="w_web_1_1@etcd",le="+Inf"} 6
traefik_service_request_duration_seconds_sum{code="200",method="GET",service="w_web_1_1@etcd"} 4.5
traefik_service_request_duration_seconds_count{code="200",method="GET",service="w_web_1_1@etcd"} 90
traefik_open_connections{entrypoint="tcp9000",protocol="TCP"} 3
go_goroutines 71
"""


def sample(at: float, requests: float, errors: float = 0, *, name: str = "w_web_1_1") -> Sample:
    """Return a sample in which every request took between 0.1 and 0.2 s."""
    total = requests + errors
    buckets = {0.1: 0.0, 0.2: total, math.inf: total}
    return Sample(at, {name: Counters((0.0, requests, 0.0, 0.0, errors, 0.0), buckets)}, {})


def traffic(*samples: Sample) -> Traffic:
    traffic = Traffic()
    for each in samples:
        traffic.add(each)
    return traffic


def test_a_page_becomes_counters_of_our_services_only() -> None:
    found = parse(PAGE, at=5.0)

    assert found.at == 5.0
    assert set(found.counters) == {"w_web_1_1"}
    web = found.counters["w_web_1_1"]
    assert web.by_class == (0, 96, 0, 0, 4, 0)
    assert web.buckets == {0.1: 86, 0.25: 96, math.inf: 96}
    assert found.connections == {"tcp9000": 3}


def test_what_a_page_says_again_is_not_read_again() -> None:
    page = Page()
    first = page.read(f"go_goroutines 70\n{PAGE}", at=5.0)

    again = page.read(f"go_goroutines 71\n{PAGE}", at=6.0)
    more = page.read(f"go_goroutines 71\n{PAGE.replace('} 90', '} 91')}", at=7.0)

    assert (first.counters, again.at) == (parse(PAGE, at=5.0).counters, 6.0)
    assert again.counters is first.counters
    assert more.counters["w_web_1_1"].requests == first.counters["w_web_1_1"].requests + 1


def test_an_app_is_asked_when_something_of_it_was_counted_between_the_last_two_samples() -> None:
    assert traffic(sample(0, 0)).asked() == frozenset()
    assert traffic(sample(0, 0), sample(1, 5)).asked() == {"web"}
    assert traffic(sample(0, 0), sample(1, 5), sample(2, 5)).asked() == frozenset()


@pytest.mark.parametrize(
    "line",
    [
        'traefik_service_requests_total{code="200",service="w_web_1_1@etcd"} NaN',
        'traefik_service_requests_total{code="200",service="w_web_1_1@etcd"} -1',
        'traefik_service_requests_total{code="200",service="w_web_1_1@etcd"} +Inf',
        'traefik_service_requests_total{code="200",service="w_web_1_1@etcd"} many',
        'traefik_service_requests_total{code="0",service="w_web_1_1@etcd"} 1',
        'traefik_service_requests_total{code="200"} 1',
        'traefik_service_requests_total{code="200",serv',
        "traefik_service_requests_total",
        'traefik_service_request_duration_seconds_bucket{service="w_web_1_1@etcd",le="NaN"} 1',
        'traefik_open_connections{protocol="TCP"} 1',
    ],
)
def test_a_garbage_line_is_skipped(line: str) -> None:
    found = parse(PAGE + line + "\n", at=1.0)

    assert found.counters["w_web_1_1"] == parse(PAGE, at=1.0).counters["w_web_1_1"]


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert parse(text, at=0.0).counters == {}


def test_rates_are_over_the_window() -> None:
    seen = traffic(sample(0, 1000), sample(1, 1040, 10), sample(2, 1080, 20))

    worker = seen.picture(2.0).workers["w_web_1_1"]

    assert worker.rate_rps == 50
    assert worker.error_ratio == pytest.approx(0.2)
    assert worker.p95_s == pytest.approx(0.195)


def test_an_apps_rates_are_those_of_its_routers_together() -> None:
    def both(at: float, one: float, two: float) -> Sample:
        routers = {
            **sample(at, one, name="app_web").counters,
            **sample(at, two, name="path_web_0").counters,
        }
        return Sample(at, {**routers, **sample(at, two, name="app_web-1").counters}, {})

    picture = traffic(both(0, 0, 0), both(2, 20, 40)).picture(2.0)

    assert picture.apps["web"].rate_rps == 30
    assert picture.apps["web-1"].rate_rps == 20


def test_what_is_asked_of_an_app_is_counted_once_however_often_the_proxy_repeats_it() -> None:
    def at(at_s: float, asked: float, attempts: float) -> Sample:
        services = sample(at_s, 0, attempts).counters
        return Sample(at_s, {**services, **sample(at_s, asked, name="app_web").counters}, {})

    picture = traffic(at(0, 0, 0), at(1, 60, 335)).picture(1.0)

    assert picture.apps["web"].rate_rps == 60
    assert picture.workers["w_web_1_1"].rate_rps == 335


def test_what_a_client_gave_up_has_failed_but_is_no_error_of_the_app() -> None:
    line = 'traefik_router_requests_total{code="499",router="app_web@etcd",service="app_web@etcd"} 7\n'

    found = parse(line, at=1.0).counters["app_web"]

    assert (found.requests, found.failed, found.errors) == (7, 7, 0)


def test_the_first_sample_says_nothing_of_rates() -> None:
    assert traffic(sample(0, 5000)).picture(0.0).workers == {}


def test_a_new_worker_counts_from_its_first_request() -> None:
    seen = traffic(Sample(0, {}, {}), sample(1, 30))

    assert seen.picture(1.0).workers["w_web_1_1"].rate_rps == 30


def test_a_dropped_counter_is_a_reset_and_not_a_negative_rate() -> None:
    seen = traffic(sample(0, 1000), sample(1, 1010), sample(2, 4))

    worker = seen.picture(2.0).workers["w_web_1_1"]

    assert worker.rate_rps == 7
    assert worker.p95_s == pytest.approx(0.195)


def test_a_worker_without_requests_has_no_latency_and_no_error_ratio() -> None:
    worker = traffic(sample(0, 5), sample(1, 5)).picture(1.0).workers["w_web_1_1"]

    assert (worker.rate_rps, worker.p95_s, worker.error_ratio) == (0, None, None)


def test_what_is_older_than_the_window_takes_no_part() -> None:
    seen = traffic(sample(0, 0), sample(1, 1000), sample(11, 1010))

    assert seen.picture(11.0).workers["w_web_1_1"].rate_rps == 1


def test_stale_samples_are_known_as_such() -> None:
    picture = traffic(sample(0, 0), sample(1, 1000)).picture(60.0)

    assert picture.workers == {}
    assert picture.age_s(60.0) == 59
    assert Traffic().picture(60.0).age_s(60.0) == math.inf


def test_a_clock_that_stepped_back_starts_the_window_anew() -> None:
    seen = traffic(sample(100, 0), sample(101, 50), sample(50, 60), sample(51, 80))

    assert seen.picture(51.0).workers["w_web_1_1"].rate_rps == 20


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_no_history_gives_a_rate_that_is_not_a_number(history: list[tuple[float, int, int]]) -> None:
    seen = traffic(*(sample(at, requests, errors) for at, requests, errors in history))

    for rates in (*seen.picture(5.0).workers.values(), *seen.picture(5.0).apps.values()):
        numbers = [
            number for number in (rates.rate_rps, rates.p95_s, rates.error_ratio) if number is not None
        ]
        assert all(math.isfinite(number) and number >= 0 for number in numbers)


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({}, None),
        ({0.1: 0.0, math.inf: 0.0}, None),
        ({0.1: 100.0, math.inf: 100.0}, 0.095),
        ({0.1: 0.0, 0.3: 100.0, math.inf: 100.0}, 0.29),
        ({0.1: 50.0, 0.3: 50.0, math.inf: 100.0}, 0.3),
        ({0.1: 90.0, 0.2: 80.0, 0.3: 100.0, math.inf: 100.0}, 0.25),
    ],
    ids=["nothing", "no requests", "first bucket", "second bucket", "beyond the last edge", "not monotone"],
)
def test_a_quantile_lies_on_a_line_in_its_bucket(buckets: dict[float, float], expected: float | None) -> None:
    found = Counters(buckets=buckets).latencies.quantile_s(0.95)

    assert found == (None if expected is None else pytest.approx(expected))
