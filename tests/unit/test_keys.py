"""What the keys of the live view do, and the footer that shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.commands import command_of as row_of
from shell.language import grammar
from shell.live import keys
from shell.live.keys import KEYS, footer, pressed
from shell.live.view import Seen, View, app_of, worker_of
from shell.text import styled

SEEN = Seen(
    apps=[{"name": "api", "rate_rps": 1.0}, {"name": "web", "rate_rps": 2.0}],
    workers=[{"name": "web.1", "app": "web"}, {"name": "web.2", "app": "web"}],
    decisions={"web": {}},
)
WEB = View(chosen="web")


def after(view: View, *pressed_keys: str) -> View:
    for key in pressed_keys:
        view = pressed(key, view, SEEN).view
    return view


def foot(view: View, width: int = 80, seen: Seen = SEEN) -> str:
    return styled.text_of(footer(view, seen, width))


def test_the_cursor_stays_on_an_app() -> None:
    assert app_of(SEEN, after(View(), "k")) == "api"
    assert app_of(SEEN, after(View(), "j", "down", "j")) == "web"


def test_the_cursor_stays_on_its_app_in_another_order() -> None:
    assert app_of(SEEN, after(WEB, "s")) == "web"


def test_a_cursor_whose_app_is_gone_is_on_the_first() -> None:
    assert app_of(SEEN, View(chosen="gone")) == "api"
    assert app_of(Seen(), View(chosen="gone")) == ""


def test_enter_goes_into_an_app_and_escape_back_to_it() -> None:
    inside = after(WEB, "enter")

    assert inside.app == "web"
    assert worker_of(SEEN, after(inside, "j")) == "web.2"
    assert after(inside, "escape") == WEB


def test_q_leaves_the_page_then_the_filter_then_the_app_then_all() -> None:
    view = View(app="web", filter="2", page=("logs", "web.2"))

    assert [after(view, *"q" * count) for count in (1, 2, 3)] == [
        replace(view, page=()),
        replace(view, page=(), filter=""),
        WEB,
    ]
    assert pressed("q", WEB, SEEN).leaves


@pytest.mark.parametrize("key", ["?", "h", "f1"])
def test_a_key_that_opens_the_help_closes_it(key: str) -> None:
    opened = after(WEB, key)

    assert opened.page == keys.HELP_PAGE
    assert after(opened, key).page == ()


@pytest.mark.parametrize(("width", "lines_each"), [(80, 1), (60, 1), (40, 2)])
def test_the_help_tells_all_of_each_key_however_narrow_the_terminal(width: int, lines_each: int) -> None:
    told = [line for key in keys.HELP for line in keys.explained(*key, width)]

    assert max(map(styled.columns_of, told)) <= width
    assert len(told) <= len(keys.HELP) * lines_each


def test_plus_and_minus_order_a_scale_and_say_so() -> None:
    assert pressed("+", WEB, SEEN).order == ("scale", "web", "+1")
    assert pressed("-", WEB, SEEN).order == ("scale", "web", "-1")
    assert pressed("+", WEB, SEEN).view.said == "scale web +1"


def test_logs_are_of_the_worker_under_the_cursor_once_inside() -> None:
    assert after(WEB, "l").page == ("logs", "web")
    assert after(WEB, "enter", "j", "l").page == ("logs", "web.2")
    assert after(WEB, "e").page == ("explain", "web")


def test_what_is_typed_filters_until_enter_and_escape_takes_it_away() -> None:
    typing = after(View(), "/", "w", "q")

    assert foot(typing) == "filter: wq_   enter keeps it   Esc drops it"
    assert app_of(SEEN, after(typing, "backspace")) == "web"
    assert after(typing, "backspace", "enter") == View(filter="w")
    assert after(typing, "escape") == View()
    assert after(typing, "\t", "\x01") == typing


def test_a_page_scrolls_within_what_there_is() -> None:
    seen = replace(SEEN, page_of=("logs", "web"), page=["a", "b", "c"])
    logs = View(page=("logs", "web"))

    assert pressed("pageup", logs, seen).view.scroll == -2
    assert pressed("down", logs, seen).view.scroll == 0
    assert pressed("pagedown", replace(logs, page=("explain", "web")), seen).view.scroll == 2
    assert pressed("j", View(page=keys.HELP_PAGE), seen).view.scroll == 1


def test_a_key_without_an_app_or_a_meaning_changes_nothing() -> None:
    assert pressed("+", View(), Seen()) == keys.Pressed(View())
    assert pressed("x", WEB, SEEN) == keys.Pressed(WEB)


def test_what_was_said_goes_with_the_next_key() -> None:
    said = View(said="web is autoscaled", well=False)

    assert footer(said, SEEN, 80) == (("bad", "web is autoscaled"),)
    assert after(said, "j").said == ""


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_each_key_is_a_command_of_the_shell(key: keys.Key) -> None:
    words = keys.command_of(key, WEB, SEEN)
    row = row_of(words[0])

    assert row is not None
    assert grammar.params_of(row, words[1:])


def test_the_footer_shows_the_commands_behind_the_keys() -> None:
    assert foot(WEB, 100) == (
        "enter watch web   +/- scale web +1   l logs web   e explain web   s sort   ? help   q quit"
    )
    assert foot(replace(WEB, app="web"), 100) == (
        "+/- scale web +1   l logs web.1   e explain web   s sort   / filter   space pause   ? help   q back"
    )


def test_who_types_a_filter_is_told_how_to_end_it() -> None:
    assert foot(View(typing=True, filter="we"), 80) == "filter: we_   enter keeps it   Esc drops it"


def test_where_no_apps_are_there_is_nothing_to_sort_or_filter() -> None:
    assert styled.text_of(footer(View(), Seen(), 80)) == "? help   q quit"


def test_a_page_is_neither_sorted_nor_filtered() -> None:
    assert foot(replace(WEB, page=("explain", "web")), 140).endswith("e explain web   ? help   q back")


def test_the_footer_says_what_the_apps_are_sorted_by_for_as_long_as_they_are() -> None:
    assert foot(after(WEB, "s", "j"), 140).startswith("sorted by req/s   enter")
    assert foot(after(WEB, "s", "s", "s", "s"), 140).startswith("enter")


def test_the_key_of_the_prompt_s_help_is_that_of_the_view_s_too() -> None:
    assert after(WEB, "f1").page == keys.HELP_PAGE
    assert after(View(typing=True), "f1").filter == ""


def test_a_narrow_footer_shows_the_first_keys_and_the_ways_out() -> None:
    assert foot(WEB, 60) == "enter watch web   +/- scale web +1   ? help   q quit"
    assert foot(WEB, 20) == "? help   q quit"
    assert all(len(foot(WEB, width)) <= width for width in range(1, 100))


def test_the_footer_of_an_app_scaled_by_hand_has_nothing_to_explain() -> None:
    assert "explain" not in foot(View(chosen="api"), 140)


def test_the_footer_says_that_the_view_is_paused_or_filtered() -> None:
    assert foot(after(WEB, " ")).startswith("PAUSED   enter watch web")
    assert foot(View(filter="we")).startswith("filter we   enter watch web")
