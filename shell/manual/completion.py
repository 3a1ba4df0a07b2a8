"""What makes bash and zsh complete `simplecloud`: verbs and options from the table, names from the cloud."""

from __future__ import annotations

from manager.api.command import Command
from manager.api.commands import COMMANDS

_BASH = """\
# simplecloud: completion for bash. Use it with: source <(simplecloud completion bash)
_simplecloud() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}} options="" listings="" names
    if [ "$COMP_CWORD" -le 1 ]; then
        COMPREPLY=( $(compgen -W "{verbs}" -- "$word") )
        return
    fi
    case $verb in
{cases}
    esac
    case $word in
        -*) COMPREPLY=( $(compgen -W "$options" -- "$word") ) ;;
        *)
            names=$(_simplecloud_names "$1" $listings)
            COMPREPLY=( $(compgen -W "$names" -- "$word") $(compgen -f -- "$word") )
            ;;
    esac
}}
_simplecloud_names() {{ # program, listings: no key waits for long when no manager answers
    local listing
    for listing in "${{@:2}}"; do
        timeout 2 "$1" "$listing" -q 2>/dev/null
    done
}}
complete -o filenames -F _simplecloud simplecloud ./simplecloud
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_LISTINGS = {"apps": "apps", "targets": "apps ps"}


def script(shell: str) -> str:
    """Return the completion script for bash or zsh."""
    verbs = " ".join(row.verb for row in COMMANDS)
    bash = _BASH.format(verbs=verbs, cases="\n".join(_case(row) for row in COMMANDS))
    return bash if shell == "bash" else _ZSH + bash


def _case(row: Command) -> str:
    options = " ".join(f"--{option.name}" for option in row.options)
    completes = (operand.kind.completes for operand in row.operands)
    listings = next((_LISTINGS[what] for what in completes if what in _LISTINGS), "")
    return f'        {row.verb}) options="{options}" listings="{listings}" ;;'
