"""What makes bash and zsh complete `simplecloud`: verbs and options from the table, names from the cloud."""

from __future__ import annotations

from manager.api.command import Command
from manager.api.commands import COMMANDS
from manager.api.places import Places
from shell.live.repeated import is_listing

_BASH = """\
# simplecloud: completion for bash. Use it with: source <(simplecloud completion bash)
_simplecloud() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} at=1 program=("$1") options="" words="" listings="" names
    while [[ ${{COMP_WORDS[at]}} == -* && $at -lt $COMP_CWORD ]]; do # what stands before the verb
        if [ "${{COMP_WORDS[at]}}" = --cloud ]; then
            program=("$1" --cloud "${{COMP_WORDS[at+1]}}")
            at=$((at + 1))
        fi
        at=$((at + 1))
    done
    if [ "$at" -gt "$COMP_CWORD" ]; then
        COMPREPLY=( $(compgen -W "$(cd {clouds} 2>/dev/null && printf '%s\n' */)" -- "$word") )
        COMPREPLY=( "${{COMPREPLY[@]%/}}" )
        return
    elif [ "$at" -eq "$COMP_CWORD" ]; then
        COMPREPLY=( $(compgen -W "--cloud {verbs}" -- "$word") )
        return
    fi
    case ${{COMP_WORDS[at]}} in
{cases}
    esac
    case $word in
        -*) COMPREPLY=( $(compgen -W "$options" -- "$word") ) ;;
        *)
            names="$words $(_simplecloud_names $listings)"
            COMPREPLY=( $(compgen -W "$names" -- "$word") $(compgen -f -- "$word") )
            ;;
    esac
}}
_simplecloud_names() {{ # listings: no key waits for long when no manager answers
    local listing
    for listing; do
        timeout 2 "${{program[@]}}" "$listing" -q 2>/dev/null
    done
}}
complete -o filenames -F _simplecloud simplecloud ./simplecloud
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_LISTINGS = {"apps": "apps", "targets": "apps ps"}


def script(shell: str) -> str:
    """Return the completion script for bash or zsh."""
    verbs = " ".join(row.verb for row in COMMANDS)
    cases = "\n".join(_case(row) for row in COMMANDS)
    bash = _BASH.format(verbs=verbs, cases=cases, clouds=Places("any").run.parent)
    return bash if shell == "bash" else _ZSH + bash


def _case(row: Command) -> str:
    options = " ".join(f"--{option.name}" for option in row.options)
    words = [choice for operand in row.operands for choice in operand.kind.choices]
    completes = [operand.kind.completes for operand in row.operands]
    if row.verb == "watch":
        words, completes = [listing.verb for listing in COMMANDS if is_listing(listing)], ["apps"]
    listings = next((_LISTINGS[what] for what in completes if what in _LISTINGS), "")
    return f'        {row.verb}) options="{options}" words="{" ".join(words)}" listings="{listings}" ;;'
