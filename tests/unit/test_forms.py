"""What is refused for its form alone is refused before anything of a script runs."""

from __future__ import annotations

import pytest

from manager.api.commands import COMMANDS
from manager.api.errors import UsageError
from manager.api.forms import JUDGES
from shell.language import grammar
from shell.language.scanner import statements


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scale web", '"web" is not APP=N'),
        ("scale 3 web", '"3" is not the name of an app'),
        ("scale web=5000", "web cannot have 5000 workers: 0 to 1000"),
        ("scale web 3 4", 'one word too many: "4"'),
        ("scale web=1 web=2", "web is named twice"),
        ("autoscale --max 6", "autoscale: of which app?"),
        ("autoscale web off --max 3", "off takes no --max"),
        ("autoscale web --min 7 --max 3", "--min 7 is above --max 3"),
        ("whatif web --min 5 --max 2", "--min 5 is above --max 2"),
        ("run --min 2 web ls", "--min, --slo and --mode go with --max"),
        ("run --spares auto web ls", "--spares auto goes with --max"),
        ("run --max 3 web ls", "--max needs a port"),
        ("update web -e A=1 --no-env A", "--env A and --no-env A contradict each other"),
        ("update web --egress --no-egress", "--egress and --no-egress contradict each other"),
        ("update web --reach api --no-reach", "--reach and --no-reach contradict each other"),
        ("update web -p 9000/tcp --health /x", "a tcp app has no paths to ask for"),
        ("update web -p 9000/tcp --host a.b", "--host and --path are for http apps"),
        ("secret ls db", "secret ls takes no name"),
        ("secret set", "secret set: which one?"),
        ("crash manager 2 -y", "only members of etcd have a number, not manager"),
        ("crash web.1 --prove -y", "--prove is for the manager"),
        ("load web --rps 5 --ramp 1:2", "load: either --rps or --ramp"),
        ("logs web --grep '('", '"(" is no regular expression'),
        ("logs web --grep 'a{99999999999}'", "is no regular expression: the repetition number is too large"),
        (f"logs web --grep '{'(' * 2000}'", "is no regular expression: maximum recursion depth exceeded"),
        ("cp a b", 'neither "a" nor "b" is a path in a worker'),
        ("cp web.1:/a api.1:/b", "not between workers"),
        ("backup -", "backup writes a file, and nothing to standard output"),
        ("apply", "apply needs a file"),
        ("diff", "diff needs a file"),
        ("up --etcd-ca ca.pem", "--etcd-ca goes with --etcd"),
        ("up --etcd https://one", "--etcd https://... needs --etcd-ca"),
        ("set n", "set n needs a value"),
        ("set 1x 2", '"1x" cannot name a variable'),
        ("set output foo", 'output: "foo" is not one of table'),
        ("watch foo bar", 'no command is named "foo"'),
        ("watch scale web=3", "watch repeats listings, and scale is none"),
        ("watch net --repair", "watch only looks, and this net changes something"),
        ("watch -o jsonl ps", "watch: the format of ps stands behind it"),
        ("watch --svg a.svg -o jsonl", "watch: either --svg or -o"),
        ("-scale web", '"web" is not APP=N'),
    ],
)
def test_a_script_is_refused_whole_for_a_statement_whose_form_alone_is_wrong(text: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        grammar.check(statements(text)[0])

    assert told in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "scale web +2000",
        "autoscale web --min 7",
        "update web --health /x",
        "update web --host shop.example",
        "update web --spares auto",
        "expect error 'is not APP=N' scale web",
        "scale web=$n",
        "set output $form",
        "watch ps web --once",
        "watch net --help",
        "cp ./f web.1:/proc/x",
        "logs web --grep '[[x]'",
    ],
)
def test_what_depends_on_what_there_is_is_left_to_the_command(text: str) -> None:
    grammar.check(statements(text)[0])


def test_no_command_that_is_told_at_once_has_a_form_that_is_not_asked_for() -> None:
    assert not {row.verb for row in COMMANDS if row.at_once} & {*JUDGES, "set", "watch"}
