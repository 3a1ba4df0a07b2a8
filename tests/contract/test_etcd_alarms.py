"""etcd's alarm of a full store is told, and taken back once there is room again."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.errors import StoreUnavailable
from manager.store import EtcdStore
from manager.store.alarms import alarms, disarm, make_room
from tests.contract.etcd_server import PATIENT_S, etcd_servers

QUOTA_BYTES = 2**20
PIECE = "x" * 100_000


def fill(store: EtcdStore) -> None:
    """Write old revisions of one key until etcd refuses: what compaction takes away."""
    for _ in range(100):
        store.write({"key": PIECE})


def test_a_store_that_used_up_its_quota_takes_writes_again_after_its_alarm(tmp_path: Path) -> None:
    with etcd_servers(1, tmp_path, f"--quota-backend-bytes={QUOTA_BYTES}") as servers:
        endpoint = servers.endpoints[0]
        store = EtcdStore(servers.endpoints, "test/", timeout_s=PATIENT_S)
        assert alarms(endpoint) == []
        with pytest.raises(StoreUnavailable, match="space exceeded"):
            fill(store)

        raised = alarms(endpoint)
        make_room(endpoint)
        for alarm in raised:
            disarm(endpoint, alarm)
        revision = store.write({"key": "small"})
        store.close()

        assert [alarm.kind for alarm in raised] == ["NOSPACE"]
        assert revision > 0
        assert alarms(endpoint) == []


def test_a_store_that_used_up_its_quota_grants_no_lease_and_keeps_those_there_are(tmp_path: Path) -> None:
    with etcd_servers(1, tmp_path, f"--quota-backend-bytes={QUOTA_BYTES}") as servers:
        store = EtcdStore(servers.endpoints, "test/", timeout_s=PATIENT_S)
        lease = store.grant(3600)
        store.write({"leader": "one"}, lease=lease)
        with pytest.raises(StoreUnavailable, match="space exceeded"):
            fill(store)

        with pytest.raises(StoreUnavailable, match="space exceeded"):
            store.grant(3600)
        assert store.refresh(lease)
        assert store.read("leader").entries.keys() == {"leader"}
        store.write({}, ["leader"])
        store.close()


def test_an_etcd_that_is_away_is_told() -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        alarms("127.0.0.1:1")
