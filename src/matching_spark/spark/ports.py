"""Ports of loopback for what is yet to start."""

import random
import socket
from contextlib import ExitStack

from matching_spark.errors import StorageError
from matching_spark.spark.loopback import HOST

RANGE = range(20_000, 32_000)  # of Linux, connections get 32768 and more


def free_ports(count: int, held: ExitStack) -> list[int]:
    """Ports, `count` of them, that nobody has, each held as `hold` does it.

    They are drawn from below those that the kernel gives to connections, so that a port is likely
    to be free again when what listened on it is started anew. Raises StorageError when there are
    too few.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(RANGE, len(RANGE)):
        if hold(port, held, alone=True):
            found.append(port)
        if len(found) == count:
            return found
    raise StorageError(f"{HOST} has no {count} free ports from {RANGE[0]} to {RANGE[-1]}")


def hold(port: int, held: ExitStack, *, alone: bool = False) -> bool:
    """Whether a port can be listened on; then nobody else draws it until `held` ends.

    It is bound, without listening: another draw, or a connection, does not get it, while what
    shares addresses (SO_REUSEADDR, as Java's servers and asyncio's do) may listen on it meanwhile.
    alone: not where somebody shares it, who listens yet or has connections that linger.
    """
    probe = held.enter_context(socket.socket())
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, not alone)
    try:
        probe.bind((HOST, port))
    except OSError:  # somebody has it
        probe.close()
        return False
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return True


def answers(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
