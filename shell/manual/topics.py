"""Help on what goes across commands: short pages for `help TOPIC`. Plain text, for 80 columns.

Behind two blanks stands what the words before them mean; such a line may be longer.
"""

from __future__ import annotations

from dataclasses import fields

from manager.api.documents import API_VERSION
from manager.api.views import ITEMS


def _fields() -> str:
    """Return the fields of every listing's items, a line each."""
    widest = max(map(len, ITEMS))
    told = (
        f"  {kind:<{widest}}  {' '.join(field.name for field in fields(item))}"
        for kind, item in ITEMS.items()
    )
    return "\n".join(told)


_NETWORKING = """\
networking: how workers are reached, and what they reach

Every worker has an address on the cloud's own bridge (`ps`, `net`). Nobody
outside this machine reaches it; requests come through the proxy.

http apps (run -p 8000 ...)
  http://NAME.localhost:PORT/    by host name; curl and browsers know these
  http://127.0.0.1:PORT/NAME/    by path; the worker does not see /NAME
  run --host H --path P          a host or a path more
tcp apps (run -p 9000/tcp ...)
  tcp://127.0.0.1:PORT           a port of the cloud's block; `apps` shows it
Without -p an app has no route: its workers just run.

Only healthy workers get requests. --health /PATH wants 2xx or 3xx; without it
any answer below 500 to GET / is healthy, for tcp a connect; `--health none`:
it runs. These requests have the User-Agent simplecloud-health/1, by which an
access log can leave them out.

A request whose worker dies of it or hangs up is sent to another, twice at most;
one that may change something (a POST) is not.

Workers of one app reach each other. Other clouds and this host are out of
reach, and so is all else unless it is given:
  run --reach api ...            may connect to the workers of api, by its name
  run --egress ...               may connect to other networks, by NAT

Where does it break?   trace web     hop by hop, the failing one with its fix
What is there?         net           each worker's link, address and rules
Put it right now       net --repair"""

_SCRIPTS = """\
scripts: commands in a file, with proof

  simplecloud -f FILE      read and checked whole, then run
  simplecloud < FILE       line by line, as it comes
  simplecloud -c 'ps; apps'

--check only reads; -x prints each command; -k goes on after a failure.

One command a line, or several with `;`. `#` begins a comment; a last backslash
continues the line, and so do open quotes, which are those of a shell. A failure
ends the script with its exit code; a `-` before a command reports its failure
and goes on.

  set n 3                              a variable; $n, ${n}, $env.HOME
  restart $(ps web -q)                 a word for each line of what it prints;
  echo "$(ps web -q)"                  one word, in quotes or beside other text
  wait web ready --timeout 30s         until it is so; exit 4 when it is late
  expect web ready == $n               now; exit 5 when it is not so
  expect http web / --count 100 --failed 0
  expect error 'no app' rm nosuch -y   the command must fail and say so
  record FILE                          what is typed now becomes a script

No loops and no ifs, on purpose: take a shell and `-o json`. Exit codes: 0 ok,
1 failed, 2 usage, 3 no manager, 4 timed out, 5 expectation false, 6 not
allowed, 130 ^C."""

_FILES = """\
files: your programs in workers, and apps as a file

run web ./server.py     ./x and ../x are files of this machine, copied to /app
run web /opt/x          the image's own where it has one, else copied there
run --copy conf.json web ./server.py    copied to /app/conf.json
run --copy conf.json:/etc/c.json ...    copied to /etc/c.json
A copied program in /app begins there, any other command in the directory of
its image; --workdir DIR says where instead.
A copy is a snapshot: `update web ./server.py` brings a new one. Workers are
stateless: what they write goes with them.

Apps as a TOML file; a key is an option of `run`:

  [apps.web]
  command = ["./server.py", "--port", "8000"]
  port = 8000
  workers = 3              # leave it out, and `scale` alone decides
  spares = 2               # two more wait, paused, for a scale-up
  memory = "256M"
  env = { GREETING = "hi" }

  [apps.api]
  command = "python3 -m http.server 8000"
  port = 8000
  max = 6                  # scales by itself

  diff -f apps.toml              what is not as the file says; exit code 1 when
                                 there is any, so a script stops: -diff does not
  apply -f apps.toml --dry-run   the commands that would make it so, checked
  apply -f apps.toml             the same, carried out when all of it can be;
                                 fails when an app does not get ready; -f -
                                 reads stdin
  export > apps.toml             a file of what there is; a copied program is
                                 named by its hash, which apply finds while the
                                 cloud still has it
  import compose.yaml --dry-run  the same from a compose file: a service is an
                                 app, depends_on what it reaches; a mounted file
                                 is copied; what does not map is named
Files that it names are meant from its own directory."""

_AUTOSCALING = """\
autoscaling: as few workers as serve the objective

  autoscale web --max 6                   enough: 95% of requests within 250 ms
  autoscale web --max 6 --slo 100ms,99%   an objective of your own
  autoscale web --mode recommend          decide and tell, do not act
  autoscale web off                       by hand again

Each second the cloud sees requests, latency and CPU of every worker. A
regression learns how many requests a second one worker carries within the
objective; the demand is forecast over the time a new worker needs to get
ready; the number of workers that costs least is chosen, slow requests being a
cost, and one more where it misses the objective; never above --max, and never
more where the host itself is full.

Workers may wait for something else than CPU, such as a database. What one of
them can do shows once requests queue while it has CPU left. Where they do not
queue and are slow for a minute all the same, more workers are tried. These
stay if they help; else none are tried again for half an hour. Requests that
take long on purpose need an --slo that they can meet.

  apps               the short reason, as NOTE
  explain web        the last decision: arithmetic, limits, the fitted curve
  events --app web   what was decided when

What comes faster than a worker starts is met by spares: workers that are there
already, started and paused; only memory is spent on them. The autoscaler keeps
as many as surges of late make worth it; `update web --spares 2` fixes a number,
`--spares auto` leaves it to the autoscaler again.

A plain `scale web=3` is refused while web is autoscaled;
`scale web=3 --manual` takes over."""

_KEYS = """\
keys: at the prompt

  Tab            complete verbs, options, apps, workers, files, variables
  Right          take over the suggestion from the history
  Ctrl-R         search what was typed
  Up, Down       earlier and later lines
  F1             help on the verb under the cursor
  F2             the live view (watch); q comes back
  \\ Enter        go on in the next line; pasted lines are run as a script
  Ctrl-C         clear the line; in a command: stop waiting, the work goes on
  Ctrl-D         leave

In the live view: ? shows its keys."""

_JSON = f"""\
json: what programs read

  simplecloud apps -o json       one document
  simplecloud ps -o jsonl        a line per item
  simplecloud ps web -q          names only

A listing is an object with apiVersion ({API_VERSION}), kind and items. Times
are RFC 3339 in UTC; a name tells its unit: rate_rps, p95_s, memory_bytes,
cpu_cores (1.5 is one and a half), error_ratio (0.01 is 1 %). null: nobody
knows, or it does not apply. A failed command prints an object with error:
kind, message, hint; its exit code is as without -o.

Fields are added, never changed. Every document as JSON Schema:
manager/api/schema.json. The fields of the items:

{_fields()}"""

TOPICS = {
    "networking": _NETWORKING,
    "scripts": _SCRIPTS,
    "files": _FILES,
    "autoscaling": _AUTOSCALING,
    "json": _JSON,
    "keys": _KEYS,
}
