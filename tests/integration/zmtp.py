"""Just enough of the ZeroMQ wire protocol (ZMTP 3.0, https://rfc.zeromq.org/spec/23/) to say wrong things in it."""

import hashlib
import os
import socket
import struct
import subprocess
from pathlib import Path

SCHEMA = Path(__file__).resolve().parent.parent.parent / "libvsync/wire/local.capnp"
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE, LONG, COMMAND = 1, 2, 4
SECRET_MARK = 0x1122334455667788


def frame(data, flags=0):
    if len(data) > 255:
        return struct.pack(">BQ", flags | LONG, len(data)) + data
    return struct.pack(">BB", flags, len(data)) + data


def handshake(socket_type=b"DEALER", routing_id=None):
    """Greeting and READY: all that a client says before its first message."""
    properties = {b"Socket-Type": socket_type}
    if routing_id is not None:
        properties[b"Identity"] = routing_id
    return GREETING + frame(b"\x05READY" + b"".join(struct.pack("B", len(name)) + name + struct.pack(">I", len(value)) + value
                                                   for name, value in properties.items()), COMMAND)


def message(*parts):
    return b"".join(frame(part, MORE if index + 1 < len(parts) else 0) for index, part in enumerate(parts))


def connect(address, timeout=5):
    """To a path (ipc) or a (host, port) pair (tcp)."""
    made = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
    made.connect(address)  # waits while the backlog is full
    made.settimeout(timeout)
    return made


def open_session(address, routing_id=None):
    """A connection on which messages may be sent: libzmq takes none before it has said READY itself."""
    connection = connect(address)
    connection.sendall(handshake(routing_id=routing_id))
    said = b""
    while b"READY" not in said:
        data = connection.recv(4096)
        if not data:
            raise ConnectionError("closed during the handshake")
        said += data
    return connection


def receive_message(connection, said):
    """The parts of the next message; `said` (a bytearray) keeps what comes beyond it. None: the other side has closed."""
    parts = []
    while True:
        while (whole := _first_frame(said)) is None:
            data = connection.recv(65536)
            if not data:
                return None
            said += data
        flags, body, size = whole
        del said[:size]
        if flags & COMMAND:
            continue
        parts.append(body)
        if not flags & MORE:
            return parts


def _first_frame(said):
    """Flags, body and size of the frame in front; None if it isn't whole."""
    header = 9 if said and said[0] & LONG else 2
    if len(said) < header:
        return None
    size = header + (struct.unpack(">Q", said[1:9])[0] if said[0] & LONG else said[1])
    return (said[0], bytes(said[header:size]), size) if len(said) >= size else None


def pieces(said):
    """What one side said: its greeting and each frame, as bytes. What isn't whole at the end is left out."""
    said = bytearray(said)
    found = [bytes(said[:len(GREETING)])]
    del said[:len(GREETING)]
    while whole := _first_frame(said):
        found.append(bytes(said[:whole[2]]))
        del said[:whole[2]]
    return found


def decode(envelope, kind="ToClient"):
    """The text form of a Cap'n Proto message."""
    return subprocess.run(["capnp", "decode", str(SCHEMA), kind], input=envelope, capture_output=True, check=True).stdout.decode()


def encode(text, kind="ToDaemon"):
    """A Cap'n Proto message from its text form."""
    made = subprocess.run(["capnp", "encode", str(SCHEMA), kind], input=text.encode(), capture_output=True, check=True)
    return made.stdout


def open_message(high=7, low=SECRET_MARK, version=3, further=""):
    return encode(f'(open = (version = {version}, secret = (high = {high}, low = {low}), application = "bad"{further}))')


def with_fresh_secret(envelope):
    return envelope.replace(struct.pack("<Q", SECRET_MARK), os.urandom(8))


def session_of(high, low):
    """The id that everybody reads of the session whose secret this is (libvsync/wire/session_secret.hpp)."""
    return struct.unpack(">QQ", hashlib.blake2b(struct.pack(">QQ", high, low), digest_size=16).digest())


def record(topic, data):
    """One message as a publisher's library encodes it (libvsync/wire/record.hpp)."""
    size = 20 + len(topic) + len(data)
    return struct.pack("<IIqBBBB", size, len(data), 0, len(topic), 0, 0, 0) + topic + data


def end_of(connection, limit=1 << 20):
    """Reads until the other side closes; returns what it said. False when it doesn't close."""
    said = b""
    try:
        while len(said) < limit:
            data = connection.recv(65536)
            if not data:
                return said
            said += data
    except ConnectionError:
        return said
    except TimeoutError:
        return False
    return said


def error_told(connection, said):
    """The text form of the error that ends the session; None if it ends without one."""
    while (parts := receive_message(connection, said)) is not None:
        if "error = " in (told := decode(parts[0])):
            return told
    return None
