"""p4_device_config: the compiler's bundle."""

from __future__ import annotations

from rackplane.compiler import bundle
from rackplane.compiler.manifest import Manifest
from rackplane.switch.errors import BundleError


def read(config: bytes) -> tuple[bytes, Manifest]:
    """Return the object and the manifest of a bundle."""
    try:
        read_bundle = bundle.Bundle.from_bytes(config)
    except bundle.BundleError as e:
        raise BundleError(f"p4_device_config is not a compiled bundle: {e}") from e
    return read_bundle.object, read_bundle.manifest
