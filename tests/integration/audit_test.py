#!/usr/bin/python3
"""Replicas are compared: a daemon that delivered something else is named within a second, leaves alone, and comes back with the others' state."""

import unittest

from applications import boot_clock
from support import VIEW_WITHIN_S, ClusterTest

FOUND_WITHIN_S = 1.0


class Audit(ClusterTest):

    def trace(self, lab, node, word):
        """The events of one kind in a node's traces: (time in seconds, fields)."""
        lines = [line.split() for file in lab.trace_files() if file.parent.name == node for line in file.read_text().splitlines()]
        return [(int(words[0]) / 1e9, words[3:]) for words in lines if words[2] == word]

    def test_one_flipped_bit_is_found_and_takes_out_its_daemon_only(self):
        lab = self.lab(3, check=False)  # what the checker would find is what the daemons are to find
        lab.stop("c")
        lab.start("c", program="tests/integration/vsyncd-flips")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publisher = self.publisher(lab, "a", "prices", rate=400)
        subscribers["c"].wait(lambda event: event["event"] == "resync", "resync of the one that was wrong")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assert_ok(publisher)
        survivors = [subscribers["a"], subscribers["b"]]
        for subscriber in survivors:
            self.assert_complete(subscriber, [publisher])
            self.assertEqual(subscriber.of_kind("resync"), [], f"only c was wrong, not {subscriber.node}")
        self.assert_same(survivors)
        wrong = [event for event in subscribers["c"].of_kind("message") if event["data"] not in set(publisher.lines())]
        self.assertEqual(len(wrong), 1, "one was flipped")
        handed_out, _ = subscribers["c"].wait(lambda event: event == wrong[0], "the flipped message")
        for node in lab.nodes:
            found, words = self.trace(lab, node, "diverged")[0]
            self.assertEqual([word.split("/")[0] for word in words if word[0] in "abc"], ["c"], f"{node} names c and nobody else")
            self.assertLess(found - boot_clock(handed_out), FOUND_WITHIN_S)
            place = wrong[0]["position"]
            self.assertRegex(lab.log(node).read_text(), f"the replicas of the daemons differ.* wrong=c lane=0 .*differs={place['seq']} ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
