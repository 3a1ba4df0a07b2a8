"""What the store in etcd does when members die, freeze, lose answers or history."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from manager.api.errors import Conflict, NotConfirmed, SetupFailed, StoreUnavailable
from manager.store import EtcdStore, Fenced, Tls, claim, seize
from tests.contract.deaf_line import DeafLine, Loss
from tests.contract.etcd_server import PATIENT_S, EtcdServers, etcd_servers
from tests.eventually import eventually

ROOT = "/simplecloud/faults/"
CERTIFICATES = Path(__file__).parent / "certificates"
AN_ELECTION_S = 15
LOST_S = 2.0  # for an answer that may be lost

T = TypeVar("T")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[EtcdServers]:
    with etcd_servers(1, tmp_path) as servers:
        yield servers


@pytest.fixture
def three(tmp_path: Path) -> Iterator[EtcdServers]:
    with etcd_servers(3, tmp_path) as servers:
        yield servers


@contextmanager
def opened(
    endpoints: list[str], *, timeout_s: float = PATIENT_S, max_ops: int = 128, tls: Tls | None = None
) -> Iterator[EtcdStore]:
    """Give a store whose cluster has answered."""
    with closing(EtcdStore(endpoints, ROOT, tls=tls, timeout_s=timeout_s, max_ops=max_ops)) as store:
        answer(lambda: store.read(""))
        yield store


def answer(call: Callable[[], T]) -> T:
    """Return what the store answers, asked until it does: busy members are silent at times."""

    def answers() -> list[T]:
        try:
            return [call()]
        except StoreUnavailable:
            return []

    return eventually(answers, within_s=AN_ELECTION_S, what="an answer of etcd")[0]


def value(store: EtcdStore, key: str) -> str | None:
    entry = answer(lambda: store.read(key)).entries.get(key)
    return entry.value if entry else None


def told_of(write: Callable[[], object]) -> StoreUnavailable | None:
    """Return the error of a write that was sent, None when etcd was silent before it could be."""
    with pytest.raises(StoreUnavailable) as raised:
        write()
    return None if "not sent" in raised.value.message else raised.value


def test_a_write_larger_than_a_transaction_is_written_in_parts(one: EtcdServers) -> None:
    with opened(one.endpoints) as store:
        fence = claim(store, "manager", "me", store.grant(60))
        puts = {f"workers/{number}": str(number) for number in range(300)}

        revision = store.write(puts, fence=fence, absent=puts)

        snapshot = store.read("workers/")
        assert snapshot.revision == revision
        assert {key: entry.value for key, entry in snapshot.entries.items()} == puts
        seize(store, fence, "other", store.grant(60))
        with pytest.raises(Fenced):
            store.write({}, puts, fence=fence)


def test_a_write_that_etcd_refuses_is_not_applied(one: EtcdServers) -> None:
    with opened(one.endpoints, max_ops=10_000) as store:
        with pytest.raises(StoreUnavailable, match=r"etcd refuses: .*too many operations") as raised:
            store.write({str(number): "" for number in range(200)})

        assert not isinstance(raised.value, NotConfirmed)
        assert store.read("").entries == {}
        assert store.available


@pytest.mark.parametrize("loss", Loss)
def test_a_write_without_an_answer_is_not_confirmed_and_may_be_applied(one: EtcdServers, loss: Loss) -> None:
    with (
        opened(one.endpoints) as direct,
        closing(DeafLine(one.endpoints[0], b"unlucky", loss)) as line,
        opened([line.endpoint], timeout_s=1) as store,
    ):
        puts = {"apps/web": "unlucky"}
        told = eventually(
            lambda: told_of(lambda: store.write(puts, absent=puts)), what="a write that is sent"
        )
        assert isinstance(told, NotConfirmed)
        assert "it may still be applied" in told.message

        eventually(lambda: value(direct, "apps/web") == "unlucky", what="the write")
        with pytest.raises(Conflict):
            direct.write(puts, absent=puts)


def test_a_write_to_a_dead_etcd_is_refused_unsent_and_then_at_once(one: EtcdServers) -> None:
    with opened(one.endpoints, timeout_s=0.5) as store:
        one.kill(0)

        with pytest.raises(StoreUnavailable, match="not sent, nothing was changed"):
            store.write({"a": "1"})
        assert not store.available
        took_s = []
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="not sent, nothing was changed"):
                store.write({"a": "1"})
            took_s.append(time.monotonic() - began)
        assert min(took_s) < 0.3, "each was waited for"  # as the first, until its time-out

        one.restart(0)
        answer(lambda: store.write({"a": "2"}))
        assert value(store, "a") == "2"


def test_a_write_to_a_frozen_etcd_is_never_applied_later(one: EtcdServers) -> None:
    with opened(one.endpoints, timeout_s=0.5) as store:
        answer(lambda: store.write({"a": "1"}))
        one.freeze(0)

        with pytest.raises(StoreUnavailable, match="not sent, nothing was changed"):
            store.write({"a": "2"})
        assert [member.healthy for member in store.members()] == [False]

        one.thaw(0)
        assert value(store, "a") == "1"
        assert store.available


@pytest.mark.parametrize("loss", ["kill", "freeze"])
@pytest.mark.parametrize("role", ["leader", "follower"])
def test_the_loss_of_one_member_of_three_is_survived(three: EtcdServers, role: str, loss: str) -> None:
    leader = three.leader()
    victim = leader if role == "leader" else (leader + 1) % 3
    # The victim comes first, so that it is the one in use.
    endpoints = three.endpoints[victim:] + three.endpoints[:victim]
    with opened(endpoints, timeout_s=LOST_S) as store:
        answer(lambda: store.write({"a": "1"}))

        three.kill(victim) if loss == "kill" else three.freeze(victim)

        answer(lambda: store.write({"a": "2"}))
        assert value(store, "a") == "2"
        eventually(
            lambda: [member.healthy for member in store.members()] == [False, True, True],
            what="that the two that are left are well",
        )


def test_nothing_is_written_without_a_quorum(three: EtcdServers) -> None:
    survivor = three.leader()
    with opened(three.endpoints, timeout_s=LOST_S) as store:
        answer(lambda: store.write({"a": "1"}))
        for member in {0, 1, 2} - {survivor}:
            three.kill(member)

        with pytest.raises(StoreUnavailable, match="not sent, nothing was changed"):
            store.write({"a": "2"})

        for member in {0, 1, 2} - {survivor}:
            three.restart(member)
        assert value(store, "a") == "1"


def test_a_leader_key_outlives_the_leader_member_of_etcd(three: EtcdServers) -> None:
    leader = three.leader()
    with opened(three.endpoints, timeout_s=LOST_S) as store:
        lease = answer(lambda: store.grant(10))
        fence = answer(lambda: claim(store, "manager", "me", lease))

        three.kill(leader)

        assert answer(lambda: store.refresh(lease))
        answer(lambda: store.write({"targets/web": "3"}, fence=fence))


def test_roots_do_not_see_each_other(one: EtcdServers) -> None:
    with opened(one.endpoints) as store:
        beside = EtcdStore(one.endpoints, "/simplecloud/faults2/")
        beside.write({"a": "theirs"})

        store.write({"a": "mine"})
        store.delete_prefix("")

        assert value(beside, "a") == "theirs"
        beside.close()


def test_an_etcd_behind_tls_is_reached_with_the_certificates(tmp_path: Path) -> None:
    certificate, key = str(CERTIFICATES / "etcd.pem"), str(CERTIFICATES / "etcd.key")
    options = ["--cert-file", certificate, "--key-file", key]
    options += ["--client-cert-auth", "--trusted-ca-file", certificate]
    with etcd_servers(1, tmp_path, *options) as servers:
        with opened(servers.endpoints, tls=Tls(certificate, certificate, key)) as store:
            store.write({"a": "1"})
            assert value(store, "a") == "1"

        for tls in (None, Tls(certificate)):
            stranger = EtcdStore(servers.endpoints, ROOT, tls=tls, timeout_s=0.5)
            with pytest.raises(StoreUnavailable):
                stranger.read("")
            stranger.close()


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match=r"cannot read .*missing\.pem: No such file"):
        EtcdStore(["127.0.0.1:2379"], ROOT, tls=Tls(str(tmp_path / "missing.pem")))
