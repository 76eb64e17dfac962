#!/usr/bin/python3
"""Clocks: hosts that have run for different times, and wall clocks that jump. No rule reads either, and nobody notices."""

import os
import random
import struct
import subprocess
import unittest
from pathlib import Path

from applications import longest_gap
from support import EVENT_WITHIN_S, SLOWNESS, VIEW_WITHIN_S, ClusterTest, find_build, wait_until

PRELOADED = "libshift-the-clock.so"
HOUR_S, DAY_S = 3600, 86400
JUMPS_S = (DAY_S, -DAY_S, HOUR_S, -HOUR_S, 0)


class Clocks(ClusterTest):

    def setUp(self):
        namespaces = subprocess.run(["unshare", "--time", "--monotonic", "1", "true"], capture_output=True)
        if os.geteuid() != 0 or namespaces.returncode != 0:
            self.skipTest("time namespaces need root and a kernel that has them")
        self.ahead = {}

    def lab_with_clocks(self, count):
        """Each host has been up for another number of days, and has a wall clock of its own."""
        lab = self.lab(count, wait=False)
        preloaded = find_build() / "tests/integration" / PRELOADED
        for days, node in enumerate(lab.nodes):
            lab.kill(node)
            self.ahead[node] = lab.directory / node / "ahead"
            self.jump(node, 0)
            up_s = str(days * DAY_S)
            lab.start(node, through=["unshare", "--time", "--monotonic", up_s, "--boottime", up_s,
                                     "env", f"LD_PRELOAD={preloaded}", "ASAN_OPTIONS=verify_asan_link_order=0",
                                     f"VSYNC_WALL_CLOCK_AHEAD={self.ahead[node]}"])
        return lab

    def assert_clocks_differ(self, lab):
        ahead = set()
        for node in lab.nodes:
            process = Path(f"/proc/{lab.pid(node)}")
            self.assertTrue(PRELOADED in (process / "maps").read_text(), f"{node}'s wall clock is its host's")
            ahead.add((process / "timens_offsets").read_text())
        self.assertEqual(len(ahead), len(lab.nodes), "boot clocks")

    def settled(self, lab):
        """The view in which all have their weight: no other follows by itself."""
        def of_all():
            view = lab.wait_common_view(within_s=VIEW_WITHIN_S)["view"]
            return view if all(member["weight"] > 0 for member in view["members"]) else None
        return wait_until(of_all, EVENT_WITHIN_S, "weights of all members")

    def jump(self, node, seconds):
        if not self.ahead[node].exists():
            self.ahead[node].write_bytes(bytes(8))
        with open(self.ahead[node], "r+b") as file:
            file.write(struct.pack("<q", int(seconds * 1e9)))

    def test_wall_clocks_that_jump_change_no_view(self):
        lab = self.lab_with_clocks(3)
        view = self.settled(lab)
        self.assert_clocks_differ(lab)
        subscribers = [self.subscriber(lab, node, "prices") for node in lab.nodes]
        publishers = [self.publisher(lab, node, "prices", rate=200) for node in lab.nodes]
        for jump in JUMPS_S:
            for node in random.sample(lab.nodes, len(lab.nodes)):
                self.jump(node, jump)
                subscribers[0].wait_count(len(subscribers[0].messages()) + 100)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
            self.assertLess(longest_gap(subscriber.arrivals()), SLOWNESS)
        self.assert_same(subscribers)
        self.assertEqual(self.settled(lab), view, "the view changed")


if __name__ == "__main__":
    unittest.main()
