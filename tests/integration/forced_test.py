#!/usr/bin/python3
"""An operator forces a primary with those that are left; histories that both went on never merge, and one is given up."""

import unittest

from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, wait_until


class Forced(ClusterTest):

    def command(self, lab, node, *words):
        said = lab.vsync(node, *words)
        self.assertEqual(said.returncode, 0, said.stderr)
        return said.stdout

    def test_the_last_one_goes_on_with_what_it_has(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "c", "prices")
        publisher = self.publisher(lab, "a", "prices", rate=200)
        subscriber.wait_count(100)
        self.assert_ok(publisher)
        subscriber.wait_count(publisher.sent)
        refused = lab.vsync("c", "force-primary")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("this node's view goes on by itself", refused.stderr)
        lab.kill("a")
        lab.kill("b")
        lab.wait_state("c", "blocked", EVENT_WITHIN_S)
        self.command(lab, "c", "force-primary")
        lab.wait_common_view(["c"], VIEW_WITHIN_S)
        self.assertIn("forced", self.command(lab, "c", "status"))
        after = self.publisher(lab, "c", "prices", rate=200)
        self.assert_ok(after)
        self.assert_complete(subscriber, [publisher, after])
        self.assertEqual(subscriber.of_kind("resync"), [])
        lab.start("a")
        lab.start("b")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assertEqual([forced["by"] for forced in lab.status("a")["view"]["forced"]], ["c"], "it stays on record")

    def test_two_histories_never_merge_and_one_is_given_up(self):
        lab = self.netns_lab(3)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        before = self.publisher(lab, "a", "prices", rate=200)
        self.assert_ok(before)
        for node in lab.nodes:
            self.assert_complete(subscribers[node], [before])
        lab.partition("a,b / c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lab.wait_state("c", "blocked", EVENT_WITHIN_S)
        self.command(lab, "c", "force-primary")
        lab.wait_common_view(["c"], VIEW_WITHIN_S)
        for node in ("a", "c"):
            self.command(lab, node, "pub", "prices", f"of the history of {node}")
            subscribers[node].wait(lambda event: event.get("data") == f"of the history of {node}", "its own history")
        lab.heal()
        for node, others in (("a", ["c"]), ("b", ["c"]), ("c", ["a", "b"])):
            wait_until(lambda: lab.status(node)["parted"] == others, VIEW_WITHIN_S, lambda: f"{node} is parted; it says {lab.status(node)}")
        self.assertIn("a forced primary has parted its history from that of c", self.command(lab, "a", "status"))
        self.assertEqual(lab.members(lab.status("a")), ["a", "b"])
        self.assertEqual(lab.members(lab.status("c")), ["c"])

        self.command(lab, "c", "join", "--discard")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        _, resync = subscribers["c"].wait(lambda event: event["event"] == "resync", "what it read in vain")
        self.assertTrue(resync["orphaned"])
        again = self.publisher(lab, "a", "prices", rate=200)
        self.assert_ok(again)
        subscribers["c"].wait_message(again.line(again.sent - 1))
        for node in ("a", "b"):
            self.assertNotIn("of the history of c", [data for _, _, data in subscribers[node].messages()])


if __name__ == "__main__":
    unittest.main(verbosity=2)
