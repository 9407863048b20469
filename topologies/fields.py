"""Typed access to JSON that describes racks; errors name the path of the field at fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address


class TopologyError(ValueError):
    """A rack that cannot exist; the text names what is wrong and what would be right."""


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

    def address(self, key: str) -> IPv4Address:
        """A string that is an IPv4 address."""
        try:
            return IPv4Address(self.text(key))
        except ValueError as error:
            raise TopologyError(f"{self._path}.{key} must be an IPv4 address: {error}") from error

    def child(self, key: str) -> Fields:
        """An object."""
        return Fields(self._get(key), f"{self._path}.{key}")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects."""
        value = self._get(key)
        if not isinstance(value, list):
            raise TopologyError(f"{self._path}.{key} must be a list, not {value!r}")
        return [Fields(item, f"{self._path}.{key}[{index}]") for index, item in enumerate(value)]

    def _get(self, key: str) -> object:
        if key not in self._data:
            raise TopologyError(f"{self._path} has no {key!r}")
        return self._data[key]
