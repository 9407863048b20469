"""The preprocessor: files, conditions and macros in, one flat list of tokens with their places out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rackplane.compiler.lexing.conditions import BadCondition, evaluate_condition
from rackplane.compiler.lexing.diagnostics import Diagnostics
from rackplane.compiler.lexing.lexer import tokenize
from rackplane.compiler.lexing.macros import ExpansionTooLarge, Macro, MacroTable, is_word
from rackplane.compiler.lexing.tokens import BAD, END, HASH, INTEGER, STRING, Token
from rackplane.compiler.source import NOWHERE, Span

MAX_INCLUDE_DEPTH = 64
MAX_FILE_BYTES = 16 << 20
MAX_INCLUDED_FILES = 1000


@dataclass
class _Condition:
    """One open #if: whether this branch is read, whether one was read before, and whether #else was seen."""

    start: Token
    active: bool
    taken: bool
    enclosing: bool
    closed: bool = False


@dataclass(frozen=True)
class _Include:
    """An #include: the file's name, where it stands, and for a quoted name the directory of the including file."""

    name: str
    span: Span
    beside: Path | None


class Preprocessor:
    """Reads a program and what it includes."""

    def __init__(self, include_dirs: Sequence[Path], defines: Mapping[str, str], diagnostics: Diagnostics) -> None:
        self._include_dirs = tuple(include_dirs)
        self._diagnostics = diagnostics
        self._macros = MacroTable(diagnostics)
        self._files = 0
        for name, value in defines.items():
            body = tuple(tokenize(value, "<command line>"))
            self._macros.define(Macro(name, None, body))

    def run(self, path: Path) -> list[Token]:
        """All tokens of the program, ended by one of kind END; errors go to the diagnostics."""
        return self.run_text(self._read(path, NOWHERE), path)

    def run_text(self, text: str | None, path: Path) -> list[Token]:
        """All tokens of a text that is called `path`."""
        out: list[Token] = []
        if text is not None:
            try:
                self._file(text, path, 0, out)
            except ExpansionTooLarge as e:
                self._diagnostics.error(f"macros expand without end at '{e.token.text}'", e.token.span)
        last = out[-1] if out else Token(END, "", str(path), 1, 1, False, True)
        out.append(Token(END, "", last.file, last.line, last.column + len(last.text), False, True))
        return out

    def _read(self, path: Path, span: Span) -> str | None:
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                self._diagnostics.error(f"{path} is larger than {MAX_FILE_BYTES} bytes", span)
                return None
            text = path.read_bytes().decode("utf-8")
        except OSError as e:
            self._diagnostics.error(f"cannot read {path}: {e.strerror}", span)
        except UnicodeDecodeError as e:
            self._diagnostics.error(f"{path} is not UTF-8 text: byte {e.start} is 0x{e.object[e.start]:02x}", span)
        except ValueError as e:
            self._diagnostics.error(f"cannot read a file of this name: {e}", span)
        else:
            return text.replace("\r\n", "\n")
        return None

    def _file(self, text: str, path: Path, depth: int, out: list[Token]) -> None:
        _FileReader(self, path, depth, out).read(tokenize(text, str(path)))

    def include(self, wanted: _Include, depth: int, out: list[Token]) -> None:
        """Read an included file: beside the including one first when quoted, then in the include directories."""
        name, span = wanted.name, wanted.span
        self._files += 1
        if depth >= MAX_INCLUDE_DEPTH or self._files > MAX_INCLUDED_FILES:
            self._diagnostics.error(f"'{name}' is included too deeply: does it include itself?", span)
            return
        places = [*([wanted.beside] if wanted.beside is not None else []), *self._include_dirs]
        for place in places:
            candidate = place / name
            try:
                found = candidate.is_file()
            except (OSError, ValueError):
                found = False
            if found:
                text = self._read(candidate, span)
                if text is not None:
                    self._file(text, candidate, depth + 1, out)
                return
        searched = ", ".join(str(p) for p in places) or "no directory"
        self._diagnostics.error(f"cannot find the file '{name}'", span, f"searched in {searched}")

    @property
    def macros(self) -> MacroTable:
        """The macros defined so far."""
        return self._macros

    @property
    def diagnostics(self) -> Diagnostics:
        """Where errors go."""
        return self._diagnostics


