#!/usr/bin/python3
"""A cluster is upgraded one daemon at a time, under load, and goes over to the newer protocol when all daemons speak it."""

import unittest

from support import VIEW_WITHIN_S, ClusterTest, count, wait_until

NEXT = "tests/integration/vsyncd-next"


class Upgrade(ClusterTest):

    def version(self, lab, node):
        view = (lab.status(node) or {}).get("view") or {}
        return view.get("version")

    def replace(self, lab, node, program):
        lab.stop(node)
        lab.start(node, program=program)
        lab.wait_common_view(within_s=VIEW_WITHIN_S)

    def test_one_after_the_other_under_load(self):
        lab = self.lab(3)
        former = self.version(lab, "a")
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publisher = self.publisher(lab, "a", "prices", rate=200)
        for node in ("c", "b"):
            self.replace(lab, node, NEXT)
            self.assertEqual(self.version(lab, "a"), former, f"a doesn't speak the new one yet, {node} does")
        said = lab.vsync("c", "status").stdout
        self.assertIn(f"version {former}; {former + 1} waits for an upgrade of a", said)
        self.assert_ok(publisher)
        self.assert_complete(subscribers["a"], [publisher])
        for node in ("b", "c"):
            self.assert_common_order(subscribers["a"], subscribers[node])
        self.replace(lab, "a", NEXT)
        for node in lab.nodes:
            self.assertEqual(self.version(lab, node), former + 1)
        after = self.publisher(lab, "b", "prices", rate=200)
        subscribers["a"].wait(lambda event: event.get("data") in set(after.lines()), "a message in the new version")
        self.assert_ok(after)
        count("rolls")

    def test_who_is_too_old_says_so_and_concerns_nobody_else(self):
        lab = self.lab(3)
        former = self.version(lab, "a")
        for node in lab.nodes:
            self.replace(lab, node, NEXT)
        subscriber = self.subscriber(lab, "a", "prices")
        lab.stop("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        changes = lab.status("a")["counters"]["view_changes"]
        lab.start("c")
        wait_until(lambda: f"a vsyncd that speaks version {former + 1}" in (lab.status("c") or {}).get("waits_for", ""), VIEW_WITHIN_S,
                   lambda: f"c says what it needs; it says {lab.status('c')}")
        publisher = self.publisher(lab, "b", "prices", rate=200)
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])
        self.assertEqual(lab.status("a")["counters"]["view_changes"], changes)
        wait_until(lambda: "this daemon cannot join its cluster" in lab.log("c").read_text(), VIEW_WITHIN_S, lambda: "c's log")
        self.replace(lab, "c", NEXT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
