"""The interactive prompt: prompt_toolkit around pure functions of the text and the last snapshot.

No key waits for the manager: a thread keeps the snapshot fresh while the prompt is shown. ^C at the prompt
clears the line, ^C during a command ends the waiting, ^D leaves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.completion import Completion as Suggestion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from manager.api.errors import CloudError
from manager.api.rows.changing import FIRST_RUN
from shell import script, statements
from shell.following import follow
from shell.language.scanner import goes_on
from shell.prompt.complete import complete
from shell.prompt.directory import entries
from shell.prompt.highlight import fragments
from shell.prompt.history import PrivateHistory
from shell.prompt.named import Named
from shell.prompt.snapshot import Snapshot, Watch
from shell.prompt.toolbar import command_at, toolbar
from shell.prompt.xdg import history_file, init_file
from shell.session import Session
from shell.soon import soon
from shell.terminal import shows_utf8

GREETING = f"type help or watch, or: {FIRST_RUN}"
_ANSWER_S = 2.0  # for a prompt, a manager that takes longer is as good as away
_MENU_ROWS = 6
_GOES_ON = ("/", "=", ":")  # at the end of what is the beginning of a word
_STYLE = Style.from_dict(
    # The terminal's own colours fit its background, dark or light; not all have a yellow or a grey that does.
    {
        "prompt": "bold",
        "verb": "bold",
        "unknown": "ansired",
        "option": "ansicyan",
        "name": "ansigreen",
        "missing": "ansired underline",
        "bottom-toolbar": "noreverse",
        "toolbar.usage": "dim",
        "toolbar.well": "ansigreen",
        "toolbar.busy": "#af5f00",
        "toolbar.away": "ansired bold",
    }
)

Execute = Callable[[Session, str], int]  # a line, to its exit code


@dataclass(slots=True)
class _Draft:
    """What stood in the line when a key asked for something else; it stands there again afterwards."""

    text: str = ""

    def taken(self) -> str:
        """Return the text, once."""
        text, self.text = self.text, ""
        return text


def run(session: Session, execute: Execute = statements.execute) -> int:
    """Read lines and have them carried out until the person leaves, and return 0 then."""
    prompt: PromptSession[str]
    ask = partial(session.client.call, patience_s=0.0, answer_within_s=_ANSWER_S)
    watch = Watch(ask, partial(follow, session.client), lambda: soon(prompt.app, prompt.app.invalidate))
    draft = _Draft()
    prompt = _prompt_of(
        session.places.prompt, lambda: replace(watch.snapshot, variables=_variables(session)), draft
    )
    _greet(session, prompt)
    _begin(session)
    try:
        while not session.leaving:
            prompt.editing_mode = EditingMode.VI if session.options.keys == "vi" else EditingMode.EMACS
            watch.show()
            line = _read(session, prompt, draft.taken())
            watch.hide()
            if line is None:
                break
            _carry_out(session, line, execute)
    finally:
        watch.stop()
    return 0


def _variables(session: Session) -> tuple[Named, ...]:
    return tuple(Named(f"${name}", value) for name, value in session.variables.items())


def _greet(session: Session, prompt: PromptSession[str]) -> None:
    """Say where to begin, to somebody who has not been here before."""
    if not any(prompt.history.load_history_strings()):
        print(GREETING, file=session.err, flush=True)


def _begin(session: Session) -> None:
    """Carry out the person's own script of first commands, if there is one."""
    own = str(init_file(os.environ))
    if os.path.exists(own):
        try:
            script.run_file(session, own)
        except CloudError as error:
            session.tell(error)


def _read(session: Session, prompt: PromptSession[str], begun: str) -> str | None:
    """Return the next line, '' after ^C, None when the person leaves.  begun: what stands in it already.

    Who leaves while loads run is told so, once, and may stay.
    """
    line = _typed(prompt, begun)
    running = [name for name, load in session.loads.items() if not load.done]
    if line is not None or not running:
        return line
    session.note(f"load still runs: {', '.join(running)}; ^D again stops it and leaves")
    return _typed(prompt, "")


def _typed(prompt: PromptSession[str], begun: str) -> str | None:
    try:
        return prompt.prompt(default=begun)
    except KeyboardInterrupt:
        return ""
    except EOFError:
        return None


def _carry_out(session: Session, text: str, execute: Execute) -> None:
    try:
        execute(session, text)
    except KeyboardInterrupt:  # between two statements: the session answers it within one
        print(file=session.err, flush=True)


