#!/usr/bin/python3
"""Bad input on both sockets of a running daemon ends that session with an error, and nothing else."""

import contextlib
import json
import os
import random
import re
import select
import socket
import statistics
import struct
import subprocess
import time
import unittest
from pathlib import Path

import zmtp
from support import EVENT_WITHIN_S, SANITIZED, ClusterTest, count, figure, say, wait_until

MUTATIONS = 2000 if SANITIZED else figure(10_000, 150_000)
WARM_UP = 500 if SANITIZED else 2000  # before them
AT_ONCE = 50
FORGED_HANDSHAKES = figure(500, 20_000)
STORM = 500
NAMED_CONNECTIONS = figure(100, 10_000)
COMMANDS = figure(20, 1000)
THEFTS = figure(20, 500)
REPLAYS = figure(2, 50)
NOBODY = 65534
PATIENT = {"suspect_after_min_ms": 60_000, "suspect_after_max_ms": 60_000, "admit_after_ms": 61_000, "lag_exclude_after_ms": 120_000}
TURNS = figure(0, 5)  # of each kind, in which a latency is measured
P99_RISES_TO = 2
HALF_OPEN = figure(500, 5000)  # on each of the two sockets
MEMORY_RISES_TO = 1.2
MEMORY_WITHIN_S = 15  # the daemon gives back what it has spare once it is quiet
WARM_TAKES = 3 << 20  # more than a fresh one: code that is run for the first time, and pages of which glibc's caches keep a piece
SANITIZERS_KEEP = (256 if SANITIZED else 0) << 20  # of what was freed


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class BadInput(ClusterTest):

    def setUp(self):
        self.cluster = self.lab(2, settings=["socket_mode=0666", "flight_recorder_bytes=65536"])  # that it fills is no growth
        for directory in (self.cluster.directory, Path(self.cluster.socket("a")).parent):
            directory.chmod(0o711)  # for applications of another user
        self.honest = self.subscriber(self.cluster, "a", "prices")
        self.publisher_there = self.publisher(self.cluster, "a", "prices", rate=200)
        self.honest.wait_count(50)
        self.pid = self.cluster.pid("a")
        self.memory = resident_bytes(self.pid)
        seed = random.randrange(1 << 32)
        self.rng = random.Random(seed)
        self.mutated = 0
        print(f"seed {seed}")

    def assert_unharmed(self):
        """The daemon lives, in the same view, and honest applications lost nothing."""
        self.honest.wait_count(len(self.honest.messages()) + 100)
        self.assert_ok(self.publisher_there)
        self.assert_complete(self.honest, [self.publisher_there])
        self.assertEqual(self.cluster.pid("a"), self.pid, "the same process")
        self.assertEqual(self.honest.of_kind("resync"), [])
        self.assert_memory_comes_back()

    def assert_memory_comes_back(self):
        allowed = MEMORY_RISES_TO * self.memory + SANITIZERS_KEEP
        first, ended = resident_bytes(self.pid), time.monotonic()
        wait_until(lambda: resident_bytes(self.pid) <= allowed, MEMORY_WITHIN_S,
                   lambda: f"memory of {self.memory >> 10} KiB before: {first >> 10}, and now {resident_bytes(self.pid) >> 10}")
        say(f"memory {self.memory >> 10} KiB before, {first >> 10} behind bad input, {resident_bytes(self.pid) >> 10} "
            f"{time.monotonic() - ended:.1f} s later")

    def assert_warm(self):
        """It has done everything once: what it holds now is the measure of what comes."""
        time.sleep(MEMORY_WITHIN_S)  # nothing tells that the last is given back; a measure taken earlier would be a larger one
        warm = resident_bytes(self.pid)
        say(f"memory {self.memory >> 10} KiB fresh, {warm >> 10} warm")
        self.assertLessEqual(warm, self.memory + WARM_TAKES + SANITIZERS_KEEP)
        self.memory = warm

    def counter(self, name):
        return self.cluster.status("a")["counters"][name]

    def bad_sessions(self):
        counters = self.cluster.status("a")["counters"]
        return counters["sessions_malformed"] + counters["sessions_refused"]

    def assert_session_ends(self, *messages):
        """The session is over, whether or not the connection stays: the counter of such sessions grows."""
        ended = self.bad_sessions()
        count("wrong messages")
        with zmtp.open_session(self.cluster.socket("a")) as connection:
            connection.sendall(b"".join(messages))
            wait_until(lambda: self.bad_sessions() > ended, EVENT_WITHIN_S, "the end of the bad session")

    def welcome_session(self, hello):
        """A connection whose session is open, and what was received beyond its welcome: before that hardly anything may be said."""
        connection = zmtp.open_session(self.cluster.socket("a"))
        connection.sendall(zmtp.message(zmtp.with_fresh_secret(hello), b""))
        said = bytearray()
        self.assertIn("welcome", zmtp.decode(zmtp.receive_message(connection, said)[0]))
        return connection, said

    def assert_error(self, says, *messages):
        """An open session ends with an error that says so."""
        count("wrong messages")
        connection, said = self.welcome_session(zmtp.open_message())
        with connection:
            connection.sendall(b"".join(messages))
            self.assertIn(says, zmtp.error_told(connection, said).replace("\\'", "'"))

    def address_of_peers(self):
        host, port = self.cluster.peer_address("a").removeprefix("tcp://").split(":")
        return (host, int(port))

    def test_wrong_envelopes(self):
        hello = zmtp.open_message()
        for wrong in ([b"", b""], [b"x", b""], [bytes(64), b""], [b"\xff" * 64, b""], [os.urandom(200), b""], [hello],
                      [hello, b"", b""], [hello, b"a body where none belongs"], [hello[:-9], b""], [hello + bytes(8), b""],
                      [zmtp.open_message(version=9), b""], [b"\0" * 100000, b""]):
            self.assert_session_ends(zmtp.message(*wrong))
        self.assert_unharmed()

    def test_wrong_publishes(self):
        good = zmtp.record(b"prices.bad", b"data")
        publish = zmtp.encode("(publish = (firstN = 1, count = 1, topicRuns = 1))")
        many = zmtp.encode("(publish = (firstN = 1, count = 4000000000, topicRuns = 1))")
        backwards = zmtp.encode("(publish = (firstN = 0, count = 1, topicRuns = 1))")
        huge, reserved_bits = struct.pack("<I", 0xffffffff) + good[4:], good[:19] + b"\x01" + good[20:]
        no_topic, empty_level, pattern = zmtp.record(b"", b"x"), zmtp.record(b"a..b", b""), zmtp.record(b"a.*", b"")
        other_count, beyond = "another number of records", "ends beyond the end of its body"
        for envelope, body, says in ((publish, b"", other_count), (publish, good[:-1], beyond), (publish, good + b"x", beyond),
                                     (publish, good * 2, other_count), (many, good, "too many messages"),
                                     (backwards, good, "the first number is 0"), (publish, huge, beyond),
                                     (publish, reserved_bits, "reserved byte is not zero"), (publish, no_topic, "names no topic"),
                                     (publish, empty_level, "not a valid topic name"), (publish, pattern, "not a valid topic name")):
            self.assert_error(says, zmtp.message(envelope, body))
        hello = zmtp.message(zmtp.with_fresh_secret(zmtp.open_message()), b"")
        self.assert_session_ends(hello, zmtp.message(publish, good))  # before the welcome
        self.assert_session_ends(zmtp.message(publish, good))  # without Open
        self.assert_unharmed()

    def test_a_frame_that_claims_gigabytes_is_cut_off(self):
        with zmtp.open_session(self.cluster.socket("a")) as connection:
            connection.sendall(struct.pack(">BQ", zmtp.LONG, 3 << 30))
            self.assertIsNot(zmtp.end_of(connection), False, "still connected")
        self.assert_unharmed()

    def test_a_message_of_many_parts_ends_its_session(self):
        self.assert_session_ends(zmtp.message(*[b"x" * 200] * 1000))
        self.assert_unharmed()

    def test_parts_without_end_cost_only_their_own_session(self):
        """libzmq hands over whole messages only: until then the parts wait in its memory, which the unit's MemoryMax= bounds."""
        with zmtp.open_session(self.cluster.socket("a")) as connection:
            for _ in range(20):
                connection.sendall(zmtp.frame(b"x" * 200, zmtp.MORE) * 1000)
        self.assert_unharmed()

    @unittest.skipUnless(os.geteuid() == 0, "applications of another user need root")
    def test_random_mutations_of_valid_messages(self):
        hello = zmtp.open_message()
        body = zmtp.record(b"prices.bad", b"data") * 3
        valid = [(zmtp.encode("(publish = (firstN = 1, count = 3, topicRuns = 3))"), body),
                 (zmtp.encode('(join = (request = 1, group = "prices.other"))'), b""),
                 (zmtp.encode('(leave = (request = 1, group = "prices.other"))'), b""),
                 (zmtp.encode("(query = (request = 1, status = void))"), b""),
                 (zmtp.encode('(query = (request = 1, members = "prices"))'), b""),
                 (zmtp.encode("(pong = 5)"), b""), (zmtp.encode("(received = 100)"), b""), (hello, b"")]
        def say_mutated(messages):
            """One each on sessions of their own, most of them behind the welcome: before it hardly anything may be said."""
            with contextlib.ExitStack() as sessions:
                with another_user():
                    opened = [sessions.enter_context(zmtp.open_session(self.cluster.socket("a"))) for _ in range(messages)]
                for connection in opened:
                    connection.sendall(zmtp.message(zmtp.with_fresh_secret(hello), b""))
                for connection in opened:
                    if self.rng.random() < 0.9:
                        self.assertIsNotNone(zmtp.receive_message(connection, bytearray()))
                    connection.sendall(zmtp.message(*(mutate(self.rng, part) for part in self.rng.choice(valid))))
                    connection.shutdown(socket.SHUT_WR)
            self.mutated += messages

        quiet, beside = [], []
        for _ in range(TURNS):
            quiet.append(self.latency(None))
            beside.append(self.latency(lambda: say_mutated(1)))
        for _ in range(WARM_UP // AT_ONCE):
            say_mutated(AT_ONCE)
        self.assert_warm()
        ended = self.bad_sessions()
        for _ in range(MUTATIONS // AT_ONCE):
            say_mutated(AT_ONCE)
        count("mutated messages", self.mutated)
        self.assertGreater(self.bad_sessions(), ended + MUTATIONS // 20, "the mutations reached the daemon")
        self.assert_unharmed()
        if TURNS:
            say(f"p99 of others {sorted(quiet)} us without, {sorted(beside)} us beside bad input")
            self.assertLessEqual(statistics.median(beside), P99_RISES_TO * statistics.median(quiet))

    def latency(self, beside):
        """The 99th percentile, in microseconds, from the call to publish to the delivery at the same daemon."""
        program = self.cluster.program("tests/bench/load")
        with Bench(self.cluster, program, "subscribe", "hot", 1, 1) as reader, \
             Bench(self.cluster, program, "publish", "hot", 0, 64, 500, 3) as writer:
            writer.tell("go")
            while beside and not writer.said():
                beside()
            reader.tell(f"expect {writer.result()['published']}")
            return round(reader.result()["p99_us"])

    def test_half_a_greeting_holds_nobody_up(self):
        half_open = self.connections_allowed(2 * HALF_OPEN) // 2
        with contextlib.ExitStack() as crowd:
            for address in (self.cluster.socket("a"), self.address_of_peers()):
                for at in range(half_open):
                    connection = crowd.enter_context(zmtp.connect(address))
                    # libzmq gives one up that says nothing for long; it may have, by now.
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(zmtp.GREETING[:at % len(zmtp.GREETING)])
            count("connections left half open", 2 * half_open)
            late = self.subscriber(self.cluster, "a", "prices")
            late.wait_count(50)
            self.assertEqual(self.cluster.status("a")["view"], self.cluster.status("b")["view"])
        self.assert_unharmed()

    def test_forged_handshakes_of_peers_are_refused(self):
        view = self.cluster.status("a")["view"]
        for _ in range(FORGED_HANDSHAKES):
            with zmtp.connect(self.address_of_peers()) as connection, contextlib.suppress(ConnectionError):
                connection.sendall(forged_handshake(self.rng))
        count("forged handshakes", FORGED_HANDSHAKES)
        self.assertEqual(self.cluster.status("a")["view"], view)
        self.assert_unharmed()

    def test_a_storm_of_connections_finds_room_while_the_daemon_is_busy(self):
        """ZeroMQ's own backlog is 100; a refused connect shows as seconds of delay at hundreds of applications that start at once."""
        # How long the daemon is busy depends on what else this machine has to do; nobody shall take it for dead.
        for node in self.cluster.nodes:
            self.cluster.write_config(node, keys=PATIENT)
            reloaded = self.cluster.vsync(node, "reload")
            self.assertEqual(reloaded.returncode, 0, reloaded.stderr)
        with contextlib.ExitStack() as crowd:
            connections = [crowd.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
                           for _ in range(STORM)]
            self.cluster.pause("a")
            try:
                for connection in connections:
                    connection.connect(self.cluster.socket("a"))  # BlockingIOError if there is no room
            finally:
                self.cluster.resume("a")
        self.assert_unharmed()

    def test_a_connection_that_names_its_routing_id_is_refused_and_counted(self):
        """Two of one name, or one that has the name which is given next, would be libzmq's concern, and its end."""
        with zmtp.open_session(self.cluster.socket("a"), routing_id=b"") as unnamed:
            unnamed.sendall(zmtp.message(zmtp.with_fresh_secret(zmtp.open_message()), b""))
            self.assertIn("welcome", zmtp.decode(zmtp.receive_message(unnamed, bytearray())[0]))
        names = [b"x", b"x", b"\0", bytes(5), b"x" * 255, b"x" * 256, b"x" * 70_000, b"\0\0\0\0\1"]
        names += [b"\0" + self.rng.randbytes(4) for _ in range(NAMED_CONNECTIONS)]
        olds = [b"\x01\x00", b"\x06\x00" + b"named", zmtp.GREETING[:10] + b"\x01\x05" + b"\0\x05named"]  # ZMTP 1, and 2
        refused = self.counter("connections_refused")
        for said in [zmtp.handshake(routing_id=name) for name in names] + olds:
            with zmtp.connect(self.cluster.socket("a")) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(said + zmtp.message(zmtp.open_message(), b""))
                self.assertIsNot(zmtp.end_of(connection), False, f"still connected: {said[:200]}")
        count("connections that name their routing id", len(names) + len(olds))
        wait_until(lambda: self.counter("connections_refused") == refused + len(names) + len(olds), EVENT_WITHIN_S, "that all are counted")
        self.assert_unharmed()

    def test_commands_behind_the_handshake_are_refused(self):
        """libzmq would answer a PING that it reads late, since its queue was full, on a connection that has ended; and end itself."""
        refused = self.counter("connections_refused")
        for _ in range(COMMANDS):
            with zmtp.open_session(self.cluster.socket("a")) as connection, contextlib.suppress(ConnectionError):
                connection.sendall(zmtp.message(b"x") * 400 + zmtp.frame(b"\x04PING\0\0", zmtp.COMMAND) * 3)
        count("connections that say commands", COMMANDS)
        wait_until(lambda: self.counter("connections_refused") == refused + COMMANDS, EVENT_WITHIN_S, "that all are counted")
        self.assert_unharmed()

    def sessions_seen(self):
        """Ids of living sessions, as any subscriber is told them: of who publishes, and of the members of a group."""
        own = (7, self.rng.randrange(1, 1 << 64))
        reader, said = self.welcome_session(zmtp.open_message(*own))
        with reader:
            reader.sendall(zmtp.message(zmtp.encode('(join = (request = 1, group = "prices"))'), b""))
            told = ""
            while "deliver = " not in told or "groupView = " not in told:
                told += zmtp.decode(zmtp.receive_message(reader, said)[0])
        told = re.findall(r"ession = \(\s*high = (\d+),\s*low = (\d+) \)", told)
        return {(int(high), int(low)) for high, low in told} - {zmtp.session_of(*own)}

    def test_a_session_is_not_taken_over_by_who_knows_its_id(self):
        known = sorted(self.sessions_seen())
        self.assertEqual(len(known), 2, "the publisher's and the subscriber's")
        for attempt in range(THEFTS):
            high, low = known[attempt % len(known)]
            further = self.rng.choice(["", f", lastN = {self.rng.randrange(1, 1 << 62)}",
                                       ", hasPosition = true, lastPosition = (view = 1, seq = 1)"])
            with zmtp.open_session(self.cluster.socket(self.rng.choice(self.cluster.nodes))) as thief:
                thief.sendall(zmtp.message(zmtp.open_message(high=high, low=low, further=further), b""))
                told = zmtp.decode(zmtp.receive_message(thief, bytearray())[0])
                self.assertRegex(told, "lastN = 0|sessionExpired", "a session of its own, which has published nothing")
        count("sessions claimed", THEFTS)
        self.assertLessEqual(set(known), self.sessions_seen())
        self.assert_unharmed()

    def error_told(self, node, said):
        with zmtp.open_session(self.cluster.socket(node)) as connection:
            connection.sendall(said)
            return zmtp.error_told(connection, bytearray())

    def test_a_replayed_session_delivers_nothing_again(self):
        """By who knows its secret: while it lives at this daemon it moves, and what was published isn't again; elsewhere and later it is over."""
        def publish(n):
            return zmtp.message(zmtp.encode(f"(publish = (firstN = {n}, count = 1, topicRuns = 1))"), zmtp.record(b"replayed", b"%d" % n))

        def wait_for(text):
            while text not in zmtp.decode(zmtp.receive_message(connection, said)[0]):
                pass

        opening = zmtp.message(zmtp.with_fresh_secret(zmtp.open_message()), b"")
        publishes = publish(1) + publish(2)
        witness = self.subscriber(self.cluster, "b", "replayed")
        with contextlib.ExitStack() as connections:
            former = None
            for _ in range(1 + REPLAYS):
                connection, said = connections.enter_context(zmtp.open_session(self.cluster.socket("a"))), bytearray()
                connection.sendall(opening)
                wait_for("welcome")
                connection.sendall(publishes)
                wait_for("outcome")
                if former is not None:
                    self.assertIn("sessionMoved", zmtp.error_told(*former))
                self.assertIn("sessionExpired", self.error_told("b", opening))
                former = connection, said
            connection.sendall(publish(3) + zmtp.message(zmtp.encode("(goodbye = void)"), b""))
            wait_for("goodbye = void")
        for _ in range(REPLAYS):
            for node in self.cluster.nodes:
                self.assertIn("sessionExpired", self.error_told(node, opening))
                self.assertIn("error", self.error_told(node, opening + publishes))
        count("replayed sessions", 6 * REPLAYS)
        self.cluster.vsync("a", "pub", "replayed", "last")
        witness.wait_message("last")
        self.assertEqual([data for _, _, data in witness.messages()], ["1", "2", "3", "last"])
        self.assert_unharmed()

    def test_bytes_that_are_no_zeromq(self):
        for address in (self.cluster.socket("a"), self.address_of_peers()):
            for said in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(1000), b"\xff" * 1000, bytes(1000), zmtp.GREETING[:20], b""):
                connection = zmtp.connect(address)
                with connection:
                    try:
                        connection.sendall(said)
                    except ConnectionError:
                        pass
        self.assert_unharmed()

    def test_a_peer_without_a_key_is_refused(self):
        for kind in (b"DEALER", b"ROUTER", b"PAIR", b"SUB"):
            connection = zmtp.connect(self.address_of_peers())
            with connection:
                connection.sendall(zmtp.handshake(kind) + zmtp.message(os.urandom(100)))
                connection.settimeout(3)
                self.assertIsNot(zmtp.end_of(connection), False, "still connected")
        self.assert_unharmed()


@contextlib.contextmanager
def another_user():
    """Whose connections begin here are nobody's: what root and the daemon's own user say may be an operator's command, and then it is
    none that does no harm. Some mutation of a question is one."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class Bench:
    """An application that measures (tests/bench/load.cpp)."""

    def __init__(self, lab, *command):
        arguments, environment = lab.command("a", *map(str, command))
        self.process = subprocess.Popen(arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        ready = self.process.stdout.readline()
        assert ready == "ready\n", ready
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def tell(self, line):
        print(line, file=self.process.stdin, flush=True)

    def said(self):
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def result(self):
        return json.loads(self.process.stdout.readline())


def forged_handshake(rng):
    """As a daemon begins that has a key (CurveZMQ: https://rfc.zeromq.org/spec/26/), and then nonsense; or one of them mutated."""
    hello = b"\x05HELLO\x01\x00" + bytes(72) + rng.randbytes(32 + 8 + 80)
    initiate = b"\x08INITIATE" + rng.randbytes(rng.choice([96 + 8 + 144, rng.randint(0, 2000)]))
    said = [zmtp.GREETING.replace(b"NULL\0", b"CURVE"), zmtp.frame(hello, zmtp.COMMAND), zmtp.frame(initiate, zmtp.COMMAND),
            zmtp.message(rng.randbytes(rng.randint(0, 300)))]
    if rng.random() < 0.5:
        at = rng.randrange(len(said))
        said[at] = mutate(rng, said[at])
    return b"".join(said[:rng.randint(1, len(said))])


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[rng.randrange(len(data))] = rng.randrange(256)
        elif kind == 1 and data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[rng.randint(0, len(data)):]
        elif kind == 3:
            at = rng.randint(0, len(data))
            data[at:at] = rng.randbytes(rng.randint(1, 16))
        elif kind == 4 and len(data) >= 8:
            at = rng.randrange(0, len(data) - 7)
            data[at:at + 8] = struct.pack("<Q", rng.choice([0, 1, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1]))
    return bytes(data)


if __name__ == "__main__":
    unittest.main(verbosity=2)
