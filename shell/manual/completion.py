"""What makes bash and zsh complete `simplecloud`: they ask the program, which knows what can stand where."""

from __future__ import annotations

# bash replaces what is behind the last of COMP_WORDBREAKS only, zsh the whole word.
# $COMP_POINT with its sign: zsh takes `:C` for a modifier.
_BASH = """\
# simplecloud: completion for bash. Use it with: source <(simplecloud completion bash)
_simplecloud() {
    local IFS=$'\\n' typed=${COMP_LINE:0:$COMP_POINT} kept
    kept=${typed##*[[:space:]]}
    kept=${kept%"${kept##*["${COMP_WORDBREAKS:- }"]}"}
    COMPREPLY=( $(timeout 2 "$1" --complete "$typed" 2>/dev/null) ) # no key waits for long
    COMPREPLY=( "${COMPREPLY[@]#"$kept"}" )
    case ${COMPREPLY[*]} in
        *[/\\ ]*) compopt -o filenames 2>/dev/null ;;
        *[=:]) compopt -o nospace 2>/dev/null ;;
    esac
}
complete -F _simplecloud simplecloud ./simplecloud
"""
_ZSH = """\
(( $+functions[compdef] )) || { autoload -U compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
"""


def script(shell: str) -> str:
    """Return the completion script for bash or zsh."""
    return _BASH if shell == "bash" else _ZSH + _BASH
