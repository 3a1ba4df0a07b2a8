"""What users of docker, kubectl and others type, and what that is here. Pure: texts to texts.

The table is read where a command is refused; what comes out is offered only where the grammar accepts it.
"""

from __future__ import annotations

import re

_KINDS = r"pods?|po|deployments?|deploy|services?|svc|containers?"
# each row that fits a whole command changes it, from the first to the last
ROWS = (
    (r"(?:(?:sudo|docker|podman|kubectl|systemctl|(?:\S*/)?simplecloud) )+([^-].*)", r"\1"),
    (r"(?:\S*/)?simplecloud (--cloud[ =]\S+ .+)", r"simplecloud \1"),
    (r"get (?:po|pods?)(| .*)", r"ps\1"),
    (r"get (?:nodes?|cs)", "status"),
    (r"get secrets?", "secret ls"),
    (r"get events?", "events"),
    (rf"get(?: (?:all|{_KINDS}))?(| .*)", r"apps\1"),
    (r"top (?:pods?|nodes?)", "stats"),
    (r"(?:docker-)?compose up(?: .*)?", "import compose.yaml"),
    (r"(?:docker-)?compose down(?: .*)?", "help rm"),  # `down` here is for the whole cloud
    (r"(?:container|compose) ls(| .*)", r"ps\1"),
    (r"(?:container|compose|rollout|pod) ([a-z].*)", r"\1"),
    (rf"(\S+) (?:{_KINDS}) (\S.*)", r"\1 \2"),
    (rf"(\S+ .*?)(?:{_KINDS})/(\S.*)", r"\1\2"),
    (r"(?:delete|destroy|remove)(| .*)", r"rm\1"),
    (r"kill(| .*)", r"crash\1"),
    (r"create(| .*)", r"run\1"),
    (r"deploy(| .*)", r"apply\1"),
    (r"(?:shell|ssh) (\S+)", r"exec -it \1 sh"),
    (r"(?:shell|ssh)(| .*)", r"exec\1"),
    (r"env (\S+)", r"exec \1 env"),
    (r"(?:env|config)(| .*)", r"describe\1"),
    (r"status (\S+)", r"describe \1"),
    (r"log(| .*)", r"logs\1"),
    (r"attach(| .*)", r"logs -f\1"),
    (r"(?:info|nodes?)(?: .*)?", "status"),
    (r"(?:system )?prune(?: .*)?", "doctor"),
    (r"port(| .*)", r"routes\1"),
    (r"(?:list|services|deployments)(| .*)", r"apps\1"),
    (r"pods(| .*)", r"ps\1"),
    (r"image(?: ls)?", "images"),
    (r"secrets", "secret ls"),
    (r"pause(| .*)", r"freeze\1"),
    (r"unpause(| .*)", r"thaw\1"),
    (r":?q!?|logout|bye", "exit"),
    (r"rm(| .*) (?:-f|--force)(| .*)", r"rm\1\2 -y"),
    (r"logs(| .*) -n[ =]?(\d+)(| .*)", r"logs\1 --tail \2\3"),
    (r"scale --replicas[ =](\d+) (\S+)", r"scale \2=\1"),
    (r"scale (\S+) --replicas[ =](\d+)", r"scale \1=\2"),
    (r"autoscale (\S+) on", r"autoscale \1 --max 6"),
    (r"run(| .*) --rm( .*)", r"run\1\2"),
    (r"run(| .*) --name[ =](\S+)( .*)", r"run\1 \2\3"),
    (r"(?:run )?\./([a-z][a-z0-9-]*)(.*)", r"run \1 ./\1\2"),
)


def here(typed: str) -> str:
    """Return a command as it is typed here; one that no row fits stays as it is."""
    for pattern, right in ROWS:
        fits = re.fullmatch(pattern, typed, re.DOTALL)
        typed = fits.expand(right) if fits else typed
    return typed
