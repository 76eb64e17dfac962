#!/usr/bin/python3
"""Daemons that don't belong here: an unknown key, an old one, another cluster, and what others said before, said again. They are refused
and counted, and nobody else notices."""

import contextlib
import random
import selectors
import shutil
import socket
import subprocess
import threading
import unittest

import zmtp
from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, Lab, count, figure, wait_until

REPLAYS = figure(100, 20_000)
RECORDED_BYTES = 50_000


class Recorder:
    """Stands between a daemon and the peer at `target`, and keeps what the daemon says on each of its connections."""

    def __init__(self, target):
        self.said = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._end, ended = socket.socketpair()
        self._selector.register(ended, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def address(self):
        return "tcp://{}:{}".format(*self._listener.getsockname())

    def recordings(self):
        """Of the connections that have lasted, without what wasn't whole yet."""
        return [zmtp.pieces(bytes(said)) for said in self.said if len(said) > len(zmtp.GREETING)]

    def close(self):
        self._end.close()
        self._thread.join()

    def _run(self):
        with self._selector as selector:
            while True:
                for ready, _ in selector.select():
                    if ready.data is None:
                        for each in list(selector.get_map().values()):
                            each.fileobj.close()
                        return
                    ready.data()

    def _accept(self):
        daemon, _ = self._listener.accept()
        try:
            peer = socket.create_connection(self._target)
        except ConnectionError:
            return daemon.close()
        said = bytearray()
        self.said.append(said)
        for one, other, kept in ((daemon, peer, said), (peer, daemon, bytearray())):
            self._selector.register(one, selectors.EVENT_READ, lambda one=one, other=other, kept=kept: self._pass_on(one, other, kept))

    def _pass_on(self, one, other, kept):
        if one.fileno() < 0:
            return  # closed with the other one, in the same turn
        try:
            data = one.recv(65536)
            kept += data
            other.sendall(data)
        except ConnectionError:
            data = b""
        if not data:
            for each in (one, other):
                self._selector.unregister(each)
                each.close()


def said_again(rng, recording):
    """Whole or in parts, in another order, some of it missing."""
    pieces = list(recording)
    kind = rng.randrange(4)
    if kind == 1:
        del pieces[rng.randint(1, len(pieces)):]
    elif kind == 2:
        del pieces[rng.randrange(len(pieces))]
    elif kind == 3:
        one, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        pieces[one], pieces[other] = pieces[other], pieces[one]
    return pieces


class Replays(ClusterTest):

    def setUp(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        self.rng = random.Random(seed)

    def recorded_lab(self, **options):
        """Two daemons, of which a recorder hears what b says to a."""
        lab = self.lab(2, **options)
        self.recorder = Recorder(self.address_of_peers(lab))
        self.addCleanup(self.recorder.close)
        lab.write_config("b", addresses={"a": self.recorder.address()})
        self.assertEqual(lab.vsync("b", "reload").returncode, 0)
        return lab

    @staticmethod
    def address_of_peers(lab):
        host, port = lab.peer_address("a").removeprefix("tcp://").split(":")
        return (host, int(port))

    def load(self, lab):
        return self.subscriber(lab, "a", "prices"), self.publisher(lab, "b", "prices", rate=200)

    def record(self, lab):
        """What b says to a while it publishes, by connection."""
        wait_until(lambda: sum(map(len, self.recorder.said)) > RECORDED_BYTES, EVENT_WITHIN_S, "recorded bytes")
        return self.recorder.recordings()

    def say_again(self, lab, recordings):
        """Each on a connection of its own, until a has closed it; returns what a said."""
        told, frames = [], 0
        for _ in range(REPLAYS):
            recording = self.rng.choice(recordings)
            pieces = said_again(self.rng, recording)
            frames += len(pieces)
            with zmtp.connect(self.address_of_peers(lab)) as connection:
                answer = bytearray()
                with contextlib.suppress(OSError):  # a may have ended it by now
                    if pieces[:2] == recording[:2]:
                        # The greeting and the first command. As the daemon did, it waits for the answer; what comes too early is refused
                        # for that alone.
                        connection.sendall(b"".join(pieces[:2]))
                        del pieces[:2]
                        while b"WELCOME" not in answer and b"READY" not in answer and (data := connection.recv(65536)):
                            answer += data
                    connection.sendall(b"".join(pieces))
                    connection.shutdown(socket.SHUT_WR)
                rest = zmtp.end_of(connection)
                self.assertIsNot(rest, False, "still connected")
                told.append(bytes(answer) + rest)
        count("recorded connections said again", REPLAYS)
        count("recorded frames said again", frames)
        return told

    def assert_undisturbed(self, lab, view, subscriber, publisher):
        subscriber.wait_count(len(subscriber.messages()) + 200)
        self.assertEqual(lab.wait_common_view()["view"], view)
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])
        self.assertEqual(subscriber.of_kind("resync"), [])

    def test_a_recorded_connection_of_a_peer_gets_nobody_in(self):
        lab = self.recorded_lab()
        subscriber, publisher = self.load(lab)
        view = lab.status("a")["view"]
        recordings = self.record(lab)
        self.assertTrue(all(any(b"INITIATE" in piece for piece in recording) for recording in recordings), "handshakes are recorded")
        told = self.say_again(lab, recordings)
        self.assertTrue(any(b"WELCOME" in each for each in told), "a answers the beginning of a handshake")
        self.assertFalse(any(b"READY" in each for each in told), "a's word that the handshake is over")
        self.assert_undisturbed(lab, view, subscriber, publisher)

    def test_what_an_earlier_incarnation_said_is_dropped_and_counted_where_there_are_no_keys(self):
        lab = self.recorded_lab(settings=["security=none"])
        _, publisher = self.load(lab)
        recordings = self.record(lab)
        self.assert_ok(publisher)
        lab.stop("b")
        lab.start("b")
        view = lab.wait_common_view()["view"]
        subscriber, publisher = self.load(lab)
        stale = lab.status("a")["counters"]["frames_stale"]
        told = self.say_again(lab, recordings)
        self.assertTrue(any(b"READY" in each for each in told), "whoever reaches the port may speak")
        wait_until(lambda: lab.status("a")["counters"]["frames_stale"] >= stale + REPLAYS, EVENT_WITHIN_S, "stale frames counted at a")
        self.assert_undisturbed(lab, view, subscriber, publisher)


