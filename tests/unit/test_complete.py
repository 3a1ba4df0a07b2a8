"""What can stand at the cursor is offered, the nearest first, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from manager.api.commands import COMMANDS, command_of
from manager.api.documents import listing
from manager.api.errors import UsageError
from manager.api.views import SecretView
from shell.language import grammar, scanner
from shell.prompt.complete import complete
from shell.prompt.highlight import fragments
from shell.prompt.named import Named
from shell.prompt.offers import Completion
from shell.prompt.snapshot import Snapshot, snapshot_of
from shell.prompt.toolbar import command_at, health_of, toolbar, usage_at
from shell.prompt.typed import spot, statements
from tests.fakes.replies import app, image, worker

CLOUD = Snapshot(
    apps=(Named("web", "3/4 ready, 463 req/s"), Named("api", "1/1 ready")),
    workers=tuple(Named(f"web.{slot}", "ready") for slot in (1, 2, 3)),
    images=(Named("simplecloud/base", "179M"), Named("tools", "12.3M")),
    secrets=(Named("db-password", "12"),),
    variables=(Named("$n", "3"), Named("$name", "web")),
    revisions={"web": (Named("2", "update --env GREETING=hi"), Named("1", "run"))},
    decisions={"web": (Named("211", "hold: 3 req/s"), Named("180", "up: 60 req/s"))},
    environment={"web": (Named("DEBUG"), Named("GREETING"))},
    members=(Named("1", "127.0.0.1:2379 healthy"), Named("2", "127.0.0.1:2381 away")),
    ready=4,
    want=5,
    rate_rps=463.0,
    known=True,
)
FILES = {
    "": ["demos/", "my file.txt", "server.py", ".git/"],
    "files/": ["a.py", "apps.toml", "compose.yml", "sub/", "tour.sc"],
    "./": ["demos/", "my file.txt", "server.py", ".git/"],
    "demos/": ["tour.sc"],
}


def at(text: str, cursor: int | None = None, snapshot: Snapshot = CLOUD) -> list[Completion]:
    return complete(text, len(text) if cursor is None else cursor, snapshot, lambda name: FILES.get(name, []))


def offered(text: str, cursor: int | None = None) -> list[str]:
    return [completion.text for completion in at(text, cursor)]


def test_an_empty_line_offers_every_verb_with_its_summary() -> None:
    assert Completion("run", 0, "run a command as a new app, in N workers") in at("")


@pytest.mark.parametrize("text", ["sca", "-sca", "ps; sca", "ps\nsca", "- sca", "   sca"])
def test_verbs_are_offered_where_a_statement_begins(text: str) -> None:
    assert at(text)[0] == Completion("scale", len(text) - 3, "change the number of workers")


@pytest.mark.parametrize(
    "text", ["update web --rese", "update web -e A=1 --rese", "update --cpus 1 web --rese"]
)
def test_an_update_has_its_options_behind_the_app_too(text: str) -> None:
    assert offered(text)[0] == "--reset"


def test_the_value_of_a_late_option_is_offered_and_none_in_the_command_given() -> None:
    assert offered("update web --reach a")[0] == "api"
    assert offered("update web --image ") == ["simplecloud/base", "tools"]
    assert offered("update web ./server.py --rea") == []
    assert offered("update web -- --rea") == []
    assert offered("run web --rea") == []


def test_letters_in_their_order_are_enough_and_the_nearest_comes_first() -> None:
    assert offered("tart") == ["start", "restart"]
    assert offered("rsrt") == ["restart"]
    assert offered("xq") == []


@pytest.mark.parametrize(
    ("text", "all_of_it"),
    [
        ("scal", ["scale"]),
        ("st", ["start", "stop", "stats", "status"]),
        ("run --im", ["--image"]),
        ("run --po", ["--port"]),
        ("source s", ["server.py"]),
        ("wait web re", ["ready", "req/s", "revision", "reaches"]),
    ],
)
def test_what_only_resembles_the_word_is_not_offered_beside_what_starts_with_it(
    text: str, all_of_it: list[str]
) -> None:
    assert offered(text) == all_of_it


def test_a_name_in_the_case_that_is_typed_comes_first() -> None:
    names = {"": ["SECURITY.md", "shell/", "server.py"]}

    def found(word: str) -> list[str]:
        line = f"source {word}"
        return [each.text for each in complete(line, len(line), CLOUD, lambda name: names.get(name, []))]

    assert found("s")[-1] == "SECURITY.md"
    assert found("S")[0] == "SECURITY.md"


@pytest.mark.parametrize("text", ["ps # we", "sacle we", "run web python serv"])
def test_nothing_is_offered_where_nothing_is_known(text: str) -> None:
    assert offered(text) == []


def test_names_come_with_what_they_are_doing() -> None:
    assert at("ps w") == [Completion("web", 3, "3/4 ready, 463 req/s")]
    assert offered("stop ")[:5] == ["web", "api", "web.1", "web.2", "web.3"]
    assert offered("run --image ") == ["simplecloud/base", "tools"]


def test_a_name_is_offered_once() -> None:
    assert "web.1" not in offered("stop web.1 ")
    assert "web.2" in offered("stop web.1 ")
    assert "web" not in offered("scale web=3 ")
    assert "api" in offered("scale web=3 ")


def test_a_variable_is_offered_where_its_sign_stands() -> None:
    assert at("echo $") == [Completion("$n", 5, "3"), Completion("$name", 5, "web")]
    assert offered("scale web=3; echo $na") == ["$name"]
    assert offered("echo '$") == []
    assert offered("echo \\$") == []


@pytest.mark.parametrize(
    ("text", "offer"),
    [
        ('echo "$na', Completion("$name", 6, "web")),
        ("echo ${na", Completion("${name}", 5, "web")),
        ("run -e A=$na", Completion("$name", 9, "web")),
    ],
)
def test_a_variable_is_offered_also_within_a_word(text: str, offer: Completion) -> None:
    assert at(text) == [offer]


@pytest.mark.parametrize("text", ["rm $(imag", 'echo "$(imag', "echo $(echo $(imag", "echo $(ps) $(ps; imag"])
def test_a_command_within_another_is_completed_as_one(text: str) -> None:
    assert at(text) == [Completion("images", len(text) - 4, "the images that workers can run in")]


def test_behind_a_command_within_another_the_outer_one_goes_on() -> None:
    assert offered("rm $(apps -q) --y") == ["--yes"]
    assert offered("echo '$(imag") == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("source files/", ["files/tour.sc", "files/sub/", "files/a.py"]),
        ("import files/", ["files/compose.yml", "files/sub/", "files/a.py"]),
        ("apply -f files/", ["files/apps.toml", "files/sub/", "files/a.py"]),
        ("record files/", ["files/a.py", "files/apps.toml"]),
    ],
)
def test_the_files_that_are_most_likely_meant_come_first(text: str, first: list[str]) -> None:
    assert offered(text)[: len(first)] == first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run -p 8000/", ["8000/http", "8000/tcp"]),
        ("run -p 80", []),
        ("run --restart on", ["on-failure", "on-failure:3"]),
        ("ps --filter state=re", ["ready"]),
        ("ps --filter=STATE=back", ["backoff"]),
        ("ps --filter 'state=back", ["state=backoff"]),
        ("ps --filter address=1", []),
        ("wait web.1 state == fai", ["failed"]),
        ("wait web.1 state > ", []),
    ],
)
def test_what_a_value_can_be_is_offered(text: str, expected: list[str]) -> None:
    assert [word for word in offered(text) if not word.startswith("--")] == expected


def test_words_that_are_no_names_come_with_what_they_mean() -> None:
    bare = ("secret ", "autoscale web ", "wait ", "wait load web done", "set ", "images ")
    assert [found for text in bare for found in at(text) if not found.meta] == []


def test_record_can_be_ended_and_a_copy_begins_or_ends_in_a_worker() -> None:
    assert offered("record ")[0] == "off"
    assert offered("cp ")[0] == "web.1:"


def test_only_workers_that_do_not_serve_are_offered_to_be_started() -> None:
    snapshot = Snapshot(apps=CLOUD.apps, workers=(*CLOUD.workers, Named("api.1", "backoff exit code 1")))
    assert [found.text for found in at("start ", snapshot=snapshot)][:3] == ["web", "api", "api.1"]


def test_only_what_is_before_the_cursor_counts() -> None:
    assert at("ps w -o json", 4) == [Completion("web", 3, "3/4 ready, 463 req/s")]


def test_options_are_offered_with_their_help_but_not_twice() -> None:
    assert Completion("--workers", 4, "how many workers (1)") in at("run --w")
    assert "--workers" not in offered("run -n 3 --w")
    assert "--workers" not in offered("run -n3 --w")
    assert "--env" in offered("run --env A=1 --e")


def test_what_goes_with_requests_is_offered_for_no_other_condition() -> None:
    assert "--contains" in offered("expect http web / --")
    assert "--contains" not in offered("expect web ready --")


def test_an_empty_word_offers_names_before_options() -> None:
    texts = offered("stop ")

    assert texts.index("web.3") < texts.index("--now")


@pytest.mark.parametrize(
    ("text", "start"), [("ps -o js", 6), ("ps --output js", 12), ("ps --output=js", 12), ("ps web -o js", 10)]
)
def test_values_of_an_option_are_offered(text: str, start: int) -> None:
    assert [(found.text, found.start) for found in at(text)] == [("json", start), ("jsonl", start)]


def test_the_value_of_an_option_is_not_taken_for_an_operand() -> None:
    assert offered("run -n web ./") == offered("run ./")
    assert offered("run -dn web ./") == offered("run ./")
    assert offered("ps -qo ")[0] == "table"
    assert offered("ps --wait ") == offered("ps ")


def test_a_value_that_may_be_left_out_does_not_take_the_next_word() -> None:
    assert offered("stop --wait w")[0] == "web"


def test_columns_are_offered_by_the_listing_of_the_verb() -> None:
    assert offered("ps --sort st")[0] == "state"
    assert offered("ps --filter st")[0] == "state="
    assert at("ps --columns worker,st")[0].start == len("ps --columns worker,")


def test_a_command_to_run_gets_files_and_nothing_else() -> None:
    assert offered("run web ") == ["demos/", "'my file.txt'", "server.py"]
    assert offered("run web ./s")[0] == "./server.py"
    assert offered("run web python --") == []
    assert offered("run web python ./s")[0] == "./server.py"


def test_files_with_a_blank_are_quoted_and_an_open_quote_is_taken_along() -> None:
    assert at("run --copy my") == [Completion("'my file.txt'", 11)]
    assert at("run --copy 'my f") == [Completion("'my file.txt'", 11)]
    assert at('run --copy "my f') == [Completion("'my file.txt'", 11)]


def test_files_are_offered_in_the_directory_that_was_typed() -> None:
    assert at("source demos/t") == [Completion("demos/tour.sc", 7)]
    assert Completion("demos/", 7, "directory") in at("source de")
    assert offered("source .g") == [".git/"]


def test_conditions_are_offered_word_by_word() -> None:
    assert offered("wait ")[:2] == ["web", "api"]
    assert offered("wait manager ")[:2] == ["up", "down"]
    assert offered("expect web ")[0] == "ready"
    assert offered("expect web.1 sta")[0] == "state"
    assert offered("expect web ready ")[:2] == ["==", "!="]
    assert offered("expect load w")[0] == "web"
    assert offered("wait load web d")[0] == "done"
    assert offered("expect load web fai")[0] == "failed"
    assert offered("expect http web / --co") == ["--contains", "--count"]
    assert offered("expect error 'no app' r")[0] == "run"


def test_of_a_condition_only_what_can_be_compared_is_offered() -> None:
    assert {"ready", "gone", "slo_s", "age"} <= set(offered("wait web "))
    assert not {"slo", "rate", "error", "created"} & set(offered("wait web "))
    assert offered("wait web.1 gone ")[:1] == ["--timeout"]
    assert offered("wait web.1 ready ")[:1] == ["--timeout"]
    assert offered("wait load web done ")[:1] == ["--timeout"]
    assert offered("wait load web ok ")[:2] == ["==", "!="]


def test_watch_offers_apps_and_listings_and_then_what_these_take() -> None:
    assert offered("watch ")[:3] == ["web", "api", "autoscale"]
    assert {"ps", "status", "doctor"} < set(offered("watch "))
    assert "rm" not in offered("watch ")
    assert offered("watch web --on") == ["--once"]
    assert offered("watch web ps") == []
    assert offered("watch ps --al") == ["--all"]
    assert offered("watch -n 1s ps w") == ["web"]
    assert offered("watch ps --sort st")[0] == "state"


@pytest.mark.parametrize(
    ("text", "kept", "left_out"),
    [
        ("watch rm ", set(), {"web", "--yes"}),
        ("watch --svg x.svg ", {"web"}, {"ps", "status"}),
        ("watch -o jsonl ", {"web"}, {"ps", "status"}),
        ("watch scale ", set(), {"web"}),
        ("watch events ", {"--since"}, {"--follow"}),
        ("watch secret ", {"ls"}, {"set", "rm"}),
        ("watch autoscale web ", {"--sort"}, {"off", "--max", "--slo"}),
        ("watch doctor ", {"--output"}, {"--fix"}),
        ("watch net ", {"web"}, {"--repair"}),
    ],
)
def test_in_a_watch_only_what_it_repeats_is_offered(text: str, kept: set[str], left_out: set[str]) -> None:
    assert kept <= set(offered(text))
    assert left_out.isdisjoint(offered(text))


def test_inside_an_error_that_is_expected_stands_a_command() -> None:
    assert offered("expect error 'no app' rm w") == ["web"]
    assert offered("expect error 'no app' rm --n") == ["--now"]
    assert offered("expect error ") == []


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("secret ", ["ls", "set", "rm"]),
        ("autoscale web ", ["off"]),
        ("images ", ["ls"]),
        ("completion ", ["bash", "zsh"]),
    ],
)
def test_the_choices_of_an_operand_are_offered(text: str, choices: list[str]) -> None:
    assert offered(text)[: len(choices)] == choices


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("stats --columns cpu", 16),
        ("stats --columns worker,cpu", 23),
        ("stats --columns=worker,cpu", 23),
    ],
)
def test_a_column_with_a_blank_is_quoted(text: str, start: int) -> None:
    assert Completion("'cpu %'", start, "field cpu_cores") in at(text)


def test_an_open_quote_before_a_column_is_taken_along() -> None:
    assert at("stats --columns 'worker,cpu ")[0] == Completion("'worker,cpu %'", 16, "field cpu_cores")
    assert at('stats --filter "net')[0] == Completion("'net i/o='", 15, "field received_bytes")


# what may have to follow for a condition, or a change, to be whole
TAILS = (
    "",
    " == 3",
    " == auto",
    " == ready",
    "=3",
    " ready",
    " up",
    " done",
    " web done",
    " /",
    " web /",
    " 'no app' ps",
    " ps",
)
NEEDED = {"history": "web ", "secret": "ls "}
OF_COLUMNS = [
    f"{row.verb} {NEEDED.get(row.verb, '')}{option} "
    for row in COMMANDS
    for option in ("--columns", "--sort", "--filter")
    if row.lists
]


@pytest.mark.parametrize(
    "line",
    [
        *OF_COLUMNS,
        *("stats --columns worker,", "stats --sort 'c", "watch stats --columns "),
        *(f"{verb} " for verb in ("ps", "stop", "update", "scale", "history", "rollback", "rm", "logs")),
        *(f"{verb} " for verb in ("secret", "images", "autoscale", "completion", "crash", "set", "help")),
        *("watch ", "watch web ", "watch web --", "watch ps ", "watch ps --", "watch -o ", "secret rm "),
        *("autoscale web ", "autoscale web --", "set output ", "load web --", "ps -o ", "images ls "),
        *(
            f"{verb} {said}"
            for verb in ("wait", "expect")
            for said in (
                "",
                "web ",
                "web.1 ",
                "web ready ",
                "web.1 ready ",
                "web.1 state ",
                "web gone ",
                "manager ",
                "http ",
            )
        ),
        *("wait load ", "wait load web ", "expect load web ", "wait load web done ", "wait error x "),
        *("rollback web --to ", "explain web --decision "),
        *("expect error x ", "expect error x rm ", "expect error x stats --sort "),
    ],
)
def test_what_is_offered_is_accepted(line: str) -> None:
    completions = at(line)
    completed = [line[: completion.start] + completion.text for completion in completions]

    assert completions != []
    assert [text for text in completed if not any(map(is_accepted, (text + tail for tail in TAILS)))] == []


def is_accepted(text: str) -> bool:
    """Tell whether the parser takes a line and the command inside it, or misses no more than their end."""
    (statement,) = scanner.statements(text)
    words = [word.literal or "" for word in statement.words]
    inner = {"watch": words[1:], "expect": words[3:] if "error" in words else []}.get(words[0], [])
    try:
        grammar.check(statement)
        if inner and command_of(inner[0]):
            grammar.params_of(grammar.row_of(inner), inner[1:])
    except UsageError as error:
        return " needs " in error.message
    return True


def test_other_words_with_a_meaning_of_their_own_are_offered() -> None:
    assert offered("help sca")[0] == "scale"
    assert offered("set e")[:2] == ["errexit", "echo"]
    assert Completion("keys", 4, "the keys of the prompt") in at("set k")
    assert offered("set keys ") == ["emacs", "vi"]
    assert offered("set echo o") == ["on", "off"]
    assert offered("scale we") == ["web"]
    assert offered("scale web=3 a") == ["api"]
    assert offered("crash ma")[0] == "manager"


def test_secrets_are_offered_where_one_is_named() -> None:
    assert offered("run --secret ") == ["db-password"]
    assert offered("secret rm d") == ["db-password"]


def test_without_a_manager_the_words_of_the_table_are_offered() -> None:
    assert at("ps w", snapshot=Snapshot()) == []
    assert at("ps --so", snapshot=Snapshot())[0].text == "--sort"


def test_a_snapshot_has_what_apps_and_workers_are_doing() -> None:
    found = snapshot_of(
        {
            "apps": listing("AppList", [app("web", want=4), app("pong", rate_rps=None, want=1, ready=1)]),
            "ps": listing(
                "WorkerList",
                [worker("web.1"), worker("web.2", state="backoff", address=None, reason="a\nb")],
            ),
            "images": listing(
                "ImageList", map(image, ("tools", "simplecloud/etcd:latest", "simplecloud/base:latest"))
            ),
            "secret": listing("SecretList", [SecretView("db-password", 12, "2026-01-02T03:04:05.678Z", [])]),
        }
    )

    assert found.apps == (Named("web", "3/4 ready, 463 req/s"), Named("pong", "1/1 ready"))
    assert found.workers == (Named("web.1", "ready 10.200.0.11"), Named("web.2", "backoff a\\nb"))
    assert found.images == (Named("tools", "179M"), Named("simplecloud/base:latest", "179M"))
    assert found.secrets == (Named("db-password", "12B"),)
    assert (found.ready, found.want, round(found.rate_rps)) == (4, 5, 463)


@pytest.mark.parametrize(
    ("text", "before", "word", "start"),
    [
        ("", (), "", 0),
        ("ps", (), "ps", 0),
        ("ps ", ("ps",), "", 3),
        ("-rm w", ("rm",), "w", 4),
        ("- rm w", ("rm",), "w", 5),
        ("a; b 'c d", ("b",), "c d", 5),
        ("a 'b;#c' d", ("a", "b;#c"), "d", 9),
        ('a "b\\"c" d', ("a", 'b"c'), "d", 9),
        ("a 'b\\' d", ("a", "b\\"), "d", 7),
        ("a b\\ c", ("a",), "b c", 2),
        ("a \\\nb", ("a",), "b", 4),
        ("a#b", (), "a#b", 0),
        ("a # b\nc", (), "c", 6),
        ("a \\", ("a",), "\\", 2),
    ],
)
def test_a_line_is_understood_while_it_is_typed(
    text: str, before: Sequence[str], word: str, start: int
) -> None:
    here = spot(text, len(text))

    assert (here.before, here.word.value, here.word.start) == (before, word, start)


def test_no_text_is_an_error_while_it_is_typed() -> None:
    for text in ("'", '"', "\\", "$(", "a 'b", ";;;", "-", "--", "\x00", "run 'a\nb"):
        for cursor in range(len(text) + 1):
            at(text, cursor)
        list(statements(text))
        assert "".join(piece for _, piece in fragments(text, CLOUD)) == text


def styled(text: str, snapshot: Snapshot = CLOUD) -> dict[str, str]:
    return {piece.strip(): style for style, piece in fragments(text, snapshot) if style}


def test_known_verbs_options_and_names_are_told_from_unknown_ones() -> None:
    assert styled("stop --now web nosuch web.3") == {
        "stop": "class:verb",
        "--now": "class:option",
        "web": "class:name",
        "nosuch": "class:missing",
        "web.3": "class:name",
    }
    assert styled("sacle web") == {"sacle": "class:unknown"}
    assert styled("ps --foo; -rm web") == {
        "ps": "class:verb",
        "--foo": "class:unknown",
        "-rm": "class:verb",
        "web": "class:name",
    }


def test_a_command_to_run_is_not_highlighted() -> None:
    assert styled("run -n 3 web ./x --foo") == {
        "run": "class:verb",
        "-n": "class:option",
        "3": "class:value",
    }


def test_a_name_is_missing_only_when_it_is_known_who_is_there() -> None:
    assert styled("stop web", Snapshot()) == {"stop": "class:verb"}
    assert styled("logs 4f1d2c") == {"logs": "class:verb"}  # may be a container's id
    assert styled("crash manager") == {"crash": "class:verb"}


def test_the_toolbar_tells_the_usage_with_options_where_there_is_room() -> None:
    assert usage_at("stop we", 7, 100) == "stop [--now] [--wait[=DURATION]] [-d] [--dry-run] TARGET..."
    assert usage_at("stop we", 7, 30) == "stop TARGET..."
    assert usage_at("stop we", 7, 10) == "stop TA..."
    assert usage_at("sacle", 5, 100) == usage_at("", 0, 100) == usage_at("ps # x", 6, 100) == ""
    assert usage_at("ps; -stop", 9, 30) == "stop TARGET..."


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("|scale web=3", "scale"),
        ("sca|le web=3", "scale"),
        ("scale |web=3", "scale"),
        ("ps; ap|ps", "apps"),
        ("ps;|apps", "apps"),
        ("ps|; apps", "ps"),
    ],
)
def test_the_verb_under_the_cursor_is_read_whole(line: str, verb: str) -> None:
    command = command_at(line.replace("|", ""), line.index("|"))

    assert command is not None
    assert command.verb == verb


@pytest.mark.parametrize("width", [20, 40, 80, 140])
def test_the_toolbar_is_as_wide_as_the_terminal_with_the_health_on_its_right(width: int) -> None:
    line = "".join(text for _, text in toolbar("scale web", 9, CLOUD, width))

    assert len(line) == width
    assert width < 40 or line.endswith("manager ● 4/5 workers 463 req/s")


def test_the_health_of_a_cloud_reads_in_one_look() -> None:
    assert health_of(Snapshot()) == ("", "")
    assert health_of(Snapshot(away=True))[1] == "no manager answers: up"
    assert health_of(Snapshot(down=True))[1] == "the cloud is down: up"
    assert health_of(Snapshot(known=True, away=True))[1] == "manager away: workers keep serving"
    assert health_of(CLOUD, utf8=False) == ("class:toolbar.busy", "manager * 4/5 workers 463 req/s")


@pytest.mark.parametrize("line", ["rollback web --to ", "rollback web --wait --to ", "rollback web --to="])
def test_earlier_revisions_are_offered_with_what_made_them(line: str) -> None:
    assert [(each.text, each.meta) for each in at(line)] == [("2", "update --env GREETING=hi"), ("1", "run")]


def test_the_variables_of_an_app_are_offered_to_be_taken_away() -> None:
    assert offered("update web --no-env ") == ["DEBUG", "GREETING"]
    assert offered("update web --no-env=GR") == ["GREETING"]
    assert offered("update api --no-env ") == []


def test_the_members_of_etcd_are_offered_where_one_of_them_is_to_crash() -> None:
    assert at("crash etcd ")[:2] == [
        Completion("1", 11, "127.0.0.1:2379 healthy"),
        Completion("2", 11, "127.0.0.1:2381 away"),
    ]
    assert "1" not in offered("crash proxy ")


def test_decisions_are_offered_with_what_they_were() -> None:
    assert [(each.text, each.meta) for each in at("explain web --decision ")] == [
        ("211", "hold: 3 req/s"),
        ("180", "up: 60 req/s"),
    ]


@pytest.mark.parametrize("line", ["rollback api --to ", "rollback --to ", "explain nope --decision "])
def test_of_an_app_whose_past_is_not_known_none_is_offered(line: str) -> None:
    assert offered(line) == []
