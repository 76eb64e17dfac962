#!/usr/bin/python3
"""One order: every subscriber gets the same messages at the same positions, whoever publishes."""

import unittest

from support import VIEW_WITHIN_S, ClusterTest, roles


class Order(ClusterTest):

    def one_order_with_publishers_everywhere(self, count, messages):
        lab = self.lab(count)
        subscribers = [self.subscriber(lab, node, "prices") for node in lab.nodes]
        publishers = [self.publisher(lab, node, "prices", rate=400) for node in lab.nodes]
        subscribers[0].wait_count(messages)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
        self.assert_same(subscribers)

    def test_three_daemons_with_a_publisher_each_deliver_one_order(self):
        self.one_order_with_publishers_everywhere(3, 2000)

    def test_five_daemons_with_a_publisher_each_deliver_one_order(self):
        self.one_order_with_publishers_everywhere(5, 2000)

    def test_each_publishers_messages_stay_in_its_order(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "c", "prices")
        publishers = [self.publisher(lab, node, "prices") for node in ("a", "b")]
        subscriber.wait_count(500)
        for publisher in publishers:
            self.assert_ok(publisher)
            subscriber.wait_message(publisher.line(publisher.sent - 1))
            mine = [data for _, _, data in subscriber.messages() if data.startswith(f"{publisher.node}-")]
            self.assertEqual(mine, publisher.lines())

    def test_fifo_messages_keep_their_publishers_order_and_reach_all_survivors_of_a_crash(self):
        lab = self.lab(3)
        victim = roles(lab.wait_common_view())["sequencer"]
        survivors = [node for node in lab.nodes if node != victim]
        subscribers = [self.subscriber(lab, node, "prices") for node in survivors]
        publishers = [self.publisher(lab, node, "prices", rate=400, options=("--level", "fifo")) for node in survivors]
        for subscriber in subscribers:
            subscriber.wait_count(300)
        lab.kill(victim)
        lab.wait_common_view(survivors, VIEW_WITHIN_S)
        for subscriber in subscribers:
            subscriber.wait_count(len(subscriber.messages()) + 300)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
            for publisher in publishers:
                mine = [data for _, _, data in subscriber.messages() if data.startswith(f"{publisher.node}-")]
                self.assertEqual(mine, publisher.lines())

    def test_a_pattern_and_the_topics_it_matches_share_one_order(self):
        lab = self.lab(3)
        everything = self.subscriber(lab, "a", "stocks.>")
        two_topics = self.subscriber(lab, "b", "stocks.MSFT", "stocks.IBM")
        publishers = [self.publisher(lab, "b", "stocks.MSFT"), self.publisher(lab, "c", "stocks.IBM")]
        everything.wait_count(500)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in (everything, two_topics):
            self.assert_complete(subscriber, publishers)
        self.assert_same([everything, two_topics])

    def test_confirmed_delivery_is_the_same_order_only_later(self):
        lab = self.lab(3)
        at_once = self.subscriber(lab, "a", "trades")
        confirmed = [self.subscriber(lab, "b", "trades", options=["--on-confirm", "uniform"]),
                     self.subscriber(lab, "c", "trades", options=["--on-confirm", "safe"])]
        publishers = [self.publisher(lab, "a", "trades", options=["--level", "uniform"]),
                      self.publisher(lab, "b", "trades", options=["--level", "safe"])]
        at_once.wait_count(500)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in (at_once, *confirmed):
            self.assert_complete(subscriber, publishers)
        self.assert_same([at_once, *confirmed])

    def test_a_group_view_stands_at_one_point_of_the_messages_everywhere(self):
        lab = self.lab(3)
        watchers = [self.subscriber(lab, node, "desk") for node in ("a", "b")]
        publisher = self.publisher(lab, "a", "desk")
        watchers[0].wait_count(100)
        for _ in range(3):
            visitor = self.subscriber(lab, "c", "desk")
            visitor.wait_count(20)
            visitor.stop()
        self.assert_ok(publisher)
        for watcher in watchers:
            self.assert_complete(watcher, [publisher])

        def stream(watcher):
            """Messages and views from where all watchers are members."""
            events = [event for _, event in watcher.events if event["event"] in ("message", "view")]
            start = next(index for index, event in enumerate(events) if event["event"] == "view" and len(event["members"]) == 2)
            return [(event["event"], event.get("data") or len(event["members"])) for event in events[start:]]

        self.assert_equal_lists(stream(watchers[0]), stream(watchers[1]), "a and b")


if __name__ == "__main__":
    unittest.main(verbosity=2)