class Peers(ClusterTest):

    def setUp(self):
        self.cluster = self.lab(3, check=False)  # one node's disk and identity are tampered with
        self.subscriber_there = self.subscriber(self.cluster, "a", "prices")
        self.publisher_there = self.publisher(self.cluster, "b", "prices", rate=200)
        self.cluster.stop("c")
        self.view = self.cluster.wait_common_view(["a", "b"], VIEW_WITHIN_S)["view"]

    def counter(self, node, name):
        return self.cluster.status(node)["counters"][name]

    def assert_undisturbed(self):
        self.subscriber_there.wait_count(len(self.subscriber_there.messages()) + 200)
        self.assertEqual(self.cluster.wait_common_view(["a", "b"])["view"], self.view)
        self.assert_ok(self.publisher_there)
        self.assert_complete(self.subscriber_there, [self.publisher_there])

    def test_a_peer_with_an_unknown_key_is_refused_and_counted(self):
        home = self.cluster.directory / "c"
        for key in ("secret.key", "public.key"):
            (home / key).unlink()
        subprocess.run([self.cluster.program("vsyncd"), "keygen", str(home)], check=True, capture_output=True)
        refused = self.counter("a", "peers_refused")
        self.cluster.start("c")
        wait_until(lambda: self.counter("a", "peers_refused") > refused, EVENT_WITHIN_S, "the refusal at a")
        self.assertNotEqual((self.cluster.status("c") or {}).get("state"), "primary")
        self.assert_undisturbed()

    def test_a_peer_whose_key_was_replaced_is_refused_with_the_old_one(self):
        """Until the new one works the old one does, too: that is how a host changes its key without leaving."""
        home = self.cluster.directory / "c"
        old = {key: (home / key).read_text() for key in ("secret.key", "public.key")}
        for key in old:
            (home / key).unlink()
        subprocess.run([self.cluster.program("vsyncd"), "keygen", str(home)], check=True, capture_output=True)
        new = {key: (home / key).read_text() for key in old}
        for node in ("a", "b"):
            file = self.cluster.directory / node / "vsyncd.toml"
            file.write_text(file.read_text().replace(old["public.key"].strip(), new["public.key"].strip()))
            self.assertEqual(self.cluster.vsync(node, "reload").returncode, 0)
        self.cluster.start("c")
        self.cluster.wait_common_view(within_s=VIEW_WITHIN_S)
        self.cluster.stop("c")
        self.view = self.cluster.wait_common_view(["a", "b"], VIEW_WITHIN_S)["view"]

        (home / "secret.key").write_text(old["secret.key"])
        refused = self.counter("a", "peers_refused")
        self.cluster.start("c")
        wait_until(lambda: self.counter("a", "peers_refused") > refused + 10, EVENT_WITHIN_S, "that it is refused each time it tries")
        self.assertNotEqual((self.cluster.status("c") or {}).get("state"), "primary")
        self.assert_undisturbed()

        self.cluster.stop("c")
        (home / "secret.key").write_text(new["secret.key"])
        self.cluster.start("c")
        self.cluster.wait_common_view(within_s=VIEW_WITHIN_S)

    def test_a_daemon_of_another_cluster_is_refused_and_counted(self):
        with Lab.up(1, trace=False, settings=["node=c"], wait=False) as other:
            other.wait_state("a", "primary")
            other.stop("a")
            shutil.rmtree(self.cluster.directory / "c" / "state")
            shutil.copytree(other.directory / "a" / "state", self.cluster.directory / "c" / "state")
        stale = self.counter("a", "frames_stale")
        self.cluster.start("c")
        wait_until(lambda: self.counter("a", "frames_stale") > stale, EVENT_WITHIN_S, "frames of another cluster counted at a")
        self.assert_undisturbed()


if __name__ == "__main__":
    unittest.main(verbosity=2)
