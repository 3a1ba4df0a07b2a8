"""Several apps on a full host."""

from __future__ import annotations

from dataclasses import replace

from balancer.choose import Cost
from balancer.share import Claim, claim_by_use, claim_of, cut_to_share, share
from tests.autoscale.observations import Operator, seen, taught


def claim(app: str, wanted: int, worth: float, load_cores: float = 100.0, now: int = 1) -> Claim:
    """Return the claim of an app each of whose workers, of a core, saves `worth` less than the one before."""
    costs = tuple(Cost(n, worth * (20.0 - n) ** 2, 0.0, 0.0) for n in range(1, 16))
    return Claim(app, now, 1, wanted, 1.0, load_cores, costs)


def test_a_host_with_room_gives_all_what_they_want() -> None:
    assert share([claim("a", 3, 1.0), claim("b", 2, 1.0)], 8.0) == {"a": 3, "b": 2}


def test_a_full_host_gives_each_next_worker_where_it_saves_most() -> None:
    granted = share([claim("a", 9, 5.0), claim("b", 9, 1.0)], 8.0)

    assert granted["a"] > granted["b"] >= 1
    assert sum(granted.values()) == 8


def test_every_app_keeps_its_least() -> None:
    assert share([claim("a", 9, 5.0), claim("b", 9, 0.0)], 1.0) == {"a": 1, "b": 1}


def test_workers_that_only_divide_the_same_load_take_no_cores() -> None:
    assert share([claim("a", 4, 1.0, load_cores=0.5), claim("b", 3, 1.0)], 3.5) == {"a": 4, "b": 3}


def test_workers_that_hardly_use_cpu_are_cut_for_nobody() -> None:
    modest = replace(claim("a", 9, 1.0), full_cores=0.01, modest=True)

    assert share([modest, claim("b", 3, 5.0)], 2.0) == {"a": 9, "b": 2}


def test_of_equals_the_one_that_is_there_stays() -> None:
    granted = share([claim("a", 4, 1.0, now=1), claim("b", 4, 1.0, now=4)], 5.0)

    assert granted == {"a": 2, "b": 3}


def test_an_order_of_apps_changes_nothing_that_matters() -> None:
    claims = [claim("a", 9, 5.0), claim("b", 9, 1.0)]

    assert share(claims, 7.0) == share(claims[::-1], 7.0)


def test_a_decision_is_cut_to_its_share_and_says_so() -> None:
    operator = taught()
    before = operator.memory
    decision = operator.sees(seen(200.0, 4))

    cut, _ = cut_to_share(decision, operator.memory, before, 4)

    assert cut.final == 4
    assert cut.limits[-1].name == "share"
    assert "share of a full host" in cut.reason
    assert cut_to_share(decision, operator.memory, before, decision.final)[0] is decision


def test_a_decision_with_a_model_makes_a_claim() -> None:
    decision = taught().sees(seen(200.0, 4))

    made = claim_of("web", decision, least=1)

    assert made is not None
    assert made.wanted == decision.final
    assert {cost.workers for cost in made.costs} >= set(range(1, made.wanted + 1))


def test_a_claim_is_modest_where_full_workers_hardly_use_what_they_may() -> None:
    decision = taught().sees(seen(80.0, 4))
    waiting = replace(decision, model=replace(decision.model, requests_per_replica_rps=2.0))

    made = [claim_of("web", each, least=1) for each in (decision, waiting)]

    assert [each.modest for each in made if each] == [False, True]


def test_a_decision_by_rule_makes_none() -> None:
    assert claim_of("web", Operator().sees(seen(80.0, 4)), least=1) is None


def test_without_a_model_each_worker_takes_what_one_uses_now() -> None:
    made = claim_by_use("web", Operator().sees(seen(80.0, 4)), least=1, used_cores=2.0)

    assert (made.wanted, made.full_cores) == (4, 0.5)
    assert share([made], 1.1) == {"web": 3}
