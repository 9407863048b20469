"""A directed graph with named nodes, and edge-list files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_NODES = 1 << 27
MAX_EDGES = 1 << 30
_COLUMNS = 2
_LONGEST_NAME = 256


class GraphError(ValueError):
    """No usable graph; the text says where and why."""


@dataclass(frozen=True)
class Incoming:
    """Compressed rows: the sources of node v's incoming edges are `sources[starts[v]:starts[v + 1]]`."""

    starts: NDArray[np.int64]
    sources: NDArray[np.int32]


@dataclass(frozen=True)
class Graph:
    """Edges `sources[i] -> targets[i]` between nodes 0..n-1, each edge once, ordered by target, then source."""

    names: tuple[str, ...]
    sources: NDArray[np.int32]
    targets: NDArray[np.int32]

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.names)

    @property
    def edges(self) -> int:
        """Number of edges."""
        return len(self.sources)

    def out_degree(self) -> NDArray[np.int64]:
        """How many edges leave each node."""
        return np.bincount(self.sources, minlength=self.nodes).astype(np.int64)

    def incoming(self) -> Incoming:
        """The edges by target."""
        starts = np.zeros(self.nodes + 1, np.int64)
        np.cumsum(np.bincount(self.targets, minlength=self.nodes), out=starts[1:])
        return Incoming(starts, self.sources)


def from_edges(edges: Iterable[tuple[str, str]], nodes: Iterable[str] = ()) -> Graph:
    """A graph of all `edges` (repeated ones count once) and `nodes`, numbered in the order they appear."""
    numbers: dict[str, int] = {}
    for name in nodes:
        numbers.setdefault(name, len(numbers))
    pairs = [
        (numbers.setdefault(target, len(numbers)), numbers.setdefault(source, len(numbers)))
        for source, target in edges
    ]
    if not numbers:
        raise GraphError("the graph has no nodes")
    if len(numbers) > MAX_NODES or len(pairs) > MAX_EDGES:
        raise GraphError(
            f"the graph has {len(numbers)} nodes and {len(pairs)} edges; the most are {MAX_NODES}, {MAX_EDGES}"
        )
    table = np.unique(np.array(pairs, np.int64).reshape(-1, _COLUMNS), axis=0).astype(np.int32)
    return Graph(tuple(numbers), np.ascontiguousarray(table[:, 1]), np.ascontiguousarray(table[:, 0]))


def read_edge_list(path: Path) -> Graph:
    """Read a text file of edges: two columns, source and target, names or numbers; `#` begins a comment.

    Raises GraphError that names the line at fault.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return from_edges(list(_edges(path, file)))
    except OSError as error:
        raise GraphError(f"cannot read the graph {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise GraphError(f"{path} is not UTF-8 text: {error}") from error


def _edges(path: Path, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        columns = line.partition("#")[0].split()
        if not columns:
            continue
        if len(columns) != _COLUMNS:
            raise GraphError(
                f"{path}:{number}: expected two columns, source and target, "
                f"but found {len(columns)}: {line.strip()[:60]!r}"
            )
        if max(map(len, columns)) > _LONGEST_NAME:
            raise GraphError(f"{path}:{number}: a name has more than {_LONGEST_NAME} characters")
        yield columns[0], columns[1]
