#!/usr/bin/python3
"""Daemons with an address in each of two networks: when one fails, the links go over to the other, and the view stays as it is."""

import unittest

from applications import longest_gap
from support import SLOWNESS, VIEW_WITHIN_S, ClusterTest


class Networks(ClusterTest):

    def test_a_network_that_fails_under_load_changes_no_view_and_loses_nothing(self):
        lab = self.netns_lab(3, networks=2)
        before = lab.wait_common_view()["view"]
        subscribers = [self.subscriber(lab, node, "prices") for node in lab.nodes]
        publishers = [self.publisher(lab, node, "prices", rate=200) for node in ("a", "b")]
        subscribers[2].wait_count(100)
        for which, on in ((0, False), (0, True), (1, False), (1, True)):
            lab.switch_network(which, on)
            for subscriber in subscribers:
                subscriber.wait_count(len(subscriber.messages()) + 800)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
            self.assertEqual(subscriber.of_kind("resync"), [])
        self.assert_same(subscribers)
        self.assertEqual(lab.wait_common_view()["view"], before)
        for subscriber in subscribers:
            self.assertLess(longest_gap(subscriber.arrivals()), 1.0 * SLOWNESS)

    def test_a_crash_is_told_at_once_with_two_addresses_too(self):
        lab = self.netns_lab(3, networks=2)
        lab.wait_common_view()
        subscriber = self.subscriber(lab, "a", "prices")
        publisher = self.publisher(lab, "a", "prices", rate=200)
        subscriber.wait_count(100)
        lab.kill("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])
        self.assertLess(longest_gap(subscriber.arrivals()), 0.4 * SLOWNESS)

    def test_with_both_networks_down_a_daemon_is_cut_off(self):
        lab = self.netns_lab(3, networks=2)
        lab.wait_common_view()
        lab.partition("a,b / c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lab.wait_state("c", "blocked", VIEW_WITHIN_S)
        lab.heal()
        lab.wait_common_view(within_s=VIEW_WITHIN_S)


if __name__ == "__main__":
    unittest.main(verbosity=2)
