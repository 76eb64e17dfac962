#!/usr/bin/python3
"""Daemons that don't belong here: an unknown key, another cluster. They are refused and counted, and nobody else notices."""

import shutil
import subprocess
import unittest

from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, Lab, wait_until


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
