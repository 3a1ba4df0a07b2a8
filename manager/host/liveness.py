"""Whether a cloud is up, or gets so: a manager answers on the socket, the proxy serves its own route.

A manager that is there and does not answer is ended here, too.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from balancer.cloud_keys import SENTINEL_HOST
from manager.api import wire
from manager.api.errors import CloudError, SetupFailed
from manager.api.places import Places
from manager.host.keeper import MANAGERS
from manager.host.processes import end, is_stopped, processes_of
from manager.host.settings import Settings
from manager.observe.ask import status_of
from manager.state.ending import HOPELESS
from manager.state.records import ALL

ANSWER_S = 2.0
REPAIR_S = 15.0
STATUS_S = 10.0  # it asks members, Docker and the proxy, each of which may be silent for two seconds
SELF_MENDING_S = 5.0
SLOW_S = 10.0  # on a full machine a manager that is well may take seconds to answer, or to begin to
POLL_S = 0.05
NOTHING: Mapping[str, object] = {}
NO_VERB = "ping"  # no manager has this verb, and to say so it needs neither Docker nor etcd

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen], within_s: float, is_well: Callable[[Seen], bool] = bool) -> Seen:
    """Return what is seen, as soon as it is well or once the time is over."""
    ends_at = time.monotonic() + within_s
    while not is_well(seen := look()) and time.monotonic() < ends_at:
        time.sleep(POLL_S)
    return seen


def proxy_answers(settings: Settings) -> bool:
    """Return whether a request passes entry point, routes from etcd, and the proxy's own ping."""
    return status_of(settings.bind, settings.http_port, SENTINEL_HOST, "/ping") == HTTPStatus.OK


def is_up(places: Places, within_s: float = ANSWER_S) -> bool:
    """Return whether a manager of the cloud answers within a moment, whatever Docker and etcd do."""
    return _answer(places, NO_VERB, NOTHING, within_s) is not None


def has_standby(places: Places) -> bool:
    """Return whether a manager answers and another would: one that a signal has stopped would not."""
    going = [pid for pid in processes_of(places, "manager") if not is_stopped(pid)]
    return len(going) >= MANAGERS and is_up(places)


def end_stuck(places: Places) -> list[int]:
    """No process of the cloud is stopped by a signal, and no manager is there without one that answers.

    Returns whom it killed; workers go on, and a keeper starts managers again.
    """
    going = not all(map(is_stopped, processes_of(places, "manager")))
    answers = going and eventually(partial(is_up, places, SLOW_S), SLOW_S)
    keepers, managers = processes_of(places, "keeper"), processes_of(places, "manager")
    stuck = [*filter(is_stopped, keepers), *(filter(is_stopped, managers) if answers else managers)]
    end(stuck, by=signal.SIGKILL)
    return stuck


def _ask(
    places: Places, method: str, params: Mapping[str, object] = NOTHING, *, within_s: float = ANSWER_S
) -> Mapping[str, object] | None:
    """Return what the method returns, None when it fails or no manager answers in time."""
    line = _answer(places, method, params, within_s)
    try:
        return wire.answer_of(line) if line is not None else None
    except CloudError:
        return None


def _answer(places: Places, method: str, params: Mapping[str, object], within_s: float) -> bytes | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(within_s)
        try:
            sock.connect(str(places.socket))
            wire.send(sock, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            return wire.Lines(sock).read()
        except (OSError, CloudError):
            return None


def late_apps(places: Places, within_s: float) -> list[str]:
    """Return the apps with a worker that is still to come when the time is over; none as soon as all are.

    Raises SetupFailed when the cloud is taken down meanwhile, or no manager tells of its apps in the end.
    """
    ends_at = time.monotonic() + within_s
    while (late := unsettled_apps(places)) != [] and time.monotonic() < ends_at:
        if late is None and not places.run.exists():
            raise SetupFailed("the cloud was taken down meanwhile", hint="simplecloud up")
        time.sleep(POLL_S)
    if late is None:
        raise SetupFailed("no manager tells of the apps", hint="simplecloud doctor")
    return late


def network_is_intact(places: Places, within_s: float = SELF_MENDING_S) -> bool | None:
    """Return whether bridge and rules are as the leading manager made them; None where none tells.

    It has the time to mend them by itself: one that has just begun to lead knows no rules before its first
    pass.
    """
    return eventually(lambda: _intact_now(places), within_s, lambda intact: intact is not False)


def is_led(places: Places) -> bool:
    """Return whether the manager that answers leads and has begun to: the network is as it makes it.

    It knows no rules before its first pass. In a frozen cloud it mends none, and is not waited for.
    """
    match _ask(places, "status", within_s=STATUS_S):
        case {"manager": {"role": "leader"}, "network": {"intact": bool(intact)}, "frozen": [*names]}:
            return intact or ALL in names
    return False


def _intact_now(places: Places) -> bool | None:
    status = _ask(places, "status", within_s=STATUS_S)
    network = status.get("network") if status is not None else None
    return bool(network.get("intact")) if isinstance(network, dict) else None


def repair_network(places: Places) -> str:
    """The bridge and the rules are as they shall be.  Raises SetupFailed."""
    if _ask(places, "net", {"repair": True}, within_s=REPAIR_S) is None:
        raise SetupFailed("no manager repaired the network", hint="simplecloud net --repair")
    return "network repaired"


def unsettled_apps(places: Places) -> list[str] | None:
    """Return the apps with a worker that is still to come, or None when no manager answers.

    An app is settled too when it is frozen, its workers have done their work, or one does not stay up.
    """
    apps, workers = _ask(places, "apps"), _ask(places, "ps")
    if apps is None or workers is None:
        return None
    stuck = {worker["app"] for worker in _items(workers) if _is_stuck(worker)}
    behind = (app for app in _items(apps) if _has_more_to_come(app))
    return [str(app["name"]) for app in behind if app["name"] not in stuck]


def _has_more_to_come(app: Mapping[str, object]) -> bool:
    there = [count for count in (app["ready"], app.get("done")) if isinstance(count, int)]
    want = app["want"]
    return isinstance(want, int) and sum(there) < want and not app["frozen"]


def _is_stuck(worker: Mapping[str, object]) -> bool:
    restarts = worker["restarts"]
    fails = isinstance(restarts, int) and restarts >= HOPELESS
    return worker["state"] in ("failed", "unready") or (worker["state"] == "backoff" and fails)


def _items(document: Mapping[str, object]) -> list[Mapping[str, object]]:
    items = document.get("items")
    return items if isinstance(items, list) else []
