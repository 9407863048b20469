#!/bin/sh
# Makes this machine ready for rackplane: Debian packages, kernel headers, .venv. Safe to run again: it does only what is missing.
# usage: setup/setup.sh [EXTRA...]   EXTRA is an extra of pyproject.toml (test, bench)
set -eu

cd "$(dirname "$0")/.."
LOG=build/setup.log
VENV=.venv
SYSTEM_PYTHON=/usr/bin/python3
OLDEST_KERNEL=6.1
OLDEST_PYTHON=3.11

# Each one is used: clang (compiler/), libbpf (switch/), python3-bpfcc (ebpf/), gcc with libc6-dev and linux-libc-dev
# (hosts/compute), mininet, ethtool, iproute2 and ping (topologies/).
PACKAGES="clang libbpf-dev libbpf1 python3-bpfcc mininet gcc libc6-dev linux-libc-dev
          ethtool iproute2 iputils-ping procps util-linux python3 python3-venv python3-dev ca-certificates"

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'rackplane: %s\n' "$*" >&2
    exit 1
}

version_at_least() { # version_at_least HAVE WANTED
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

check_system() {
    [ "$(uname -s)" = Linux ] || die "rackplane needs Linux; this is $(uname -s)."
    kernel=$(uname -r)
    version_at_least "$kernel" "$OLDEST_KERNEL" ||
        die "Linux $kernel is too old: rackplane needs $OLDEST_KERNEL or newer (Debian 12 and Ubuntu 24.04 have it)."
    command -v apt-get >/dev/null ||
        die "apt-get is missing: rackplane's set-up knows Debian 12 and Ubuntu 24.04 (and newer) only."
}

find_root() { # sets AS_ROOT to what runs a command as root
    AS_ROOT=env
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || die "rackplane needs root and there is no sudo here: run make as root."
    { sudo -n true || sudo -v </dev/tty; } 2>/dev/null ||
        die "rackplane needs root and sudo refuses: run make as root, or as a user who may use sudo."
    AS_ROOT="sudo env"
}

installed() { # installed PACKAGE
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

available() { # available PACKAGE
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

have_headers() { # of the running kernel, or of any other: ebpf/kernel_headers.py uses the newest
    for tree in "/lib/modules/$(uname -r)/build" /usr/src/linux-headers-*; do
        [ ! -e "$tree/include/generated/autoconf.h" ] || return 0
    done
    [ -e /sys/kernel/kheaders.tar.xz ]
}

headers_package() { # prints the package to get kernel headers from
    for name in "linux-headers-$(uname -r)" "linux-headers-$(dpkg --print-architecture)" linux-headers-generic; do
        if available "$name"; then
            echo "$name"
            return
        fi
    done
    die "no package with kernel headers is available (tried linux-headers-$(uname -r), linux-headers-generic): " \
        "add the main component of your distribution to /etc/apt/sources.list."
}

# apt CACHE-COMMAND...: runs apt-get unattended; the whole output goes to the log, one line per package to the screen.
apt() {
    status=$(mktemp)
    {
        $AS_ROOT DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C apt-get -q -y \
            -o DPkg::Lock::Timeout=300 -o APT::Update::Error-Mode=any "$@" </dev/null 2>&1 || echo failed >"$status"
    } | tee -a "$LOG" | sed -u -n -e 's/^Setting up \([^ ]*\) .*/    \1/p' -e 's/^\(E: .*\)/    \1/p'
    result=$(cat "$status")
    rm -f "$status"
    [ -z "$result" ]
}

update_lists() {
    [ -z "${LISTS_ARE_FRESH:-}" ] || return 0
    say "apt-get update (fetching the package lists)"
    apt update || die "the package lists could not be fetched: check the network, then run make again (details: $LOG)."
    LISTS_ARE_FRESH=yes
}

have_lists() {
    apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages' 2>/dev/null | while read -r file; do
        [ ! -e "$file" ] || echo yes
    done | grep -q yes
}

install_packages() {
    missing=
    for name in $PACKAGES; do
        installed "$name" || missing="$missing $name"
    done
    [ -n "$missing" ] || have_headers || missing=" "
    [ -n "$missing" ] || return 0
    find_root
    have_lists || update_lists
    for name in $missing; do
        available "$name" || update_lists
        available "$name" || die "the package $name is not available: on Ubuntu, enable the universe component" \
            "(add-apt-repository universe), then run make again."
    done
    have_headers || missing="$missing $(headers_package)"
    say "installing Debian packages:$missing"
    # shellcheck disable=SC2086 # one word per package
    apt install --no-install-recommends $missing || {
        update_lists
        apt install --no-install-recommends $missing ||
            die "apt-get could not install$missing: the reason is at the end of $LOG."
    }
    have_headers || die "the package $(headers_package) was installed but brought no kernel headers: install them by hand."
}

# The environment sees the system's packages, because mininet and bcc exist only there. So it must be the system's Python.
make_environment() {
    version=$("$SYSTEM_PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    version_at_least "$version" "$OLDEST_PYTHON" ||
        die "$SYSTEM_PYTHON is Python $version: rackplane needs $OLDEST_PYTHON or newer (Debian 12, Ubuntu 24.04)."
    [ "$(cat "$VENV/.made-by" 2>/dev/null)" = "$SYSTEM_PYTHON $version" ] && [ -x "$VENV/bin/python" ] && return 0
    say "making $VENV from $SYSTEM_PYTHON ($version)"
    rm -rf "$VENV"
    "$SYSTEM_PYTHON" -m venv --system-site-packages "$VENV" >>"$LOG" 2>&1 ||
        die "$SYSTEM_PYTHON -m venv failed: the reason is at the end of $LOG."
    echo "$SYSTEM_PYTHON $version" >"$VENV/.made-by"
}

install_project() { # install_project [EXTRA...]
    wanted=$(cat pyproject.toml "$VENV/.made-by" | sha256sum | cut -d ' ' -f 1)
    missing=
    for extra in "" "$@"; do
        [ "$(cat "$VENV/.installed-${extra:-base}" 2>/dev/null)" = "$wanted" ] || missing="$missing,$extra"
    done
    [ -n "$missing" ] || return 0
    extras=$(echo "$missing" | sed 's/^,*//; s/,,*/,/g')
    say "installing rackplane${extras:+ with $extras} into $VENV"
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --editable ".${extras:+[$extras]}" \
        </dev/null >>"$LOG" 2>&1 || {
        grep -E '^ *ERROR' "$LOG" | tail -n 2 >&2
        die "pip could not install rackplane's Python packages: check the network, then run make again (details: $LOG)."
    }
    for extra in "" "$@"; do
        echo "$wanted" >"$VENV/.installed-${extra:-base}"
    done
}

mkdir -p build
check_system
install_packages
make_environment
install_project "$@"
