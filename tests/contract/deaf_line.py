"""A TCP line to a server on which an answer can get lost."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum, auto


class Loss(Enum):
    """What happens once the client has sent the marker: no answers, a cut, or nothing special."""

    SILENCE = auto()
    CUT = auto()


class DeafLine:
    """Forwards to `target` until a client sends `marker`; that request still arrives, its answer does not."""

    def __init__(self, target: str, marker: bytes, loss: Loss) -> None:
        host, port = target.split(":")
        self._target = (host, int(port))
        self._marker = marker
        self._loss = loss
        self._lost = threading.Event()
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.endpoint = f"127.0.0.1:{self._sockets[0].getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, name="deaf-line")]
        self._threads[0].start()

    def close(self) -> None:
        for each in self._sockets:
            _cut(each)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._sockets[0].accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for job in ((self._requests, client, server), (self._answers, server, client)):
                thread = threading.Thread(target=job[0], args=job[1:], name="deaf-line")
                self._threads.append(thread)
                thread.start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):  # `close` or the other thread has cut one of them
            while sent := client.recv(65536):
                if self._marker in sent:
                    self._lost.set()
                server.sendall(sent)
        _cut(server)  # nobody is left to answer, and `close` does not know who came meanwhile

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while answer := server.recv(65536):
                if not self._lost.is_set():
                    client.sendall(answer)
                elif self._loss is Loss.CUT:
                    break
        _cut(client)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # the other end was faster
        line.shutdown(socket.SHUT_RDWR)
    line.close()
