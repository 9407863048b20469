"""Which P4 program a switch runs: what the user gave, or the source of what the exercise's files name.

The tutorials' files name p4c's output (build/basic.json); here the source of that name is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rackplane.topologies.fields import Fields, TopologyError, read_json


@dataclass(frozen=True)
class ProgramChoice:
    """The folders of an exercise, and the programs that were given: for one switch, and for any."""

    folders: tuple[Path, ...]
    by_switch: Mapping[str, Path]
    given: tuple[Path, ...]

    @classmethod
    def of(cls, file: Path, programs: Sequence[str], switches: Sequence[str]) -> ProgramChoice:
        """Read `programs`: FILE.p4 or SWITCH=FILE.p4. Raises TopologyError."""
        folder = file.resolve().parent
        folders = (folder, folder.parent)
        by_switch: dict[str, Path] = {}
        given = []
        for text in programs:
            switch, equals, path = text.rpartition("=")
            found = _existing(path, (Path(), *folders))
            if found is None:
                raise TopologyError(
                    f"--program {text}: there is no file {path!r} here, nor in {folder} or above it"
                )
            if equals and switch not in switches:
                raise TopologyError(
                    f"--program {text}: no switch is called {switch!r}; there are {', '.join(switches)}"
                )
            if equals:
                by_switch[switch] = found
            else:
                given.append(found)
        return cls(folders, by_switch, tuple(given))

    def find(self, name: str) -> Path | None:
        """A file of the exercise."""
        return _existing(name, self.folders)

    def for_switch(self, switch: str, runtime: Path | None, named: str | None, place: str) -> Path | None:
        """The program of a switch; None if nothing names one. Raises TopologyError.

        The switch's own one comes first; then, of the given ones, that with the name that the files give, or the
        first; then the exercise's source of that name, or its only one.
        """
        if switch in self.by_switch:
            return self.by_switch[switch]
        stem, origin = _named_program(runtime, named, place)
        if self.given:
            return next((path for path in self.given if path.stem == stem), self.given[0])
        if stem is None:
            return self._only_source()
        found = _existing(f"{stem}.p4", self.folders)
        if found is None:
            raise TopologyError(
                f"{origin}: there is no {stem}.p4 in {' or '.join(str(f) for f in self.folders)}; "
                "give the program with --program FILE.p4"
            )
        return found

    def _only_source(self) -> Path | None:
        sources = {path for folder in self.folders for path in folder.glob("*.p4")}
        return sources.pop() if len(sources) == 1 else None


def _named_program(runtime: Path | None, named: str | None, place: str) -> tuple[str | None, str]:
    """The stem that the files name, and where; what is pushed comes before what the switch starts with."""
    if runtime is not None:
        f = Fields(read_json(runtime), f"{runtime}: $")
        if not f.is_null("bmv2_json"):
            return Path(f.text("bmv2_json")).stem, f.place("bmv2_json")
    return (Path(named).stem if named else None), place


def _existing(name: str, folders: Sequence[Path]) -> Path | None:
    return next((path for folder in folders if (path := folder / name).is_file()), None)