class _FileReader:
    """The directives of one file."""

    def __init__(self, owner: Preprocessor, path: Path, depth: int, out: list[Token]) -> None:
        self._owner = owner
        self._macros = owner.macros
        self._path = path
        self._depth = depth
        self._out = out
        self._conditions: list[_Condition] = []
        self._line_shift = 0
        self._file_name: str | None = None

    def read(self, tokens: list[Token]) -> None:
        count = len(tokens)
        index = start = 0
        while index < count:
            token = tokens[index]
            if not (token.first and token.kind == HASH):
                index += 1
                continue
            self._text(tokens[start:index])
            end = index + 1
            while end < count and not tokens[end].first:
                end += 1
            self._directive(tokens[index], tokens[index + 1 : end])
            index = start = end
        self._text(tokens[start:])
        for condition in self._conditions:
            self._error("this condition has no #endif", condition.start)

    @property
    def _active(self) -> bool:
        return not self._conditions or self._conditions[-1].active

    def _error(self, message: str, token: Token, *notes: str) -> None:
        self._owner.diagnostics.error(message, token.span, *notes)

    def _text(self, tokens: list[Token]) -> None:
        if not tokens or not self._active:
            return
        if self._line_shift or self._file_name:
            name = self._file_name
            tokens = [t._replace(line=max(t.line + self._line_shift, 1), file=name or t.file) for t in tokens]
        self._out.extend(self._macros.expand(tokens))

    def _directive(self, mark: Token, rest: list[Token]) -> None:
        if not rest:
            return
        name, arguments = rest[0].text, rest[1:]
        if name in ("if", "ifdef", "ifndef"):
            self._open(name, rest[0], arguments)
        elif name in ("elif", "else", "endif"):
            self._switch(name, rest[0], arguments)
        elif not self._active:
            return
        elif rest[0].kind == INTEGER:
            self._line(mark, rest)
        elif name in _DIRECTIVES:
            _DIRECTIVES[name](self, rest[0], arguments)
        else:
            self._error(f"unknown directive '#{name}'", rest[0])

    def _open(self, name: str, word: Token, arguments: list[Token]) -> None:
        enclosing = self._active
        holds = False
        if enclosing:
            if name == "if":
                holds = self._holds(word, arguments)
            elif self._has_name(word, arguments):
                holds = (arguments[0].text in self._macros) == (name == "ifdef")
        self._conditions.append(_Condition(word, enclosing and holds, holds, enclosing))

    def _has_name(self, word: Token, arguments: list[Token]) -> bool:
        if arguments and is_word(arguments[0]):
            return True
        self._error(f"#{word.text} needs the name of a macro", word)
        return False

    def _switch(self, name: str, word: Token, arguments: list[Token]) -> None:
        if not self._conditions:
            self._error(f"#{name} without #if", word)
            return
        condition = self._conditions[-1]
        if name == "endif":
            self._conditions.pop()
            return
        if condition.closed:
            self._error(f"#{name} after #else", word)
        if name == "else":
            condition.closed = True
            condition.active = condition.enclosing and not condition.taken
            condition.taken = True
            return
        condition.active = condition.enclosing and not condition.taken and self._holds(word, arguments)
        condition.taken = condition.taken or condition.active

    def _holds(self, word: Token, arguments: list[Token]) -> bool:
        try:
            return evaluate_condition(self._macros.expand(self._without_defined(arguments)))
        except BadCondition as e:
            self._error(str(e), e.token or word)
            return False

    def _without_defined(self, tokens: list[Token]) -> list[Token]:
        out: list[Token] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            index += 1
            if token.text != "defined":
                out.append(token)
                continue
            bracket = index < len(tokens) and tokens[index].kind == "("
            index += bracket
            if index >= len(tokens) or not is_word(tokens[index]):
                raise BadCondition("'defined' needs the name of a macro", token)
            out.append(token._replace(kind=INTEGER, text=str(int(tokens[index].text in self._macros))))
            index += 1
            if bracket:
                if index >= len(tokens) or tokens[index].kind != ")":
                    raise BadCondition("')' is missing after 'defined('", token)
                index += 1
        return out

    def _define(self, word: Token, arguments: list[Token]) -> None:
        if not self._has_name(word, arguments):
            return
        name, body = arguments[0], arguments[1:]
        parameters: tuple[str, ...] | None = None
        if body and body[0].kind == "(" and body[0].glued:
            close = next((i for i, t in enumerate(body) if t.kind == ")"), None)
            if close is None:
                self._error("')' is missing after the macro's parameters", name)
                return
            inner = body[1:close]
            if not all(is_word(t) if i % 2 == 0 else t.kind == "," for i, t in enumerate(inner)):
                self._error("a macro's parameters are names separated by ','", name)
                return
            parameters = tuple(t.text for t in inner[::2])
            body = body[close + 1 :]
        bad = next((t for t in body if t.kind == BAD), None)
        if bad is not None:
            self._error(bad.problem, bad)
            return
        self._macros.define(Macro(name.text, parameters, tuple(body)))

    def _undef(self, word: Token, arguments: list[Token]) -> None:
        if self._has_name(word, arguments):
            self._macros.undefine(arguments[0].text)

    def _include(self, word: Token, arguments: list[Token]) -> None:
        if arguments and arguments[0].kind not in (STRING, "<"):
            arguments = self._macros.expand(arguments)
        if arguments and arguments[0].kind == STRING:
            name, quoted = arguments[0].text[1:-1], True
        elif arguments and arguments[0].kind == "<" and any(t.kind == ">" for t in arguments):
            end = next(i for i, t in enumerate(arguments) if t.kind == ">")
            name = "".join(t.text if t.glued else " " + t.text for t in arguments[1:end]).strip()
            quoted = False
        else:
            self._error('#include needs "file" or <file>', word)
            return
        span = Span(word.file, word.line, arguments[0].column, len(name) + 2)
        beside = self._path.parent if quoted else None
        self._owner.include(_Include(name, span, beside), self._depth, self._out)

    def _fail(self, word: Token, arguments: list[Token]) -> None:
        text = " ".join(t.text for t in arguments)
        self._error(f"#error {text}".strip(), word)

    def _warn(self, word: Token, arguments: list[Token]) -> None:
        self._owner.diagnostics.warn("#warning " + " ".join(t.text for t in arguments), word.span)

    def _line(self, word: Token, arguments: list[Token]) -> None:
        arguments = self._macros.expand(arguments)
        if not arguments or arguments[0].kind != INTEGER or not arguments[0].text.isdigit():
            self._error("#line needs a line number", word)
            return
        self._line_shift = min(int(arguments[0].text[:9]), 1 << 30) - word.line - 1
        if len(arguments) > 1 and arguments[1].kind == STRING:
            self._file_name = arguments[1].text[1:-1]

    def _ignore(self, word: Token, arguments: list[Token]) -> None:
        """#pragma says nothing to this compiler."""


_DIRECTIVES = {
    "define": _FileReader._define,
    "undef": _FileReader._undef,
    "include": _FileReader._include,
    "error": _FileReader._fail,
    "warning": _FileReader._warn,
    "line": _FileReader._line,
    "pragma": _FileReader._ignore,
}
