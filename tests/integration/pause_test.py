#!/usr/bin/python3
"""A stopped daemon (SIGSTOP) is excluded, and learns that before it hands anything to an application."""

import time
import unittest

from applications import boot_clock
from support import VIEW_WITHIN_S, ClusterTest, roles

PAUSE_S = 10


def learned_of_exclusion(lab, node):
    """When the node's daemon wrote into its trace that it comes back as a new one."""
    lines = [line.split() for file in lab.trace_files() if file.parent.name == node for line in file.read_text().splitlines()]
    return next(int(words[0]) / 1e9 for words in lines if words[2] == "resync")


class Pause(ClusterTest):

    def pause_under_load(self, role):
        lab = self.lab(3)
        victim = roles(lab.wait_common_view())[role]
        survivors = [node for node in lab.nodes if node != victim]
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publisher = self.publisher(lab, survivors[0], "prices", rate=200)
        for subscriber in subscribers.values():
            subscriber.wait_count(100)
        paused = time.monotonic()
        lab.pause(victim)
        lab.wait_common_view(survivors, VIEW_WITHIN_S)
        subscribers[survivors[0]].wait_count(len(subscribers[survivors[0]].messages()) + 200)
        time.sleep(max(0.0, paused + PAUSE_S - time.monotonic()))  # the length of the pause is what is tested
        resumed = time.monotonic()
        lab.resume(victim)
        subscribers[victim].wait(lambda event: event["event"] == "resync", "resync after the pause", after=resumed)
        learned = learned_of_exclusion(lab, victim)
        early = [arrived for arrived in map(boot_clock, subscribers[victim].arrivals()) if boot_clock(resumed) <= arrived < learned]
        self.assertEqual(early, [], "messages handed out before the daemon knew that it was excluded")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assert_ok(publisher)
        for node in survivors:
            self.assert_complete(subscribers[node], [publisher])
        self.assert_same([subscribers[node] for node in survivors])
        subscribers[victim].wait_message(publisher.line(publisher.sent - 1))
        self.assert_common_order(subscribers[victim], subscribers[survivors[0]])

    def test_a_paused_member_learns_first_that_it_was_excluded(self):
        self.pause_under_load("member")

    def test_a_paused_sequencer_learns_first_that_it_was_excluded(self):
        self.pause_under_load("sequencer")

    def test_a_pause_shorter_than_the_detection_time_excludes_nobody(self):
        lab = self.lab(3)
        before = lab.wait_common_view()["view"]["number"]
        subscriber = self.subscriber(lab, "a", "prices")
        publisher = self.publisher(lab, "b", "prices", rate=200)
        subscriber.wait_count(100)
        lab.pause("c")
        time.sleep(0.2)
        lab.resume("c")
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])
        self.assertEqual(lab.wait_common_view()["view"]["number"], before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
