"""Checks for racks that run, and for what crashed ones left behind."""

from __future__ import annotations

import os
import socket

from rackplane.cli.checks.model import Finding, lacking, ok
from rackplane.topologies import state

P4RUNTIME_PORT = 9559


def check_leftovers() -> list[Finding]:
    """Running racks, leftovers, and the P4Runtime port."""
    if os.geteuid() != 0:
        return []
    findings = [_check_rack(name) for name in state.names()]
    if not findings:
        findings = [ok("racks", "none is running, none has left anything"), _check_port()]
    return findings


def _check_rack(name: str) -> Finding:
    if state.is_alive(name):
        return ok("racks", f"{name} is running")
    return lacking("racks", f"{name} has crashed and left something behind", "sudo rackplane down")


def _check_port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", P4RUNTIME_PORT))
        except OSError:
            return lacking(
                "P4Runtime port",
                f"{P4RUNTIME_PORT} is in use: the switch takes another one",
                f"find the program with `ss -ltnp sport = :{P4RUNTIME_PORT}` and end it",
            )
    return ok("P4Runtime port", f"{P4RUNTIME_PORT} is free")
