"""What people know from elsewhere, and from a slip, is answered by the command of here, ready to paste."""

from __future__ import annotations

import re

import pytest

from manager.api.errors import UsageError
from shell.language import grammar, habits
from shell.language.quoting import quote
from shell.language.scanner import statements

TYPED = [
    ("docker ps -a", "ps -a"),
    ("sudo docker rm -f web", "rm web -y"),
    ("docker container ls -a", "ps -a"),
    ("docker run -p 8000 web ./x", "run -p 8000 web ./x"),
    ("docker run --rm -p 8080:80 --name web busybox httpd -f", "run -p 80 web busybox httpd -f"),
    ("podman container stop web.1", "stop web.1"),
    ("rm -rf web", "rm web -y"),
    ("dt", "apps"),
    ("show apps", "apps"),
    ("show routes web", "routes web"),
    ("for i in web api", "help scripts"),
    ("n=3", "set n 3"),
    ("export N=3", "set N 3"),
    ("DEBUG=1 run web ./x", "run -e DEBUG=1 web ./x"),
    ("kubectl scale deployment/web --replicas=3", "scale web=3"),
    ("docker stop -t 5 web", "help stop"),
    ("docker image ls", "images"),
    ("docker kill web.1", "crash web.1"),
    ("docker attach web", "logs -f web"),
    ("docker port web", "routes web"),
    ("docker pause web", "stop web"),
    ("docker unpause web", "start web"),
    ("docker system prune -a", "doctor"),
    ("docker info", "status"),
    ("docker frobnicate", "help"),
    ("docker rmi web", "images"),
    ("./simplecloud", "help"),
    ("status web", "describe web"),
    ("get events -w", "events -f"),
    ("kubectl logs pod web", "logs web"),
    ("docker sacle web=3", "scale web=3"),
    ("docker compose up -d", "import compose.yaml"),
    ("docker-compose down", "help rm"),
    ("docker compose logs -f web", "logs -f web"),
    ("docker run -it ubuntu bash", "help exec"),
    ("kubectl exec -it pod/web -- sh", "exec -it web -- sh"),
    ("kubectl get pod/web", "apps web"),
    ("kubectl get pods", "ps"),
    ("kubectl get pods web", "ps web"),
    ("kubectl get deployments", "apps"),
    ("kubectl get nodes", "status"),
    ("kubectl get events", "events"),
    ("get secrets", "secret ls"),
    ("get apps", "apps"),
    ("get app web", "apps web"),
    ("get routes web", "routes web"),
    ("kubectl get images", "images"),
    ("get", "apps"),
    ("kubectl top pods", "stats"),
    ("kubectl delete pod web", "rm web"),
    ("kubectl delete deployment/web", "rm web"),
    ("kubectl scale --replicas=3 deployment/web", "scale web=3"),
    ("kubectl create web ./x", "run web ./x"),
    ("kubectl rollout undo deployment/web", "undo web"),
    ("kubectl logs -f deploy/web", "logs -f web"),
    ("systemctl status web", "describe web"),
    ("./simplecloud ps", "ps"),
    ("/opt/simplecloud ps web", "ps web"),
    ("./simplecloud --cloud other ps", "simplecloud --cloud other ps"),
    ("scale --replicas=3 web", "scale web=3"),
    ("scale web --replicas 3", "scale web=3"),
    ("rm -f ends", "rm ends -y"),
    ("scale 3 web", "scale web=3"),
    ("update web -n 2", "scale web=2"),
    ("update -n2 web", "scale web=2"),
    ("config set A=b", "update web -e A=b"),
    ("describe pod web", "describe web"),
    ("delete web", "rm web"),
    ("delete", "help rm"),
    ("kill web", "crash web"),
    ("port web", "routes web"),
    ("deploy -f a.toml", "apply -f a.toml"),
    ("ssh web.1", "exec -it web.1 sh"),
    ("shell web.1 ls", "exec web.1 ls"),
    ("env web.1", "exec web.1 env"),
    ("config web", "describe web"),
    ("log web", "logs web"),
    ("list", "apps"),
    ("pods", "ps"),
    ("secrets", "secret ls"),
    ("q", "exit"),
    ("autoscale web on", "autoscale web --max 6"),
    ("run -p 8080:80 --name web2 ./x", "run -p 80 web2 ./x"),
    ("run --name web2 -d ./x", "run -d web2 ./x"),
    ("./hello", "run hello ./hello"),
    ("run ./server.py 80", "run server ./server.py 80"),
    ("watch logs web", "logs -f web"),
    ("watch logs web -f", "logs web -f"),
    ("watch logs web --once", "logs web"),
    ("watch --once logs web", "logs web"),
    ("watch --interval 2s logs web --tail 5", "logs -f web --tail 5"),
    ("watch logs web --interval 2s --tail 5", "logs -f web --tail 5"),
    ("run --memory 512 z ./hello", "run --memory 512M z ./hello"),
    ("kubectl get pods -w", "watch ps"),
    ("kubectl get pods -o yaml", "ps -o json"),
    ("kubectl scale deploy web --replicas=3", "scale web=3"),
    ("kubectl set image deployment/web web=tools", "update web --image tools"),
    ("kubectl port-forward svc/web 8080:80", "routes web"),
    ("kubectl expose deployment web --port 80", "routes web"),
    ("kubectl edit deployment web", "help update"),
    ("docker service ls", "apps"),
    ("docker service ps web", "ps web"),
    ("docker service inspect web", "inspect web"),
    ("docker service logs -f web", "logs -f web"),
    ("docker stack deploy -c compose.yaml web", "help files"),
    ("docker pull nginx", "help images"),
    ("docker ps -f status=running", "ps --filter state=ready"),
    ("ps --filter status=exited", "ps --filter state=stopped"),
    ("ps --filter status=restarting", "ps --filter state=backoff"),
    ("ps -ef", "ps"),
    ("ps web --watch", "watch ps web"),
    ("apps --format json", "apps -o json"),
    ("events web", "events --app web"),
    ("events -f web", "events -f --app web"),
    ("events -o yaml", "events -o json"),
    ("inspect web.1 -o yaml", "inspect web.1"),
    ("docker volume ls", "help files"),
    ("events web -o yaml", "events --app web -o json"),
    ("load web --rps 50 --duration 10s", "load web --rps 50 --for 10s"),
    ("docker run -d -m 512mb --name web ./x", "run -d --memory 512m web ./x"),
    ("run --restart unless-stopped web ./x", "run --restart always web ./x"),
    ("update web --restart unless-stopped", "update web --restart always"),
    ("update web -m 512m", "update web --memory 512m"),
    ("run -m 512m web ./x --restart unless-stopped", "run --memory 512m web ./x --restart unless-stopped"),
    ("set -e", "set errexit on"),
    ("set -x", "set echo on"),
    ("unset n", "set n ''"),
    ("tail -f web", "logs -f web"),
    ("htop", "watch"),
    ("man ps", "help ps"),
    ("i demos/tour.sc", "source demos/tour.sc"),
    ("timing", "set timing on"),
    ("h scale", "help scale"),
    ("demos/tour.sc", "source demos/tour.sc"),
    ("./demos/tour.sc", "source ./demos/tour.sc"),
]


