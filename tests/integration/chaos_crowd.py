"""Connections to a daemon's socket that say nothing, more of them than it has file descriptors for."""

import socket

CROWD = 250


class Crowd:
    """Connections to a daemon's socket that say nothing."""

    def __init__(self, path):
        self._path = path
        self._connections = []

    def press(self):
        for _ in range(CROWD):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                one.connect(self._path)
                self._connections.append(one)
            except OSError:  # nobody listens yet, or so many wait that it is enough
                one.close()
                break
        for one in self._connections[:-CROWD]:
            one.close()
        del self._connections[:-CROWD]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self._connections:
            one.close()
