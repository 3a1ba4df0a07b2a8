"""What has passed through a port of the bridge, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PortTraffic:
    """Bytes as the far end sees them: what it received is what our end has sent."""

    received_bytes: int
    sent_bytes: int


def port_traffic(name: str, *, links: str = "/sys/class/net") -> PortTraffic | None:
    """Return the traffic of the link's far end since the link was made, None when there is no such link."""
    statistics = Path(links) / name / "statistics"
    try:
        received, sent = ((statistics / file).read_text() for file in ("tx_bytes", "rx_bytes"))
    except OSError:
        return None
    return PortTraffic(int(received), int(sent))
