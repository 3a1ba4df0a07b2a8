"""A worker's port on the bridge: what its record says that may pass there; pure."""

from __future__ import annotations

from manager.model import WorkerRecord
from netsetup.port import Port


def port_of(tag: str, record: WorkerRecord) -> Port:
    """Return the port that the worker shall have on the bridge of the cloud with this tag."""
    return Port(record.key.port_name(tag), record.address, record.number, egress=record.egress)
