"""Bundles and manifests: what is written is read back, and nothing else is accepted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rackplane.compiler.bundle import Bundle, BundleError
from rackplane.compiler.driver import compile_program
from rackplane.compiler.manifest_json import ManifestError, from_json, to_json

SOURCE = Path(__file__).parent / "backend" / "p4" / "copies.p4"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile_program(SOURCE).bundle


def rezipped(bundle: Bundle, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(bundle.to_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_bundle_is_read_back(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "x.xdp.zip"
    bundle.save(path)
    assert Bundle.load(path) == bundle
    assert Bundle.from_bytes(bundle.to_bytes()).to_bytes() == bundle.to_bytes()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: m.pop("program.o"), id="a member is missing"),
        pytest.param(lambda m: m.update({"../evil": b""}), id="a member too many"),
        pytest.param(lambda m: m.update({"manifest.json": b"{"}), id="no JSON"),
        pytest.param(lambda m: m.update({"manifest.json": b"[" * 100_000}), id="deep JSON"),
        pytest.param(lambda m: m.update({"p4info.txtpb": b"\xff"}), id="no UTF-8"),
    ],
)
def test_malformed_bundles_are_refused(bundle: Bundle, change: Callable[[dict[str, bytes]], None]) -> None:
    with pytest.raises(BundleError):
        Bundle.from_bytes(rezipped(bundle, change))


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 100], ids=["empty", "short", "text"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="not a readable zip file"):
        Bundle.from_bytes(data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("version",), 999, "has version 999"),
        (("cpu_port",), "510", "manifest.cpu_port: expected int, found str"),
        (("cpu_port",), True, "manifest.cpu_port: expected int, found bool"),
        (("maps", "max_ports"), None, "manifest.maps.max_ports"),
        (("maps", "reasons"), {}, "expected a list"),
        (("unknown",), 1, "unknown members: unknown"),
        (("source",), "x" * 10_000, "at most 4096"),
    ],
)
def test_wrong_manifests_are_refused(bundle: Bundle, path: tuple[str, ...], value: object, message: str) -> None:
    data = json.loads(to_json(bundle.manifest))
    inner = data
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ManifestError, match=message):
        from_json(json.dumps(data))


def test_manifest_is_read_back(bundle: Bundle) -> None:
    assert from_json(to_json(bundle.manifest)) == bundle.manifest
