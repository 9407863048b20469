"""Ports that racks share out."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

from rackplane.topologies.claim import claimed_port


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_preferred_port_goes_to_the_first_who_asks() -> None:
    preferred = a_free_port()
    with claimed_port(preferred) as first, claimed_port(preferred) as second:
        assert first == preferred
        assert second != preferred
    with claimed_port(preferred) as again:
        assert again == preferred


def test_a_port_in_use_is_not_given_away() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with claimed_port(taken.getsockname()[1]) as port:
            assert port != taken.getsockname()[1]


def test_the_claim_of_a_killed_process_ends_with_it() -> None:
    preferred = a_free_port()
    code = (
        "import time\nfrom rackplane.topologies.claim import claimed_port\n"
        f"with claimed_port({preferred}) as port: print(port, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert int(other.stdout.readline()) == preferred
        with claimed_port(preferred) as port:
            assert port != preferred
        other.kill()
    time.sleep(0.05)
    with claimed_port(preferred) as port:
        assert port == preferred
