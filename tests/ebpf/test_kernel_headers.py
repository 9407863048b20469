"""Kernel headers for BCC, on made-up trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from rackplane.ebpf import kernel_headers as headers


def make(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{root.name}/{name}")
    return root


def debian(root: Path, release: str) -> None:
    """A Debian pair of trees: neither is complete."""
    make(
        root / f"linux-headers-{release}-amd64", "include/generated/autoconf.h", "arch/x86/include/generated/asm.h"
    )
    make(
        root / f"linux-headers-{release}-common",
        "include/linux/kconfig.h",
        "arch/x86/include/asm/page.h",
        "Makefile",
    )


@pytest.mark.parametrize(
    ("older", "newer"),
    [("6.1.0-9-amd64", "6.1.0-10-amd64"), ("6.8.0-45-generic", "6.11.0-8-generic"), ("5.10", "6.1"), ("x", "6.1")],
)
def test_releases_are_ordered_by_number(older: str, newer: str) -> None:
    assert headers.version_key(older) < headers.version_key(newer)


def test_a_debian_pair_becomes_one_complete_tree(tmp_path: Path) -> None:
    debian(tmp_path, "6.1.0-9")
    debian(tmp_path, "6.1.0-10")
    merged = headers.kernel_source(
        "6.18.44", modules_root=tmp_path / "none", source_root=tmp_path, cache=tmp_path / "cache"
    )
    assert merged == tmp_path / "cache" / "6.1.0-10-amd64"
    assert headers.is_complete([merged])
    assert (
        merged / "arch/x86/include/asm/page.h"
    ).read_text() == "linux-headers-6.1.0-10-common/arch/x86/include/asm/page.h"
    assert (merged / "arch/x86/include/generated/asm.h").is_file()
    assert sorted(entry.name for entry in merged.parent.iterdir()) == ["6.1.0-10-amd64"]


def test_a_broken_merged_tree_is_made_again(tmp_path: Path) -> None:
    debian(tmp_path, "6.1.0-9")
    trees = headers.find_trees(tmp_path)[0]
    merged = headers.merge(trees, tmp_path / "cache")
    (merged / "include/linux").unlink()
    assert not headers.is_complete([merged])
    assert headers.is_complete([headers.merge(trees, tmp_path / "cache")])


def test_an_ubuntu_tree_is_used_as_it_is(tmp_path: Path) -> None:
    tree = make(
        tmp_path / "linux-headers-6.8.0-45-generic", *("include/linux/kconfig.h", "include/generated/autoconf.h")
    )
    assert headers.kernel_source("6.18", modules_root=tmp_path / "none", source_root=tmp_path) == tree


def test_bcc_is_left_alone_when_the_running_kernel_has_headers(tmp_path: Path) -> None:
    make(tmp_path / "6.8/build", "include/linux/kconfig.h", "include/generated/autoconf.h")
    assert headers.kernel_source("6.8", modules_root=tmp_path, source_root=tmp_path / "none") is None


def test_no_headers_at_all_names_the_packages(tmp_path: Path) -> None:
    with pytest.raises(headers.KernelHeadersError, match="linux-headers-amd64"):
        headers.kernel_source("6.8", modules_root=tmp_path, source_root=tmp_path)


def test_the_first_part_wins_where_both_have_a_file(tmp_path: Path) -> None:
    first = make(tmp_path / "first", "Makefile", "include/a.h")
    second = make(tmp_path / "second", "Makefile", "include/b.h")
    assert dict(headers.merged_links([first, second])) == {
        Path("Makefile"): first / "Makefile",
        Path("include/a.h"): first / "include/a.h",
        Path("include/b.h"): second / "include/b.h",
    }


def test_a_value_that_is_set_stays() -> None:
    environment = {headers.ENVIRONMENT_NAME: "/chosen"}
    headers.configure(environment)
    assert environment == {headers.ENVIRONMENT_NAME: "/chosen"}
