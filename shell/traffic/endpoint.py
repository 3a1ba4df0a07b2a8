"""Where an app answers: through the proxy, by the host and path of its first http route."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from manager.api.cite import cited
from manager.api.errors import AppNotFound, CloudError
from shell.client import Ask
from shell.text.document import Document, words


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The proxy's address, and what to ask it for: the Host header and what paths begin with."""

    host: str
    port: int
    host_header: str
    prefix: str

    def path_of(self, asked: str) -> str:
        """Return the path of a request, what cannot stand in one written as %XX."""
        return quote(self.prefix + asked, safe="/?&=%:@,;+~!$'()*")


def endpoint_of(ask: Ask, app: str) -> Endpoint:
    """Return where the app answers http; raises CloudError when it has no http route."""
    return endpoint(app_item(ask, app), ask("status", {}))


def app_item(ask: Ask, app: str) -> Document:
    """Return the item of an app in the listing; raises AppNotFound."""
    match ask("apps", {"app": [app]}):
        case {"items": [dict(item), *_]}:
            return item
        case _:
            raise AppNotFound(f"no app is named {cited(app)}", hint="apps", word=app)


def http_url(app: Document) -> str | None:
    """Return the first of an app's http addresses."""
    return next((url for url in words(app.get("urls")) if url.startswith("http:")), None)


def _hint_for_route(app: Document) -> str:
    """Return the command that gives an app an http route, or shows the tcp one that it has."""
    name = app.get("name")
    if app.get("urls"):
        return f"routes {name}"
    note = str(app.get("note", ""))  # where it was seen to listen, it tells how
    told = note.partition("has no route: ")[2].partition("    (")[0]
    return told if told.startswith(f"update {name} -p ") else f"update {name} -p 8000"


def endpoint(app: Document, status: Document) -> Endpoint:
    """Return where an app answers http, from its item and the cloud's status."""
    found = http_url(app)
    if found is None:
        name = str(app.get("name"))
        told = f"{name} has a tcp route, and no http one" if app.get("urls") else f"{name} has no http route"
        raise CloudError(told, hint=_hint_for_route(app), word=name)
    # asked at the proxy's address: not every resolver knows NAME.localhost
    match status:
        case {"proxy": {"url": str(url)}}:
            proxy, route = urlsplit(url), urlsplit(found)
        case _:
            raise CloudError("status does not say where the proxy is", hint="status")
    return Endpoint(proxy.hostname or "127.0.0.1", proxy.port or 80, route.netloc, route.path.rstrip("/"))
