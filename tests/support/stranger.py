"""`stranger.py TARGET...`: another user of this machine tries what listens; JSON on stdout.

A target is a port, of which Spark's own protocol is asked without a secret, or the path of a Unix
socket. It is run by root, and becomes nobody.
"""

import encodings.idna  # noqa: F401  (of host names: nobody may not read the folder of this Python)
import json
import os
import socket
import struct
import sys

NOBODY = 65534
# Of Spark's protocol (network-common, Message.Type).
RPC, STREAM, STREAM_ANSWER = 3, 6, 7
WAIT_S = 60


def tcp(port: int, file: str) -> dict[str, str]:
    """What Spark says to a call, and to one for a file that the driver serves."""
    body, name = b"x" * 20, file.encode()
    return {
        "call": _ask(port, RPC, struct.pack(">qi", 1, len(body)) + body),
        "file": _ask(port, STREAM, struct.pack(">i", len(name)) + name),
    }


def _ask(port: int, kind: int, content: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.settimeout(WAIT_S)
        connection.sendall(struct.pack(">qb", len(content) + 9, kind) + content)
        answer = connection.recv(1 << 16)
    if answer[8:9] == bytes([STREAM_ANSWER]):
        return "the file"
    return answer[9:].decode(errors="replace")


def unix(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError as error:
            return type(error).__name__
    return "connected"


def main(file: str, *targets: str) -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    print(json.dumps({t: tcp(int(t), file) if t.isdigit() else unix(t) for t in targets}))


if __name__ == "__main__":
    main(*sys.argv[1:])
