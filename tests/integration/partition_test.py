#!/usr/bin/python3
"""Partitions between real network namespaces: only one side goes on. The other says so, comes back and tells what it missed."""

import unittest

from applications import position
from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, wait_until


class Partition(ClusterTest):

    def minority_blocks_and_returns(self, count, majority, minority):
        lab = self.netns_lab(count)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publisher = self.publisher(lab, majority[0], "prices", rate=200)
        for subscriber in subscribers.values():
            subscriber.wait_count(100)
        lab.partition(f"{','.join(majority)} / {','.join(minority)}")
        lab.wait_common_view(majority, VIEW_WITHIN_S)
        for node in minority:
            self.assert_refuses(lab, node)
            subscribers[node].wait(lambda event: event["event"] == "state" and event["state"] == "blocked", "that it is blocked")
        subscribers[majority[0]].wait_count(len(subscribers[majority[0]].messages()) + 200)

        lab.heal()
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        for node in minority:
            subscribers[node].wait(lambda event: event["event"] == "resync", "resync after the heal")
            subscribers[node].wait_count(len(subscribers[node].messages()) + 100)
        self.assert_ok(publisher)
        for node in majority:
            self.assert_complete(subscribers[node], [publisher])
        self.assert_same([subscribers[node] for node in majority])
        for node in minority:
            subscribers[node].wait_message(publisher.line(publisher.sent - 1))
            self.assert_common_order(subscribers[node], subscribers[majority[0]])

    def assert_refuses(self, lab, node):
        """A blocked daemon refuses publishes clearly and says what it waits for."""
        status = lab.wait_state(node, "blocked", EVENT_WITHIN_S)
        self.assertTrue(status["waits_for"], "it says what it waits for")
        said = lab.vsync(node, "pub", "prices", f"from the minority at {node}")
        self.assertNotEqual(said.returncode, 0)
        self.assertRegex(said.stderr, "blocked|primary")

    def test_two_of_three_go_on_and_the_third_blocks_and_returns(self):
        self.minority_blocks_and_returns(3, ["a", "b"], ["c"])

    def test_the_most_senior_alone_blocks_and_returns(self):
        self.minority_blocks_and_returns(3, ["b", "c"], ["a"])

    def test_three_of_five_go_on_and_two_block_and_return(self):
        self.minority_blocks_and_returns(5, ["c", "d", "e"], ["a", "b"])

    def test_a_restarted_daemon_tells_its_applications_what_they_delivered_in_vain(self):
        """They outlive their daemon, which has forgotten everything when it comes back: the others tell it where their views ended."""
        lab = self.netns_lab(3)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publisher = self.publisher(lab, "a", "prices", rate=1000)
        subscribers["a"].wait_count(500)
        self.assertEqual(lab.wait_common_view()["sequencer"], "a")
        lab.partition("a / b,c")
        lab.wait_common_view(["b", "c"], VIEW_WITHIN_S)
        lab.wait_state("a", "blocked")
        lab.kill("a")
        there = {where for where, _, _ in subscribers["b"].messages()}
        in_vain = [where for where, _, _ in subscribers["a"].messages() if where not in there]
        self.assertTrue(in_vain, "it went on for as long as its lease lasted")
        lab.heal()
        lab.start("a")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        _, resync = subscribers["a"].wait(lambda event: event["event"] == "resync", "the resync")
        self.assertTrue(resync["orphaned"], "that it delivered something in vain")
        first, last = (position({"position": resync["orphaned"][end]}) for end in ("from", "to"))
        self.assertLessEqual(first, in_vain[0])
        self.assertEqual(last, in_vain[-1])
        self.assertEqual([where for where in there if first <= where <= last], [])
        self.assert_ok(publisher)
        self.assert_complete(subscribers["b"], [publisher])
        self.assert_same([subscribers["b"], subscribers["c"]])

    def test_a_return_that_takes_long_names_all_that_it_missed(self):
        """A view may end before the one that returns has its state: what was ordered in that view is nowhere in its stream."""
        lab = self.netns_lab(3)
        subscriber = self.subscriber(lab, "c", "prices")
        witness = self.subscriber(lab, "a", "prices")
        lab.partition("a,b / c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        ledger = "".join(f"{number:01000}\n" for number in range(6000))
        self.assertEqual(lab.vsync("a", "pub", "ledger", "--level", "durable", input=ledger).returncode, 0)
        lab.limit("c", "8mbit", "in")  # the ledger is part of the state
        lab.partition("")
        wait_until(lambda: self.returning_in_a_view(lab, "c", 3), VIEW_WITHIN_S, "c in the view, without its state")
        for number in range(20):
            self.assertEqual(lab.vsync("a", "pub", "prices", f"missed {number}").returncode, 0)
        lab.stop("b")
        wait_until(lambda: self.returning_in_a_view(lab, "c", 2), VIEW_WITHIN_S, "c in the next view, still without its state")
        lab.limit("c", None)
        lab.wait_common_view(["a", "c"], VIEW_WITHIN_S)
        self.assertEqual(lab.vsync("a", "pub", "prices", "read again").returncode, 0)
        subscriber.wait_message("read again")
        missed = [tuple(position({"position": event["missed"][end]}) for end in ("from", "to")) for event in subscriber.of_kind("resync")]
        for where, _, text in witness.messages():
            if text.startswith("missed"):
                self.assertTrue(any(first <= where <= last for first, last in missed), f"{text} at {where}; told was {missed}")

    def returning_in_a_view(self, lab, node, members):
        status = lab.status(node)
        return status and status["state"] == "joining" and len(lab.members(status)) == members

    def test_a_full_split_blocks_all_and_the_same_view_goes_on_after_the_heal(self):
        lab = self.netns_lab(3)
        subscribers = [self.subscriber(lab, node, "prices") for node in lab.nodes]
        publishers = [self.publisher(lab, node, "prices", rate=100) for node in lab.nodes]
        subscribers[0].wait_count(200)
        epoch = lab.wait_common_view()["view"]["epoch"]
        lab.partition("a / b / c")
        for node in lab.nodes:
            lab.wait_state(node, "blocked", EVENT_WITHIN_S)
        lab.heal()
        healed = lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assertEqual(healed["view"]["epoch"], epoch, "no restart: the living know everything")
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
            self.assertEqual(subscriber.of_kind("resync"), [], "nothing was discarded")
        self.assert_same(subscribers)

    def test_a_daemon_that_hears_nobody_stops_nobody(self):
        lab = self.netns_lab(3)
        subscriber = self.subscriber(lab, "a", "prices")
        publisher = self.publisher(lab, "b", "prices", rate=200)
        subscriber.wait_count(100)
        lab.partition("a > c; b > c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        subscriber.wait_count(len(subscriber.messages()) + 200)
        lab.heal()
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])

    def test_one_cut_link_leaves_a_view_that_goes_on(self):
        lab = self.netns_lab(3)
        subscriber = self.subscriber(lab, "c", "prices")
        publisher = self.publisher(lab, "c", "prices", rate=200)
        subscriber.wait_count(100)
        lab.partition("a / b")
        subscriber.wait_count(len(subscriber.messages()) + 1000, within_s=EVENT_WITHIN_S * 2)
        lab.heal()
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])


if __name__ == "__main__":
    unittest.main(verbosity=2)
