"""The keys of the live view: the command behind each, and what it makes of the view. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from manager.api.listings import LISTINGS
from shell.live.view import Seen, View, app_of, shown_apps, shown_workers, worker_of
from shell.text.glyphs import columns, cut, mark
from shell.text.styled import Line, line

_SORTS = ("", "rate_rps", "p95_s", "cpu_cores")
HELP_PAGE = ("keys",)
_PAGE = 10
_GAP = "   "


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the view. command: what a person would type for it.  shown: its name in the footer."""

    name: str
    command: tuple[str, ...]
    does: str
    shown: str


# What a narrow footer shows first.
KEYS = (
    Key("enter", ("watch", "APP"), "its workers and its last events", "enter"),
    Key("+", ("scale", "APP", "+1"), "one worker more", "+/-"),
    Key("-", ("scale", "APP", "-1"), "one worker fewer", ""),
    Key("l", ("logs", "TARGET"), "what an app's workers, or one, print", "l"),
    Key("e", ("explain", "APP"), "why it has as many workers", "e"),
)
_OTHERS: Mapping[str, str] = {
    "j, k, arrows": "choose; scroll; page up, page down",
    "s": "sort by name, requests, p95, cpu",
    "/": "filter names; enter ends the typing",
    "space": "pause, and go on",
    "?, h": "these keys, and back",
    "q, Esc": "back; outside an app: to the shell",
    "F2, ^C, ^D": "to the shell",
}
_CHOOSING = ("s sort", "/ filter", "space pause")  # where the footer has room for them
HELP = (*((f"{key.name:<7}{' '.join(key.command)}", key.does) for key in KEYS), *_OTHERS.items())


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a key leads to: the view after it, a command to carry out, or the end."""

    view: View
    order: tuple[str, ...] = ()
    leaves: bool = False


def pressed(key: str, view: View, seen: Seen) -> Pressed:
    """Return what a key does: a character, or enter, escape, backspace, up, down, pageup, pagedown."""
    if view.typing:
        return Pressed(_typed(key, view))
    view = replace(view, said="", well=True)
    match key:
        case "j" | "down":
            return Pressed(_moved(view, seen, 1))
        case "k" | "up":
            return Pressed(_moved(view, seen, -1))
        case "pagedown" | "pageup":
            return Pressed(_moved(view, seen, _PAGE if key == "pagedown" else -_PAGE))
        case "s":
            order = _SORTS[(_SORTS.index(view.sort) + 1) % len(_SORTS)]
            return Pressed(replace(view, sort=order))
        case "/":
            return Pressed(replace(view, typing=True))
        case " ":
            return Pressed(replace(view, paused=not view.paused))
        case "?" | "h" | "f1":
            page = () if view.page == HELP_PAGE else HELP_PAGE
            return Pressed(replace(view, page=page, scroll=0))
        case "q" | "escape":
            return _back(view)
        case _:
            return _commanded(key, view, seen)


def _typed(key: str, view: View) -> View:
    match key:
        case "enter":
            return replace(view, typing=False)
        case "escape":
            return replace(view, typing=False, filter="")
        case "backspace":
            return replace(view, filter=view.filter[:-1])
        case _:
            typed = len(key) == 1 and key.isprintable()
            return replace(view, filter=view.filter + key) if typed else view


def _moved(view: View, seen: Seen, step: int) -> View:
    """Return the view with the cursor, or the page, moved and kept on what there is."""
    if view.page:
        last = max(len(HELP if view.page == HELP_PAGE else seen.page) - 1, 0)
        ends = (-last, 0) if view.page[0] == "logs" else (0, last)
        return replace(view, scroll=min(max(view.scroll + step, ends[0]), ends[1]))
    rows = shown_workers(seen, view) if view.app else shown_apps(seen, view)
    names = [str(row.get("name")) for row in rows]
    if not names:
        return view
    now = worker_of(seen, view) if view.app else app_of(seen, view)
    name = names[min(max(names.index(now) + step, 0), len(names) - 1)]
    return replace(view, worker=name) if view.app else replace(view, chosen=name)


def _header(field: str) -> str:
    headers = {column.field: column.header.lower() for column in LISTINGS["AppList"].columns}
    return headers.get(field, "name")


def _back(view: View) -> Pressed:
    """Leave the page, else take the filter away, else leave the app, else all."""
    if view.page:
        return Pressed(replace(view, page=(), scroll=0))
    if view.filter:
        return Pressed(replace(view, filter=""))
    if view.app:
        return Pressed(replace(view, app="", chosen=view.app, worker=""))
    return Pressed(view, leaves=True)


def _commanded(name: str, view: View, seen: Seen) -> Pressed:
    key = next((key for key in KEYS if key.name == name), None)
    command = command_of(key, view, seen) if key is not None else ()
    match command:
        case ():
            return Pressed(view)
        case ("watch", app):
            return Pressed(view if view.app or view.page else replace(view, app=app, filter=""))
        case ("scale", *_):
            return Pressed(replace(view, said=" ".join(command)), order=command)
        case _:
            return Pressed(replace(view, page=command, scroll=0))


def command_of(key: Key, view: View, seen: Seen) -> tuple[str, ...]:
    """Return the command behind a key for what is under the cursor; none where nothing is."""
    app = app_of(seen, view)
    target = worker_of(seen, view) or app
    return tuple({"APP": app, "TARGET": target}.get(word, word) for word in key.command) if app else ()


def explained(shown: str, does: str, width: int) -> list[Line]:
    """Return a key and what it does: in a line where that fits, else the latter below."""
    whole = f"{shown:<21}{does}"
    return [line(whole)] if len(whole) <= width else [line(shown), line(f"  {does}")]


def footer(view: View, seen: Seen, width: int, *, utf8: bool = True) -> Line:
    """Return the last line: what was said, what is being typed, or what the keys do, as many as fit."""
    if view.typing:
        return line(cut(f"filter: {view.filter}_{_GAP}enter keeps it{_GAP}Esc drops it", width, mark(utf8)))
    if view.said:
        return line(cut(view.said, width, mark(utf8)), "" if view.well else "bad")
    chosen = _chosen(view)
    return line(chosen + _keys(view, seen, width - columns(chosen)), "dim")


def _of_use(view: View, seen: Seen) -> list[Key]:
    """Return the keys that do something to what is under the cursor, as the footer shows them."""
    app = app_of(seen, view)
    idle = {"enter"} if view.app or view.page else set()
    idle |= {key.name for key in KEYS if not key.shown or not app}
    idle |= {"e"} if app not in seen.decisions else set()
    return [key for key in KEYS if key.name not in idle]


def _chosen(view: View) -> str:
    """Return what the person chose that lasts."""
    told = ["PAUSED"] if view.paused else []
    told += [f"filter {view.filter}"] if view.filter else []
    told += [f"sorted by {_header(view.sort)}"] if view.sort else []
    return "".join(part + _GAP for part in told)


def _keys(view: View, seen: Seen, room: int) -> str:
    last = f"? help{_GAP}q {'back' if view.page or view.app or view.filter else 'quit'}"
    told = [f"{key.shown} {' '.join(command_of(key, view, seen))}" for key in _of_use(view, seen)]
    told += _CHOOSING if seen.apps and not view.page else ()
    while told and columns(_GAP.join([*told, last])) > room:
        told.pop()
    return cut(_GAP.join([*told, last]), max(room, 0), "")
