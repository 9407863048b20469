"""The compiled program as one zip file: what SetForwardingPipelineConfig takes as p4_device_config."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from rackplane.compiler.manifest import Manifest
from rackplane.compiler.manifest_json import ManifestError, from_json, to_json

SUFFIX = ".xdp.zip"
MAX_MEMBER = 32 << 20
MAX_BUNDLE = 64 << 20
_MEMBERS = ("manifest.json", "p4info.txtpb", "p4info.bin", "program.c", "program.o", "program.p4")
_DATE = (1980, 1, 1, 0, 0, 0)


class BundleError(ValueError):
    """The bytes are not a bundle."""


@dataclass(frozen=True)
class Bundle:
    """A compiled program: its manifest, its P4Info as text and as protobuf bytes, its C text and its object.

    `source` is the preprocessed P4 text, from which the program can be compiled again (frontend.load_text); it is
    empty for programs that were not made from one.
    """

    manifest: Manifest
    p4info_text: str
    p4info: bytes
    c_text: str
    object: bytes
    source: str = ""

    def to_bytes(self) -> bytes:
        """The zip file; the same bundle gives the same bytes."""
        texts = (to_json(self.manifest), self.p4info_text, self.c_text, self.source)
        manifest, p4info_text, c_text, source = (text.encode() for text in texts)
        parts = (manifest, p4info_text, self.p4info, c_text, self.object, source)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in zip(_MEMBERS, parts, strict=True):
                archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED, 6)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a bundle that may come from anywhere; nothing is written to disk.

        Raises:
            BundleError: when it is not a zip file with exactly its members, or one is too large or malformed.
        """
        if len(data) > MAX_BUNDLE:
            raise BundleError(f"a bundle of {len(data)} bytes; at most {MAX_BUNDLE} are taken")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                manifest, text, p4info, c_text, program, source = _read(archive)
            return cls(from_json(manifest), text.decode(), p4info, c_text.decode(), program, source.decode())
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
            raise BundleError(f"not a readable zip file: {e}") from e
        except (ManifestError, UnicodeDecodeError) as e:
            raise BundleError(str(e)) from e

    def save(self, path: Path) -> None:
        """Write the zip file."""
        path.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Read a zip file.

        Raises:
            BundleError: when it is not a bundle.
            OSError: when it cannot be read.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except BundleError as e:
            raise BundleError(f"{path}: {e}") from e


def _read(archive: zipfile.ZipFile) -> tuple[bytes, ...]:
    found = archive.infolist()
    if sorted(i.filename for i in found) != sorted(_MEMBERS):
        raise BundleError(f"a bundle holds exactly {', '.join(_MEMBERS)}")
    return tuple(_member(archive, name) for name in _MEMBERS)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one member without trusting the size that the archive names."""
    with archive.open(name) as stream:
        data = stream.read(MAX_MEMBER + 1)
    if len(data) > MAX_MEMBER:
        raise BundleError(f"{name} is larger than {MAX_MEMBER} bytes")
    return data
