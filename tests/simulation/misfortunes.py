"""What the world may do to a cloud, behind the manager's back."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from manager.state.model import WorkerKey, container_name
from tests.simulation.cloud import Cloud
from tests.simulation.manager import CLOUD, TAG

HOUR_S = 3600.0


def crash(cloud: Cloud, key: WorkerKey) -> None:
    """The worker's program is killed."""
    cloud.engine.end(container_name(CLOUD, key), 137)


def vanish(cloud: Cloud, key: WorkerKey) -> None:
    """Somebody removed the container by hand."""
    cloud.engine.vanish(container_name(CLOUD, key))


def misname(cloud: Cloud, key: WorkerKey) -> None:
    """Somebody renamed the container by hand."""
    cloud.engine.misname(container_name(CLOUD, key))


def hang(cloud: Cloud, key: WorkerKey) -> None:
    """The worker accepts connections and answers no more."""
    cloud.judge.silent.add(cloud.engine.all()[key].id)
    cloud.judge.harm(key)


def cut(cloud: Cloud, key: WorkerKey) -> None:
    """Somebody deleted the worker's link by hand."""
    cloud.network.cut(key.port_name(TAG))
    cloud.judge.harm(key)


def wake(cloud: Cloud, key: WorkerKey) -> None:
    """Somebody unpaused the worker by hand."""
    cloud.engine.wake(container_name(CLOUD, key))


def lose_bridge(cloud: Cloud) -> None:
    """Somebody deleted the bridge by hand."""
    cloud.network.lose_bridge()
    cloud.harm_all()


def lose_proxy(cloud: Cloud, for_s: float) -> None:
    """The proxy's process dies and is there again after a while."""
    cloud.harm_all()
    cloud.proxy.die()
    cloud.later(for_s, cloud.proxy.come_back)


def mute_proxy(cloud: Cloud, for_s: float) -> None:
    """The proxy serves, and its API does not answer for a while."""
    cloud.proxy.mute = True
    cloud.later(for_s, lambda: setattr(cloud.proxy, "mute", False))


def lose_store(cloud: Cloud, for_s: float) -> None:
    """The store answers nobody for a while."""
    cloud.store.away = True
    cloud.later(for_s, lambda: setattr(cloud.store, "away", False))


def lose_docker(cloud: Cloud, for_s: float) -> None:
    """Docker answers nobody for a while; the workers run on."""
    cloud.engine.away = True
    cloud.later(for_s, lambda: setattr(cloud.engine, "away", False))


def set_clock(cloud: Cloud, by_s: float) -> None:
    """Somebody set the time of day."""
    cloud.clock.ahead_s += by_s


TO_A_WORKER: tuple[Callable[[Cloud, WorkerKey], None], ...] = (crash, crash, vanish, hang, cut, wake)
FOR_A_WHILE: tuple[Callable[[Cloud, float], None], ...] = (lose_proxy, mute_proxy, lose_store, lose_docker)


def befall(cloud: Cloud, app: str, luck: Random) -> None:
    """Something happens: most often to a worker of the app."""
    workers = [key for key, container in cloud.engine.all().items() if container.pid and key.app == app]
    drawn = luck.random()
    if workers and drawn < 0.6:
        luck.choice(TO_A_WORKER)(cloud, luck.choice(workers))
    elif drawn < 0.9:
        luck.choice(FOR_A_WHILE)(cloud, luck.choice((0.2, 1.0, 5.0)))
    elif drawn < 0.95:
        lose_bridge(cloud)
    elif drawn < 0.975:
        cloud.kill_manager()
    else:
        set_clock(cloud, luck.choice((HOUR_S, -HOUR_S)))
