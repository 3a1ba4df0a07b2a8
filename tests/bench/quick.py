#!/usr/bin/env python3
"""Answers each request at once, with as little work as Python allows: what stands in front is measured."""

from __future__ import annotations

import select
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"


def main(port: int) -> None:
    server = socket.create_server(("", port), backlog=512)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == server.fileno():
                client, _ = server.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                poll.register(client, select.EPOLLIN)
            elif not _answered(clients[descriptor]):
                poll.unregister(descriptor)
                clients.pop(descriptor).close()


def _answered(client: socket.socket) -> bool:
    """Answer the requests that have come; return whether there will be more."""
    try:
        asked = client.recv(65536).count(b"\r\n\r\n")
        client.sendall(asked * ANSWER)
    except OSError:
        return False
    return asked > 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
