"""What users of docker, kubectl and others type, and what that is here. Pure: texts to texts.

The tables are read where a command is refused; what comes out is offered only where the grammar accepts it.
A word that may be anybody's (a path, a worker's command, an app that is called `svc`) is left as it is.
"""

from __future__ import annotations

import re

_KINDS = r"pods?|po|deployments?|deploy|services?|svc|containers?"
_OWN = r"((?: -\S+(?: [^-\s]\S*)?)*)"  # options with their values, before the first operand
_MADE = rf"(run|update(?: [a-z]\S*)?){_OWN}"  # and those behind the app of an update, before a command

# each row that fits a whole command changes it, from the first to the last
ELSEWHERE = (
    (r"(?:\S*/)?simplecloud(?: -(?!-cloud).*)?", "help"),
    (r"(?:\S*/)?simplecloud (--cloud[ =]\S+ .+)", r"simplecloud \1"),
    (r"(?:(?:sudo|docker|podman|kubectl|systemctl|(?:\S*/)?simplecloud) )+([^-].*)", r"\1"),
    (r"get events?(?: .*)? (?:-w|--watch)", "events -f"),
    (r"get(| .*) (?:-w|--watch)", r"watch get\1"),
    (r"(watch )?get (?:po|pods?)(| .*)", r"\1ps\2"),
    (r"get (?:nodes?|cs)(?: .*)?", "status"),
    (r"get secrets?(?: .*)?", "secret ls"),
    (r"get events?(?: .*)?", "events"),
    (r"(watch )?get (routes|images)(| .*)", r"\1\2\3"),
    (rf"(watch )?get(?: (?:all|apps?|{_KINDS}))?(| .*)", r"\1apps\2"),
    (r"top (?:pods?|nodes?)", "stats"),
    (r"(?:docker-)?compose up(?: .*)?", "import compose.yaml"),
    (r"(?:docker-)?compose (?:down|rm)(?: .*)?", "help rm"),  # `down` here is for the whole cloud
    (r"(?:rmi|image (?:rm|prune))(?: .*)?", "images"),
    (r"(?:container|compose) ls(| .*)", r"ps\1"),
    (r"service ls(| .*)", r"apps\1"),
    (r"(?:stack deploy|service create)(?: .*)?", "help files"),
    (r"(?:container|compose|rollout|pod|service) ([a-z].*)", r"\1"),
    (rf"set image (?:(?:{_KINDS})[ /])?([a-z]\S*) \S+=(\S+)", r"update \1 --image \2"),
    (r"(?:image )?(?:pull|build)(?: .*)?", "help images"),
    (r"edit(?: .*)?", "help update"),
    (rf"(?:expose|port-forward)(?: (?:{_KINDS}))?[ /]([a-z]\S*)(?: .*)?", r"routes \1"),
    (rf"(delete|logs|exec|restart|history|undo) (?:{_KINDS}) (\S.*)", r"\1 \2"),
    (rf"((?:apps|ps|delete|logs|exec|restart|history|undo)(?: -\S+)*) (?:{_KINDS})/(\S.*)", r"\1 \2"),
    (r"(?:delete|destroy|remove)(| .*)", r"rm\1"),
    (r"kill(| .*)", r"crash\1"),
    (r"create(| .*)", r"run\1"),
    (r"deploy(| .*)", r"apply\1"),
    (r"(?:shell|ssh) (\S+)", r"exec -it \1 sh"),
    (r"(?:shell|ssh)(| .*)", r"exec\1"),
    (r"env (\S+)", r"exec \1 env"),
    (r"config[ :]set (\S+=.*)", r"update web -e \1"),
    (r"(?:env|config)(| .*)", r"describe\1"),
    (r"log(| .*)", r"logs\1"),
    (r"attach(| .*)", r"logs -f\1"),
    (r"(?:info|nodes?)(?: .*)?", "status"),
    (r"(?:system )?prune(?: .*)?", "doctor"),
    (r"port(| .*)", r"routes\1"),
    (r"(?:list|services|deployments)(| .*)", r"apps\1"),
    (r"pods(| .*)", r"ps\1"),
    (r"image(?: ls)?", "images"),
    (r"(?:volumes?|pvc?)(?: .*)?", "help files"),  # workers are stateless
    (r"secrets", "secret ls"),
    (r"pause(| .*)", r"stop\1"),  # `freeze` here leaves the workers running
    (r"unpause(| .*)", r"start\1"),
    (r"tail(| .*)", r"logs\1"),
    (r"htop", "watch"),
    (r"man (\S+)", r"help \1"),
    (r":?q!?|logout|bye", "exit"),
    (r"i (\S+)", r"source \1"),  # psql's \i, \timing and \h
    (r"timing", "set timing on"),
    (r"h(| \S+)", r"help\1"),
    (r"unset (\S+)", r"set \1 ''"),
    (r"(\S+\.sc)", r"source \1"),
    (r"(?:dt?|l)\+?", "apps"),  # psql's \dt and \l
    (r"show (.*)", r"\1"),
    (r"(?:if|for|while|until|case|alias|function)(?: .*)?", "help scripts"),
    (r"([A-Za-z_]\w*)=(\S+)", r"set \1 \2"),
    (r"([A-Za-z_]\w*=\S+) run (.*)", r"run -e \1 \2"),
    (r"\./([a-z][a-z0-9-]*)(.*)", r"run \1 ./\1\2"),
)
# how options and kinds are written elsewhere, of a verb that is one of ours too
OURS = (
    (r"rm(| .*) -[rf]+(| .*)", r"rm\1\2 -y"),
    (r"export ([A-Za-z_]\w*)=(\S+)", r"set \1 \2"),
    (rf"scale --replicas[ =](\d+) (?:(?:{_KINDS})[ /])?([a-z]\S*)", r"scale \2=\1"),
    (rf"scale (?:(?:{_KINDS})[ /])?([a-z]\S*) --replicas[ =](\d+)", r"scale \1=\2"),
    (r"update ([a-z]\S*) (?:-n|--workers|--replicas)[ =]?(\d+)", r"scale \1=\2"),
    (r"update (?:-n|--workers|--replicas)[ =]?(\d+) ([a-z]\S*)", r"scale \2=\1"),
    (r"autoscale ([a-z]\S*) on", r"autoscale \1 --max 6"),
    (rf"describe (?:{_KINDS})[ /]([a-z]\S*)", r"describe \1"),
    (r"status ([a-z]\S*)", r"describe \1"),
    (r"(ps|workers|apps|ls)(| .*) (?:-w|--watch)(| .*)", r"watch \1\2\3"),
    (r"(?:ps|workers) -[efl]+", "ps"),
    (r"(ps|workers)(| .*) -f[ =]?(\S+=\S+)(| .*)", r"\1\2 --filter \3\4"),
    (r"(ps|workers)(| .*) --filter[ =]status=(\S+)(| .*)", r"\1\2 --filter state=\3\4"),
    (r"(ps|workers)(| .*) --filter[ =]state=(?:running|up)(| .*)", r"\1\2 --filter state=ready\3"),
    (r"(ps|workers)(| .*) --filter[ =]state=(?:exited|dead)(| .*)", r"\1\2 --filter state=stopped\3"),
    (r"(ps|workers)(| .*) --filter[ =]state=restarting(| .*)", r"\1\2 --filter state=backoff\3"),
    (
        r"(apps|ls|ps|workers|stats|images|routes|events|history)(| .*) (?:--format|-o|--output)[ =]?"
        r"(?:json|ya?ml)(| .*)",
        r"\1\2 -o json\3",
    ),
    (r"inspect(| .*) (?:--format|-o|--output)[ =]?ya?ml(| .*)", r"inspect\1\2"),
    (r"events((?: -f| --follow| --since[ =]\S+| -o \S+)*) ([a-z]\S*)(| .*)", r"events\1 --app \2\3"),
    (r"load ([a-z]\S*)(| .*) --duration[ =](\S+)(| .*)", r"load \1\2 --for \3\4"),
    (r"set -e", "set errexit on"),
    (r"set -x", "set echo on"),
    (rf"{_MADE} -m[ =]?(\d+[kmgKMG]?)[bB]?(| .*)", r"\1\2 --memory \3\4"),
    (rf"{_MADE} --restart[ =]unless-stopped(| .*)", r"\1\2 --restart always\3"),
    (rf"run{_OWN} --rm( .*)", r"run\1\2"),
    (rf"run{_OWN} --name[ =](\S+)( .*)", r"run\1 \2\3"),
    (r"run \./([a-z][a-z0-9-]*)(.*)", r"run \1 ./\1\2"),
)


def here(typed: str, *, known: bool) -> str:
    """Return a command as it is typed here; one that no row fits stays as it is.

    known: it begins with a verb of ours.
    """
    for pattern, right in OURS if known else (*ELSEWHERE, *OURS):
        fits = re.fullmatch(pattern, typed, re.DOTALL)
        typed = fits.expand(right) if fits else typed
    return typed
