"""One call of etcd's JSON gateway, for what the client library does not do or does not tell."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping

from manager.api.errors import StoreUnavailable
from manager.store.values import Tls

ANSWER_S = 2.0


def ask(
    endpoint: str,
    tls: Tls | None,
    path: str,
    body: Mapping[str, object],
    *,
    within_s: float = ANSWER_S,
    tolerant: bool = False,
) -> object:
    """Return the member's answer; tolerant: a refusal is one too (compacting twice is refused).

    path: without the version, as in "kv/range".  Raises StoreUnavailable.
    """
    connection = _connection(endpoint, tls, within_s)
    try:
        connection.request("POST", f"/v3/{path}", json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK and not tolerant:
            refusal = text.decode(errors="replace")
            raise StoreUnavailable(f"etcd at {endpoint} refuses {path}: {refusal}", hint="status")
        found: object = json.loads(text)
        return found
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise StoreUnavailable(f"etcd at {endpoint} does not answer: {error}", hint="status") from error
    finally:
        connection.close()


def _connection(endpoint: str, tls: Tls | None, within_s: float) -> http.client.HTTPConnection:
    if tls is None:
        return http.client.HTTPConnection(endpoint, timeout=within_s)
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    return http.client.HTTPSConnection(endpoint, timeout=within_s, context=context)
