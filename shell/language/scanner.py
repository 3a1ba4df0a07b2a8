"""Reads script text from left to right into the statements and words of `shell.language.words`."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shell.language.words import (
    Part,
    Statement,
    Substitution,
    SyntaxRejected,
    Text,
    Variable,
    Word,
)

_BLANKS = re.compile(r"(?:[ \t\r\f\v]|\\\r?\n)*(?:#[^\n]*)?")
_PLAIN = re.compile(r"[^ \t\r\n\f\v\\'\"$;]+")
_PLAIN_INSIDE = re.compile(r"[^ \t\r\n\f\v\\'\"$;)]+")
_IN_DOUBLE = re.compile(r'[^"\\$]+')
_MAY_GO_ON = re.compile(r"['\"]|\$\(|\\\Z")
_CONTINUED = re.compile(r"\\\r?\n")
_VARIABLE = re.compile(r"\$(?:\{([^}\n]*)\}|(env\.[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9_]+|[?@*#$!]))")
_MOST_NESTED = 32  # $( in $(: each is read, and later carried out, within the one around it
_OPERATORS = frozenset({"|", "||", "&", "&&", "<", ">", ">>"})
_PARAMETER = re.compile(r"[?@*#$!0-9]")  # of other shells: $? $1 $@
_NAME = re.compile(r"(?:env\.)?[A-Za-z_][A-Za-z0-9_]*")


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements of a text; raises SyntaxRejected, also where something is open at its end."""
    return _Scanner(text).statements(inside=False)


def joined(line: str, following: Callable[[], str | None]) -> str:
    """Return a line with those that continue it; `following` gives the next one, None when there is none.

    Nothing is rejected: who reads the whole tells what is off, and takes no line of a quote for a command.
    """
    scanner = _Scanner(line, following, joining=True)
    if _MAY_GO_ON.search(line):
        with suppress(SyntaxRejected):
            scanner.statements(inside=False)
    return scanner.text


def goes_on(text: str) -> bool:
    """Tell whether a text ends where the next line belongs to it: in quotes, in $( or in a backslash."""
    asked: list[bool] = []
    joined(text, lambda: asked.append(True))
    return bool(asked)


