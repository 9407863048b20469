"""What verbs have in common: JSON to stdout, progress to stderr, errors as one sentence with exit status 1."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")


def print_json(value: object) -> None:
    """The only thing that a verb with --json writes to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def reports(*errors: type[Exception]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Turn these errors of a verb into a message and exit status 1; a traceback is for bugs only."""

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(verb)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return verb(*args, **kwargs)
            except errors as error:
                raise click.ClickException(str(error)) from error

        return wrapped

    return decorate


def require_root(what: str) -> None:
    """Raise a ClickException unless this process is root."""
    if os.geteuid() != 0:
        raise click.ClickException(f"{what} needs root: run `sudo {' '.join(sys.argv)}`")


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP end the program as Ctrl-C does: through every `finally`."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show a step on standard error: what is being done, then how long it took or that it failed."""
    live = sys.stderr.isatty()
    if live:
        click.echo(f"  ... {text}", err=True, nl=False)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        _finish(live, "failed", text, started)
        raise
    _finish(live, "ok", text, started)


def _finish(live: bool, word: str, text: str, started: float) -> None:
    seconds = time.monotonic() - started
    colour = "green" if word == "ok" else "red"
    line = f"{click.style(f'{word:>6}', fg=colour)} {text} ({seconds:.1f} s)"
    click.echo(f"\r\x1b[2K{line}" if live else line, err=True)


class IterationLine:
    """A line on standard error that shows the iteration under way, on a terminal only."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def show(self, iteration: int, change: float) -> None:
        """Replace the line."""
        if self._live:
            click.echo(f"\r\x1b[2K  ... iteration {iteration}, ranks change by {change:.1e}", err=True, nl=False)

    def clear(self) -> None:
        """Remove the line."""
        if self._live:
            click.echo("\r\x1b[2K", err=True, nl=False)
