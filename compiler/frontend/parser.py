"""Tokens to a syntax tree: a recursive-descent parser that knows which names are types."""

from __future__ import annotations

from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.parser_decls import DeclarationParser
from rackplane.compiler.lexing.diagnostics import Diagnostics
from rackplane.compiler.lexing.tokens import Token


def parse(tokens: list[Token], diagnostics: Diagnostics) -> ast.Program:
    """The program's syntax tree. Syntax errors go to the diagnostics; what could be read is returned."""
    return DeclarationParser(tokens, diagnostics).program()