def refused(text: str) -> UsageError:
    (statement,) = statements(text)
    with pytest.raises(UsageError) as caught:
        grammar.check(statement)
    return caught.value


@pytest.mark.parametrize(("typed", "right"), TYPED)
def test_what_is_typed_elsewhere_is_told_as_it_is_typed_here(typed: str, right: str) -> None:
    assert refused(typed).hint == right


@pytest.mark.parametrize("right", [right for _, right in TYPED if not right.startswith("simplecloud")])
def test_a_hint_is_itself_accepted(right: str) -> None:
    (statement,) = statements(right)

    grammar.check(statement)


@pytest.mark.parametrize("row", [*habits.ELSEWHERE, *habits.OURS], ids=str)
def test_every_row_answers_something_of_this_list(row: tuple[str, str]) -> None:
    assert any(row in rows_of(typed) for typed, _ in TYPED)


def rows_of(typed: str) -> set[tuple[str, str]]:
    """Return which rows of the tables fit on the way of a command through them."""
    fitting = set()
    for pattern, right in (*habits.ELSEWHERE, *habits.OURS):
        if fits := re.fullmatch(pattern, typed):
            fitting.add((pattern, right))
            typed = fits.expand(right)
    return fitting


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("apply -f deploy/app.toml --dryrun", "apply -f deploy/app.toml --dry-run"),
        ("kubectl apply -f deployment/web.yaml", "apply -f deployment/web.yaml"),
        ("docker cp ./svc/x web:/tmp", "cp ./svc/x web:/tmp"),
        ("run --copy ./repo/c.json --memroy 64M web ./x", "run --copy ./repo/c.json --memory 64M web ./x"),
        ("run --memroy 64M web ./x --name foo --rm y", "run --memory 64M web ./x --name foo --rm y"),
        ("restart svc web --nwo", "restart svc web --now"),
        ("rm services web --nwo", "rm services web --now"),
    ],
)
def test_a_word_that_may_be_a_path_an_app_or_a_worker_s_own_stays(typed: str, right: str) -> None:
    assert refused(typed).hint == right


@pytest.mark.parametrize(
    "typed", ["docker rmi web", "docker compose rm -f web", "kubectl delete pod web --force"]
)
def test_nobody_is_led_to_remove_an_app_without_a_question_who_did_not_ask_for_that(typed: str) -> None:
    assert refused(typed).hint in ("images", "help rm")


@pytest.mark.parametrize("typed", ["./simplecloud", "./simplecloud -c ps", "simplecloud -f demos/tour.sc"])
def test_the_program_itself_becomes_no_app(typed: str) -> None:
    assert refused(typed).hint == "help"


def test_words_that_need_quotes_keep_them() -> None:
    typed = f"docker exec web sh -c {quote('echo $HOSTNAME; ls')} {quote('of two' + chr(10) + 'lines')}"

    assert refused(typed).hint == typed.removeprefix("docker ")


def test_a_run_of_docker_is_told_how_its_words_are_meant_here() -> None:
    error = refused("docker run -d -p 8080:80 nginx")

    assert error.message == (
        'unknown command "docker": here run takes NAME, then COMMAND, and -p the port inside'
    )
    assert error.hint == "help run"


def test_what_cannot_be_undone_is_offered_for_no_app_that_was_not_named() -> None:
    assert refused("rm").hint == "help rm"
