#!/usr/bin/python3
"""SIGTERM is an orderly leave: nothing is lost, nobody waits for a timeout, the view says who left."""

import time
import unittest

from support import SLOWNESS, VIEW_WITHIN_S, ClusterTest, roles


class Leave(ClusterTest):

    def leave_under_load(self, role):
        lab = self.lab(3)
        leaver = roles(lab.wait_common_view())[role]
        stayers = [node for node in lab.nodes if node != leaver]
        subscribers = [self.subscriber(lab, node, "prices") for node in stayers]
        leaving_publisher = self.publisher(lab, leaver, "prices", rate=200)
        publishers = [self.publisher(lab, node, "prices", rate=200) for node in stayers]
        subscribers[0].wait_count(300)
        self.assert_ok(leaving_publisher)  # its outcomes are all known before the daemon is told to go
        started = time.monotonic()
        lab.stop(leaver)
        self.assertLess(time.monotonic() - started, 5 * SLOWNESS, "an orderly leave waits for no timeout")
        lab.wait_common_view(stayers, VIEW_WITHIN_S)
        subscribers[0].wait_count(len(subscribers[0].messages()) + 200)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, [leaving_publisher, *publishers])
        self.assert_same(subscribers)
        lab.start(leaver)
        lab.wait_common_view(within_s=VIEW_WITHIN_S)

    def test_a_member_leaves_under_load_and_comes_back(self):
        self.leave_under_load("member")

    def test_the_sequencer_hands_over_and_leaves_under_load(self):
        self.leave_under_load("sequencer")

    def test_a_group_view_tells_who_left_with_its_daemon(self):
        lab = self.lab(3)
        watcher = self.subscriber(lab, "a", "desk")
        self.subscriber(lab, "c", "desk")
        watcher.wait(lambda event: event["event"] == "view" and len(event["members"]) == 2, "both members")
        lab.stop("c")
        _, view = watcher.wait(lambda event: event["event"] == "view" and event["left"], "the leave")
        self.assertRegex(view["left"][0]["member"], "@c#")
        self.assertEqual(len(view["left"]), 1)
        self.assertEqual(len(view["members"]), 1)

    def test_daemons_that_leave_one_by_one_never_block_the_rest(self):
        lab = self.lab(3)
        lab.stop("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lab.stop("b")
        lab.wait_common_view(["a"], VIEW_WITHIN_S)
        said = lab.vsync("a", "pub", "prices", "alone")
        self.assertEqual(said.returncode, 0, said.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
