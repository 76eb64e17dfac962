#!/usr/bin/python3
"""What the lab's bad cables and limits promise is really there, in the direction that was asked for, and gone after the heal (root)."""

import shutil
import subprocess
import sys
import unittest

from support import ClusterTest

COUNT = 1000
STREAM_BYTES = 400_000
PORT = 7999

# Both ends of a measurement run inside the network namespaces of two nodes; times are of one clock.
UDP_RECEIVER = """
import socket, sys, time
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
end.bind(("", int(sys.argv[1])))
print("ready", flush=True)
while (data := end.recv(2000)) != b"end":
    number, sent = data.split(b" ")[:2]
    print(int(number), time.monotonic() - float(sent), data.endswith(b"x" * 100))
"""
UDP_SENDER = """
import socket, sys, time
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.connect((sys.argv[1], int(sys.argv[2])))
for number in range(int(sys.argv[3])):
    end.send(b"%d %.9f " % (number, time.monotonic()) + b"x" * 100)
    time.sleep(0.001)
time.sleep(0.5)
for _ in range(50):
    end.send(b"end")
"""
TCP_RECEIVER = """
import socket, sys
door = socket.create_server(("", int(sys.argv[1])))
print("ready", flush=True)
line, _ = door.accept()
got = b""
while data := line.recv(65536):
    got += data
print(len(got), sum(bin(byte ^ 0x55).count("1") for byte in got))
"""
TCP_SENDER = """
import socket, sys, time
line = socket.create_connection((sys.argv[1], int(sys.argv[2])))
began = time.monotonic()
line.sendall(b"U" * int(sys.argv[3]))
line.shutdown(socket.SHUT_WR)
line.recv(1)
print(time.monotonic() - began)
"""


@unittest.skipUnless(shutil.which("ethtool"), "needs ethtool")
class Relay(ClusterTest):

    def setUp(self):
        self._lab = self.netns_lab(2)

    def start(self, node, script, *arguments):
        command, environment = self._lab.command(node, sys.executable, "-c", script, *map(str, arguments))
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def measure(self, receiver_script, sender_script, sender, receiver, count):
        """What both ends say, in lines of words."""
        listening = self.start(receiver, receiver_script, PORT)
        self.assertEqual(listening.stdout.readline(), "ready\n")
        sending = self.start(sender, sender_script, self._lab.spec["networks"][0][receiver], PORT, count)
        return [[line.split() for line in process.stdout.read().splitlines()] for process in (listening, sending)]

    def datagrams(self, sender="a", receiver="b"):
        """(number, seconds on the way) of each that arrived, in the order of arrival."""
        arrived, _ = self.measure(UDP_RECEIVER, UDP_SENDER, sender, receiver, COUNT)
        self.assertEqual({whole for _, _, whole in arrived}, {"True"}, "what arrives is sound")
        return [(int(number), float(seconds)) for number, seconds, _ in arrived]

    def stream(self):
        """Bytes that arrived, wrong bits in them, and how long it took."""
        [[count, wrong]], [[seconds]] = self.measure(TCP_RECEIVER, TCP_SENDER, "a", "b", STREAM_BYTES)
        return int(count), int(wrong), float(seconds)

    def counts(self):
        """Of the relay that is taken out by this."""
        self._lab.disturb("a")
        return {name: count for name, count in self._lab.disturbance_counts("a").items() if count}

    def assert_about(self, count, percent):
        """Eight standard deviations of so many draws: a sound relay is never outside."""
        expected, deviation = COUNT * percent / 100, (COUNT * percent * (100 - percent)) ** 0.5 / 100
        self.assertAlmostEqual(count, expected, delta=8 * deviation)

    def test_loss_is_there_and_gone_after_the_heal(self):
        self._lab.disturb("a", out={"loss": 20})
        self.assert_about(COUNT - len(self.datagrams()), 20)
        self.assertEqual(len(self.datagrams("b", "a")), COUNT, "the other direction loses nothing")
        self.assertGreater(self.counts()["lost"], 0)
        self._lab.disturb("a", into={"loss": 20})
        self.assertEqual(len(self.datagrams()), COUNT)
        self.assert_about(COUNT - len(self.datagrams("b", "a")), 20)
        self._lab.heal()
        self.assertEqual([number for number, _ in self.datagrams()], list(range(COUNT)))
        self._lab.wait_common_view()

    def test_delay_and_jitter_keep_the_order(self):
        self._lab.disturb("a", out={"delay": 30, "jitter": 40})
        arrived = self.datagrams()
        self.assertEqual([number for number, _ in arrived], list(range(COUNT)))
        times = sorted(seconds for _, seconds in arrived)
        self.assertGreaterEqual(times[0], 0.030)
        self.assertGreater(times[-1] - times[0], 0.010)
        self.assertGreaterEqual(times[COUNT // 2], 0.050, "the median: half of the jitter, and more for who waits behind another")

    def test_duplicates_come_twice(self):
        self._lab.disturb("a", out={"duplicate": 20})
        numbers = [number for number, _ in self.datagrams()]
        self.assertEqual(set(numbers), set(range(COUNT)))
        self.assert_about(len(numbers) - COUNT, 20)

    def test_reordered_ones_are_overtaken(self):
        self._lab.disturb("a", out={"reorder": 10, "hold": 30})
        arrived = self.datagrams()
        numbers = [number for number, _ in arrived]
        self.assertEqual(sorted(numbers), list(range(COUNT)))
        late = [number for number, seconds in arrived if seconds >= 0.030]
        self.assertGreater(len(late), 40)
        highest, overtaken = -1, 0
        for number in numbers:
            overtaken += number < highest
            highest = max(highest, number)
        self.assertGreater(overtaken, 40)

    def test_checksums_find_a_corrupt_packet(self):
        self._lab.disturb("a", out={"corrupt": 20})
        self.assert_about(COUNT - len(self.datagrams()), 20)
        count, wrong, _ = self.stream()
        self.assertEqual((count, wrong), (STREAM_BYTES, 0))
        self.assertGreater(self.counts()["corrupted"], 0)

    def test_a_wrong_bit_slips_through_where_the_checksum_was_made_to_fit(self):
        self._lab.disturb("a", out={"slip": 20})
        count, wrong, _ = self.stream()
        self.assertEqual(count, STREAM_BYTES)
        self.assertGreater(wrong, 10)
        self.assertGreaterEqual(self.counts()["slipped"], wrong)
        self._lab.wait_common_view()

    def test_a_rate_is_bounded(self):
        self._lab.limit("a", "1mbit", "out")
        count, wrong, seconds = self.stream()
        self.assertEqual((count, wrong), (STREAM_BYTES, 0))
        self.assertGreater(seconds, 0.8 * STREAM_BYTES * 8 / 1e6)
        self._lab.limit("a", None)
        self.assertLess(self.stream()[2], 0.4 * STREAM_BYTES * 8 / 1e6)
        self._lab.wait_common_view()


if __name__ == "__main__":
    unittest.main(verbosity=2)
