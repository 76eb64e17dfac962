#!/usr/bin/python3
"""Daemons with an address in each of two networks: when one fails, the links go over to the other, and the view stays as it is."""

import unittest

from applications import longest_gap
from support import EVENT_WITHIN_S, SLOWNESS, VIEW_WITHIN_S, ClusterTest, wait_until


class Networks(ClusterTest):

    def under_load(self, lab, disturb):
        """While `disturb` runs, the view stays, nothing is lost, and nobody waits for longer than a link takes to go over."""
        before = lab.wait_common_view()["view"]
        subscribers = [self.subscriber(lab, node, "prices") for node in lab.nodes]
        publishers = [self.publisher(lab, node, "prices", rate=200) for node in ("a", "c")]
        subscribers[1].wait_count(100)
        disturb(subscribers)
        self.assertEqual(lab.wait_common_view()["view"], before)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
            self.assertEqual(subscriber.of_kind("resync"), [])
        self.assert_same(subscribers)
        for subscriber in subscribers:
            self.assertLess(longest_gap(subscriber.arrivals()), 1.0 * SLOWNESS)

    def go_on(self, subscribers):
        for subscriber in subscribers:
            subscriber.wait_count(len(subscriber.messages()) + 800)

    def test_a_network_that_fails_under_load_changes_no_view_and_loses_nothing(self):
        lab = self.netns_lab(3, networks=2)

        def fail_one_after_the_other(subscribers):
            for which, on in ((0, False), (0, True), (1, False), (1, True)):
                lab.switch_network(which, on)
                self.go_on(subscribers)

        self.under_load(lab, fail_one_after_the_other)

    def test_a_daemon_that_loses_one_network_keeps_its_links_by_the_other(self):
        lab = self.netns_lab(3, networks=2)

        def fail_at_c(subscribers):
            for failing, working in ((0, 1), (1, 0)):
                lab.switch_network(failing, False, "c")
                for node in ("a", "b"):
                    self.wait_link(lab, node, "c", working)
                    self.wait_link(lab, "c", node, working)
                self.go_on(subscribers)
                lab.switch_network(failing, True, "c")
                self.go_on(subscribers)  # a card that gets its carrier back takes a second to carry anything

        self.under_load(lab, fail_at_c)

    def wait_link(self, lab, node, peer, network):
        wanted = {"peer": peer, "endpoint": lab.peer_addresses(peer)[network], "up": True}
        wait_until(lambda: wanted in lab.status(node)["links"], EVENT_WITHIN_S, f"{wanted} at {node}")

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
