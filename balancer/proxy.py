"""The proxy's command line: what cannot change while it runs.

fastProxy (+24 % requests/s) stays off: it is experimental, adds words of its own to an answer that a worker
breaks off (traefik/traefik#13568), and lost more requests to a frozen worker. There is no limit on an answer:
an app may think for as long as its client waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HTTP_ENTRY = "http"  # the entry point of all apps of http
API_ENTRY = "traefik"  # that of the proxy's own API
THROTTLE_MS = 50
UPLOAD_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """Paths of the files that the proxy uses towards an etcd of the operator's own."""

    ca: str
    cert: str = ""
    key: str = ""


def static_arguments(
    *,
    root_key: str,
    etcd_endpoints: Sequence[str],
    http_bind: str,
    tcp_binds: Mapping[str, str],
    api_bind: str,
    buckets_s: Sequence[float],
    etcd_tls: EtcdTls | None = None,
) -> tuple[str, ...]:
    """Return the proxy's command line.

    Binds and endpoints are `ADDRESS:PORT`; api_bind must be on loopback, for the API has no password.
    Raises ValueError for a root key that the proxy's etcd client would silently cut (a leading slash).
    """
    if root_key.startswith("/") or root_key.endswith("/"):
        raise ValueError(f"the root key {root_key!r} starts or ends with a slash")
    binds = {HTTP_ENTRY: http_bind, **tcp_binds, API_ENTRY: api_bind}
    return (
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=WARN",
        "--log.nocolor=true",
        "--ping=true",
        "--api.insecure=true",
        "--api.dashboard=false",
        *(f"--entrypoints.{name}.address={bind}" for name, bind in binds.items()),
        # X_Forwarded_For reads like the proxy's own header to many backends: as nginx does, names with
        # an underscore or a dot are not passed on
        *(f"--entrypoints.{name}.http.aliasheadersstrategy=delete" for name in binds),
        f"--entrypoints.{HTTP_ENTRY}.transport.respondingtimeouts.readtimeout={UPLOAD_LIMIT_S}s",
        f"--providers.providersthrottleduration={THROTTLE_MS}ms",
        "--providers.etcd=true",
        f"--providers.etcd.endpoints={','.join(etcd_endpoints)}",
        f"--providers.etcd.rootkey={root_key}",
        *_tls_arguments(etcd_tls),
        "--metrics.prometheus=true",
        "--metrics.prometheus.addentrypointslabels=false",
        "--metrics.prometheus.addrouterslabels=true",
        "--metrics.prometheus.addserviceslabels=true",
        f"--metrics.prometheus.buckets={','.join(f'{edge:g}' for edge in sorted(buckets_s))}",
    )


def _tls_arguments(tls: EtcdTls | None) -> tuple[str, ...]:
    if tls is None:
        return ()
    files = {"ca": tls.ca, "cert": tls.cert, "key": tls.key}
    return tuple(f"--providers.etcd.tls.{name}={path}" for name, path in files.items() if path)
