"""Typed access to JSON that describes racks; errors name the path of the field at fault."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

MAX_FILE = 16 << 20
"""Bytes of a JSON file that describes a rack."""


class TopologyError(ValueError):
    """A rack that cannot exist; the text names what is wrong and what would be right."""


def read_json(file: Path) -> object:
    """What a JSON file holds. Raises TopologyError."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise TopologyError(f"cannot read {file}: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise TopologyError(f"{file} has more than {MAX_FILE >> 20} MiB: that is no description of a rack")
    try:
        value: object = json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise TopologyError(f"{file} is not text in UTF-8: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise TopologyError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise TopologyError(f"{file} cannot be read: {error}") from error
    return value


class Fields:
    """A JSON object whose fields are read with a type. Every method raises TopologyError."""

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, Mapping):
            raise TopologyError(f"{path} must be an object, not {data!r}")
        self._data: Mapping[str, object] = data
        self._path = path

    def __iter__(self) -> Iterator[str]:
        """Names of the fields that are there."""
        return iter(self._data)

    def text(self, key: str) -> str:
        """A string."""
        value = self._get(key)
        if not isinstance(value, str):
            raise TopologyError(f"{self._path}.{key} must be a string, not {value!r}")
        return value

    def number(self, key: str) -> int:
        """A whole number."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise TopologyError(f"{self._path}.{key} must be a whole number, not {value!r}")
        return value

    def bounded(self, key: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.number(key)
        if not low <= value <= high:
            raise TopologyError(f"{self._path}.{key} must be {low} to {high}, not {value}")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            raise TopologyError(f"{self._path}.{key} must be true or false, not {value!r}")
        return value

    def real(self, key: str) -> float:
        """A number, with or without a fraction."""
        value = self._get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TopologyError(f"{self._path}.{key} must be a number, not {value!r}")
        return float(value)

    def is_null(self, key: str) -> bool:
        """Whether the field is absent or null."""
        return self._data.get(key) is None

    def value(self, key: str) -> object:
        """Any value, or None if the field is absent."""
        return self._data.get(key)

    def place(self, key: str) -> str:
        """The path of a field, for errors that are found elsewhere."""
        return f"{self._path}.{key}"

    def interface(self, key: str) -> IPv4Interface:
        """A string that is an IPv4 address with a prefix length."""
        try:
            return IPv4Interface(self.text(key))
        except ValueError as error:
            raise TopologyError(f"{self._path}.{key} must be an address such as 10.0.1.1/24: {error}") from error

    def address(self, key: str) -> IPv4Address:
        """A string that is an IPv4 address."""
        try:
            return IPv4Address(self.text(key))
        except ValueError as error:
            raise TopologyError(f"{self._path}.{key} must be an IPv4 address: {error}") from error

    def child(self, key: str, optional: bool = False) -> Fields:
        """An object; if it is optional, an absent one has no fields."""
        value = {} if optional and self.is_null(key) else self._get(key)
        return Fields(value, f"{self._path}.{key}")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects."""
        return [Fields(item, f"{self._path}.{key}[{index}]") for index, item in enumerate(self.items(key))]

    def items(self, key: str) -> list[object]:
        """A list of anything."""
        value = self._get(key)
        if not isinstance(value, list):
            raise TopologyError(f"{self._path}.{key} must be a list, not {value!r}")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        texts = []
        for index, item in enumerate(self.items(key)):
            if not isinstance(item, str):
                raise TopologyError(f"{self._path}.{key}[{index}] must be a string, not {item!r}")
            texts.append(item)
        return texts

    def text_pairs(self, key: str) -> list[tuple[str, str]]:
        """A list of lists of two strings."""
        pairs = []
        for index, item in enumerate(self.items(key)):
            if not (isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item)):
                raise TopologyError(f"{self._path}.{key}[{index}] must be a list of two strings, not {item!r}")
            pairs.append((item[0], item[1]))
        return pairs

    def _get(self, key: str) -> object:
        if key not in self._data:
            raise TopologyError(f"{self._path} has no {key!r}")
        return self._data[key]
