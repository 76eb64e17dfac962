"""Connections to a daemon's socket that say nothing, more of them than it has file descriptors for."""

import socket

CROWD = 250


class Crowd:

    def __init__(self, path):
        self._path = path
        self._connections = []

    def press(self):
        """Who was turned away comes again."""
        for one in self._connections:
            if was_turned_away(one):
                one.close()
        self._connections = [one for one in self._connections if one.fileno() >= 0]
        while len(self._connections) < CROWD:
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._connections.append(one)
            try:
                one.connect(self._path)
            except OSError:  # nobody listens yet, or so many wait that it is enough for now
                self._connections.pop().close()
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self._connections:
            one.close()


def was_turned_away(connection):
    try:
        while connection.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