@dataclass(slots=True)
class _Scanner:
    """Reads one text from left to right; `inside` is true between $( and its ).

    following: gives the line that continues the text where that ends in a backslash, or within something that
    is open. So no character is read twice, however many lines there are.
    joining: only the end of the text is looked for, past what is off about it.
    """

    text: str
    following: Callable[[], str | None] = lambda: None
    joining: bool = False
    at: int = 0
    nested: int = 0

    def statements(self, *, inside: bool) -> tuple[Statement, ...]:
        opened = self.at - 2
        found: list[Statement] = []
        while True:
            statement = self._statement(inside)
            if statement.words:
                found.append(statement)
            if self._at_end(")" if inside else None):
                if inside:
                    raise self._unclosed("$( without its )", opened)
                return tuple(found)
            self.at += 1
            if inside and self.text[self.at - 1] == ")":
                return tuple(found)

    def _statement(self, inside: bool) -> Statement:
        """Read up to the ; or line end or ) that ends the statement, which stays to be read."""
        self._skip_blanks()
        start = self.at
        tolerant = self.text.startswith("-", start)
        if tolerant:
            self.at += 1
            self._skip_blanks()
        found: list[Word] = []
        while not self._ended(inside):
            found.append(self._word(inside))
            self._skip_blanks()
        self._refuse_operator(found)
        if tolerant and not found:
            self._reject(SyntaxRejected("no command after the -", (start, start + 1), hint="-rm web -y"))
        return Statement(tuple(found), tolerant, start, found[-1].end if found else start)

    def _refuse_operator(self, given: list[Word]) -> None:
        """Raise SyntaxRejected for a bare operator of other shells; conditions compare with < and >."""
        written = [self.text[word.start : word.end] for word in given]
        compares = written[:1] in (["wait"], ["expect"])
        refused = _OPERATORS - {"<", ">"} if compares else _OPERATORS
        at = next((at for at, word in enumerate(written) if word in refused), None)
        if at is None:
            return
        operator, statement = written[at], " ".join(written)
        self._reject(
            SyntaxRejected(
                f"there is no {operator} here, only in the shell that calls simplecloud",
                (given[at].start, given[at].end),
                hint=statement.replace(" &&", ";") if operator == "&&" else f"simplecloud {statement}",
            )
        )

    def _skip_blanks(self) -> None:
        while True:
            blanks = _BLANKS.match(self.text, self.at)
            if blanks is not None:
                self.at = blanks.end()
            if not self._goes_on():
                return

    def _goes_on(self) -> bool:
        """Take in the next line where the text is at a last backslash, and tell whether there was one."""
        return self.at + 1 == len(self.text) and self.text[self.at] == "\\" and self._takes()

    def _at_end(self, closing: str | None) -> bool:
        """Tell whether nothing is left to be read, also not in the lines that may have what closes."""
        return self.at >= len(self.text) and (closing is None or not self._takes(closing))

    def _takes(self, closing: str = "") -> bool:
        """Take in the lines up to one that has `closing` in it, and tell whether there was any."""
        lines = [self.text]
        while (line := self.following()) is not None:
            lines.append(line)
            if closing in line:
                break
        self.text = "\n".join(lines)
        return len(lines) > 1

    def _ended(self, inside: bool) -> bool:
        if self.at >= len(self.text):
            return True
        return self.text[self.at] in ";\n" or (inside and self.text[self.at] == ")")

    def _word(self, inside: bool) -> Word:
        plain = _PLAIN_INSIDE if inside else _PLAIN
        start = self.at
        parts: list[Part] = []
        while self.at < len(self.text):
            match self.text[self.at]:
                case "'":
                    parts.append(self._single())
                case '"':
                    parts += self._double()
                case "\\":
                    parts.append(self._escaped())
                case "$":
                    parts.append(self._dollar())
                case _:
                    run = plain.match(self.text, self.at)
                    if run is None:
                        break
                    self.at = run.end()
                    parts.append(Text(run.group()))
        return Word(_merged(parts), start, self.at)

    def _single(self) -> Text:
        opened = self.at
        while (end := self.text.find("'", self.at + 1)) < 0:
            if not self._takes("'"):
                raise self._unclosed("unterminated ' quote", opened)
        self.at = end + 1
        return Text(self.text[opened + 1 : end])

    def _double(self) -> list[Part]:
        opened = self.at
        self.at += 1
        parts: list[Part] = [Text("")]
        while not self._at_end('"'):
            match self.text[self.at]:
                case '"':
                    self.at += 1
                    return parts
                case "\\":
                    parts.append(self._escaped(only='\\"$`'))
                case "$":
                    parts.append(self._dollar())
                case _:
                    run = _IN_DOUBLE.match(self.text, self.at)
                    self.at = run.end() if run is not None else self.at + 1
                    parts.append(Text(run.group() if run is not None else ""))
        raise self._unclosed('unterminated " quote', opened)

    def _escaped(self, only: str = "") -> Text:
        """Read a backslash and what it takes; within double quotes it takes only some characters."""
        self._goes_on()
        continued = _CONTINUED.match(self.text, self.at)
        if continued is not None:
            self.at = continued.end()
            return Text("")
        if self.at + 1 >= len(self.text):
            raise SyntaxRejected("nothing follows the last backslash", (self.at, self.at + 1))
        taken = self.text[self.at + 1]
        self.at += 2
        return Text("\\" + taken if only and taken not in only else taken)

    def _dollar(self) -> Part:
        """Read a variable or a substitution; a $ before anything else is itself."""
        start = self.at
        if self.text.startswith("$(", start):
            return self._substitution()
        found = _VARIABLE.match(self.text, start)
        if found is None:
            if self.text.startswith("${", start):
                self._reject(self._unclosed("${ without its }", start))
            self.at += 1
            return Text("$")
        self.at = found.end()
        return Variable(self._name(found), start, self.at)

    def _substitution(self) -> Substitution:
        start = self.at
        if self.nested >= _MOST_NESTED:
            raise SyntaxRejected(f"more than {_MOST_NESTED} $( within each other", (start, start + 2))
        self.at += 2
        self.nested += 1
        inner = self.statements(inside=True)
        self.nested -= 1
        return Substitution(inner, start, self.at)

    def _name(self, found: re.Match[str]) -> str:
        name = found[2] if found[1] is None else found[1]
        if _PARAMETER.fullmatch(name):
            told = f"there is no ${name} here, only in the shell that calls simplecloud"
            self._reject(SyntaxRejected(told, found.span()))
        elif not _NAME.fullmatch(name):
            told, hint = f'"{name}" is not the name of a variable', "write '$' for the sign itself"
            self._reject(SyntaxRejected(told, found.span(), hint=hint))
        return str(name)

    def _reject(self, error: SyntaxRejected) -> None:
        if not self.joining:
            raise error

    def _unclosed(self, message: str, opened: int) -> SyntaxRejected:
        end = self.text.find("\n", opened)
        return SyntaxRejected(message, (opened, end if end >= 0 else len(self.text)))


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Return the parts with neighbouring texts made one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text):
            joined[-1] = Text(last.text + part.text)
        else:
            joined.append(part)
    return tuple(joined)