def _prompt_of(message: str, seen: Callable[[], Snapshot], draft: _Draft) -> PromptSession[str]:
    """Return the prompt; `seen` gives the last snapshot."""
    session: PromptSession[str] = PromptSession(
        [("class:prompt", message)],
        history=PrivateHistory(history_file(os.environ)),
        auto_suggest=AutoSuggestFromHistory(),
        completer=_Completions(seen),
        lexer=_Highlighting(seen),
        style=_STYLE,
        key_bindings=_keys(draft),
        bottom_toolbar=lambda: _toolbar(session, seen()),
        multiline=True,
        prompt_continuation=lambda width, number, wrapped: " " * width if wrapped else f"{'> ':>{width}}",
        enable_suspend=True,
    )
    session.app.renderer.cpr_not_supported_callback = None  # it would warn, in the middle of the screen
    session.app.before_render += lambda app: _fit(session, app.output.get_size().rows)
    return session


def _fit(session: PromptSession[str], rows: int) -> None:
    """The menu has rows where there are so many: line and toolbar are seen in any case."""
    session.reserve_space_for_menu = max(0, min(_MENU_ROWS, rows - 2))


def _toolbar(session: PromptSession[str], snapshot: Snapshot) -> StyleAndTextTuples:
    output, document = session.app.output, session.default_buffer.document
    # one column less: some terminals wrap a line that ends in their last one
    width = output.get_size().columns - 1
    return [
        *toolbar(document.text, document.cursor_position, snapshot, width, utf8=shows_utf8(output.encoding()))
    ]


class _Completions(Completer):
    def __init__(self, seen: Callable[[], Snapshot]) -> None:
        self._seen = seen

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Suggestion]:
        cursor = document.cursor_position
        for found in complete(document.text, cursor, self._seen(), entries):
            yield Suggestion(found.text, found.start - cursor, display_meta=found.meta)


class _Highlighting(Lexer):
    def __init__(self, seen: Callable[[], Snapshot]) -> None:
        self._seen = seen

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        rows = list(split_lines([*fragments(document.text, self._seen())]))
        return lambda number: rows[number] if number < len(rows) else []

    def invalidation_hash(self) -> Hashable:
        return id(self._seen())


def _offered(buffer: Buffer) -> CompletionState:
    """Return what can stand at the cursor now: a key does not wait for the menu."""
    asked = CompleteEvent(completion_requested=True)
    return CompletionState(buffer.document, [*buffer.completer.get_completions(buffer.document, asked)])


def _enter(event: KeyPressEvent) -> None:
    """Take the chosen completion; else go on in a new line where one is wanted; else run the line."""
    buffer = event.current_buffer
    if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
        buffer.complete_state = None
    elif goes_on(buffer.text):
        buffer.insert_text("\n")
    else:
        buffer.validate_and_handle()


def _tab(event: KeyPressEvent) -> None:
    """Put in the only completion, and a space where the word is whole; else the next of several."""
    buffer = event.current_buffer
    state = buffer.complete_state or _offered(buffer)
    if len(state.completions) == 1 and state.current_completion is None:
        (only,) = state.completions
        buffer.complete_state = None
        buffer.apply_completion(only)
        last = only.text.rstrip("'\"")[-1:]  # within quotes
        goes_on = last in _GOES_ON or only.text.startswith("$")  # a variable may be a part of its word
        if not goes_on and not buffer.document.text_after_cursor.startswith(" "):
            buffer.insert_text(" ")
    elif state.completions:
        buffer.complete_state = state
        buffer.complete_next()


def _help_here(event: KeyPressEvent) -> str:
    """Return the command that helps on the verb under the cursor."""
    buffer = event.current_buffer
    command = command_at(buffer.text, buffer.cursor_position)
    return f"help {command.verb}" if command else "help"


def _keys(draft: _Draft) -> KeyBindings:
    keys = KeyBindings()
    in_line = has_focus(DEFAULT_BUFFER)
    keys.add("enter", filter=in_line)(_enter)
    keys.add("tab", filter=in_line)(_tab)

    def aside(event: KeyPressEvent, command: str) -> None:
        draft.text = event.current_buffer.text
        event.app.exit(result=command)

    keys.add("f1")(lambda event: aside(event, _help_here(event)))
    keys.add("f2")(lambda event: aside(event, "watch"))
    # coloured text, pasted where the terminal marks no paste, looks like a mouse
    keys.add(Keys.Vt100MouseEvent)(lambda event: None)
    return keys
