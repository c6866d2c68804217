"""Ports of loopback for what is yet to start."""

import random
import socket
from contextlib import ExitStack

from matching_spark.errors import StorageError
from matching_spark.spark.loopback import HOST

RANGE = range(20_000, 32_000)  # of Linux, connections get 32768 and more


def free_ports(count: int, held: ExitStack) -> list[int]:
    """Ports, `count` of them, that nobody has, and that nobody else gets until `held` ends.

    Each is bound, without listening: another draw, or a connection, does not get it, while what
    shares addresses (SO_REUSEADDR, as Java's servers and asyncio's do) may listen on it meanwhile.
    They are drawn from below those that the kernel gives to connections, so that a port is likely
    to be free again when what listened on it is started anew. Raises StorageError when there are
    too few.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(RANGE, len(RANGE)):
        probe = held.enter_context(socket.socket())
        try:
            probe.bind((HOST, port))  # by itself: not beside one who shares
        except OSError:  # somebody has it
            probe.close()
            continue
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.append(port)
        if len(found) == count:
            return found
    raise StorageError(f"{HOST} has no {count} free ports from {RANGE[0]} to {RANGE[-1]}")


def answers(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
