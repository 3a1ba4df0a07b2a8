"""What makes bash and zsh complete `simplecloud`: verbs and options from the table, names from the cloud."""

from __future__ import annotations

from manager.api.command import Command
from manager.api.commands import COMMANDS

_BASH = """\
# simplecloud: completion for bash. Use it with: source <(simplecloud completion bash)
_simplecloud() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}} options="" names=""
    if [ "$COMP_CWORD" -le 1 ]; then
        COMPREPLY=( $(compgen -W "{verbs}" -- "$word") )
        return
    fi
    case $verb in
{cases}
    esac
    case $word in
        -*) COMPREPLY=( $(compgen -W "$options" -- "$word") ) ;;
        *) COMPREPLY=( $(compgen -W "$names" -- "$word") $(compgen -f -- "$word") ) ;;
    esac
}}
complete -o filenames -F _simplecloud simplecloud ./simplecloud
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_NAMES = {
    "apps": "$(simplecloud apps -q 2>/dev/null)",
    "targets": "$(simplecloud apps -q 2>/dev/null; simplecloud ps -q 2>/dev/null)",
}


def script(shell: str) -> str:
    """Return the completion script for bash or zsh."""
    verbs = " ".join(row.verb for row in COMMANDS)
    bash = _BASH.format(verbs=verbs, cases="\n".join(_case(row) for row in COMMANDS))
    return bash if shell == "bash" else _ZSH + bash


def _case(row: Command) -> str:
    options = " ".join(f"--{option.name}" for option in row.options)
    live = next((_NAMES[o.kind.completes] for o in row.operands if o.kind.completes in _NAMES), "")
    names = f' names="{live}"' if live else ""
    return f'        {row.verb}) options="{options}"{names} ;;'
