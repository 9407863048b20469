"""Kernel headers for BCC: find a complete tree, or make one of links.

BCC compiles against one source directory. Ubuntu ships such a directory. Debian ships two, `linux-headers-R-common`
and `linux-headers-R-amd64`, which only a kernel build puts together. And a machine may run a kernel that no package
has headers for. Networking programs use the stable part of the headers only, so another release serves them.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT_NAME = "BCC_KERNEL_SOURCE"
DEFAULT_CACHE = Path("/var/cache/rackplane/kernel-headers")
_COMPLETE = ("include/linux/kconfig.h", "include/generated/autoconf.h")
_KHEADERS = Path("/sys/kernel/kheaders.tar.xz")


class KernelHeadersError(Exception):
    """No kernel headers that BCC could compile against; the text says how to get them."""


@dataclass(frozen=True)
class HeaderTrees:
    """Directories that together are one complete set of kernel headers; the first wins where both have a file."""

    release: str
    parts: tuple[Path, ...]


def find_trees(source_root: Path = Path("/usr/src")) -> list[HeaderTrees]:
    """Every complete set of headers below `source_root`, the newest release first."""
    found = []
    for tree in sorted(source_root.glob("linux-headers-*")):
        release = tree.name.removeprefix("linux-headers-")
        if is_complete([tree]):
            found.append(HeaderTrees(release, (tree,)))
            continue
        common = tree.with_name(re.sub(r"-[^-]+$", "-common", tree.name))
        if common != tree and is_complete([tree, common]):
            found.append(HeaderTrees(release, (tree, common)))
    return sorted(found, key=lambda trees: version_key(trees.release), reverse=True)


def is_complete(parts: Sequence[Path]) -> bool:
    """Whether these directories together hold what BCC includes unasked."""
    return all(any((part / name).is_file() for part in parts) for name in _COMPLETE)


def version_key(release: str) -> tuple[int, ...]:
    """The numbers of a kernel release, for ordering: `6.1.0-56-amd64` is (6, 1, 0, 56)."""
    match = re.match(r"\d+(?:[.-]\d+)*", release)
    return tuple(int(number) for number in re.findall(r"\d+", match.group())) if match else ()


def merged_links(parts: Sequence[Path], below: Path = Path()) -> Iterator[tuple[Path, Path]]:
    """Links (place in the merged tree, target) that lay `parts` over each other; earlier parts win."""
    owners: dict[str, list[Path]] = {}
    for part in parts:
        for entry in sorted((part / below).iterdir()):
            owners.setdefault(entry.name, []).append(part)
    for name, having in owners.items():
        place = below / name
        directories = [part for part in having if (part / place).is_dir()]
        if len(directories) > 1:
            yield from merged_links(directories, place)
        else:
            yield place, (having[0] / place).resolve()


def merge(trees: HeaderTrees, cache: Path = DEFAULT_CACHE) -> Path:
    """The one directory for `trees`: itself if it is one, else a tree of links in `cache`, made when missing."""
    if len(trees.parts) == 1:
        return trees.parts[0]
    place = cache / trees.release
    if is_complete([place]):
        return place
    try:
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{trees.release}.", dir=cache))
        fresh.chmod(0o755)
        for name, target in merged_links(trees.parts):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).symlink_to(target)
        _replace(fresh, place)
    except OSError as error:
        raise KernelHeadersError(
            f"cannot put the kernel headers of {trees.release} together in {cache}: {error}; run as root"
        ) from error
    return place


def _replace(fresh: Path, place: Path) -> None:
    """Put `fresh` at `place`; a complete tree that another process put there meanwhile is as good."""
    if place.exists() and not is_complete([place]):
        shutil.rmtree(place)
    try:
        fresh.rename(place)
    except OSError:
        shutil.rmtree(fresh)
        if not is_complete([place]):
            raise


def kernel_source(
    release: str,
    *,
    modules_root: Path = Path("/lib/modules"),
    source_root: Path = Path("/usr/src"),
    cache: Path = DEFAULT_CACHE,
) -> Path | None:
    """The directory to name in BCC_KERNEL_SOURCE for the kernel `release`; None when BCC finds the headers itself.

    Raises KernelHeadersError when the machine has no headers at all.
    """
    build = modules_root / release / "build"
    source = modules_root / release / "source"
    if is_complete([build]) or is_complete([build, source]) or _KHEADERS.exists():
        return None
    trees = find_trees(source_root)
    if not trees:
        raise KernelHeadersError(
            f"no kernel headers under {source_root} for BCC to compile against; "
            "install linux-headers-amd64 (Debian) or linux-headers-generic (Ubuntu)"
        )
    return merge(trees[0], cache)


def configure(environment: MutableMapping[str, str] | None = None) -> None:
    """Name the headers in BCC_KERNEL_SOURCE of `environment` (by default this process's), where that is needed.

    A value that is set already stays. Call it before the first `bcc.BPF(...)`. Raises KernelHeadersError.
    """
    target = os.environ if environment is None else environment
    if target.get(ENVIRONMENT_NAME):
        return
    source = kernel_source(os.uname().release)
    if source is not None:
        target[ENVIRONMENT_NAME] = str(source)
