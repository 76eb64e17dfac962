#!/usr/bin/python3
"""SIGKILL of daemons under load: the others go on in one order, the killed one comes back and says what it missed."""

import unittest

from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, count, figure, roles, wait_until

ALL_CRASH = figure(1, 25)


class Crash(ClusterTest):

    def crash_under_load(self, count, role):
        lab = self.lab(count)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publishers = {node: self.publisher(lab, node, "prices", rate=200) for node in lab.nodes}
        subscribers["a"].wait_count(300)

        victim = roles(lab.wait_common_view())[role]
        self.assertIsNotNone(victim, f"no {role} to kill")
        survivors = [node for node in lab.nodes if node != victim]
        lab.kill(victim)
        lab.wait_common_view(survivors, VIEW_WITHIN_S)
        for node in survivors:
            reached = len(subscribers[node].messages())
            subscribers[node].wait_count(reached + 200)

        lab.start(victim)
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        subscribers[victim].wait(lambda event: event["event"] == "resync", "resync after its daemon came back")
        reached = len(subscribers[victim].messages())
        subscribers[victim].wait_count(reached + 200)
        for node in survivors:
            self.assert_ok(publishers[node])
        publishers[victim].finish()  # what was under way at the crash may be unknown; the rest is checked below
        self.assert_survivors_agree(subscribers, publishers, survivors)
        for node in survivors:
            self.assert_common_order(subscribers[victim], subscribers[node])
        return lab, subscribers

    def assert_survivors_agree(self, subscribers, publishers, survivors):
        streams = [subscribers[node] for node in survivors]
        for node in survivors:
            last = publishers[node].line(publishers[node].sent - 1)
            for stream in streams:
                stream.wait_message(last)
        count = max(len(stream.messages()) for stream in streams)
        for stream in streams:
            stream.wait_count(count)
            self.assert_each_once(stream)
            got = {data for _, _, data in stream.messages()}
            for node in survivors:
                lost = [line for line in publishers[node].lines() if line not in got]
                self.assertEqual(lost[:5], [], f"published at {node}, lost at {stream.node}")
        self.assert_same(streams)

    def test_three_daemons_survive_the_crash_of_the_sequencer(self):
        self.crash_under_load(3, "sequencer")

    def test_three_daemons_survive_the_crash_of_the_coordinator(self):
        self.crash_under_load(3, "coordinator")

    def test_three_daemons_survive_the_crash_of_a_member(self):
        self.crash_under_load(3, "member")

    def test_five_daemons_survive_the_crash_of_the_sequencer(self):
        self.crash_under_load(5, "sequencer")

    def test_five_daemons_survive_two_crashes_at_once(self):
        lab = self.lab(5)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in ("c", "d", "e")}
        publishers = {node: self.publisher(lab, node, "prices", rate=200) for node in ("c", "d", "e")}
        subscribers["c"].wait_count(300)
        lab.kill("a")
        lab.kill("b")
        lab.wait_common_view(["c", "d", "e"], VIEW_WITHIN_S)
        subscribers["c"].wait_count(len(subscribers["c"].messages()) + 200)
        for publisher in publishers.values():
            self.assert_ok(publisher)
        self.assert_survivors_agree(subscribers, publishers, ["c", "d", "e"])

    def test_a_daemon_restarted_at_once_after_sigkill_is_admitted_again_and_again(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "a", "prices")
        publisher = self.publisher(lab, "b", "prices", rate=200)
        incarnations = set()
        for _ in range(4):
            lab.kill("c")
            lab.start("c")
            lab.wait_state("c", "primary", VIEW_WITHIN_S)
            status = lab.wait_common_view(within_s=VIEW_WITHIN_S)
            incarnations.add(str([member for member in status["view"]["members"] if member["node"] == "c"][0]["incarnation"]))
        self.assertEqual(len(incarnations), 4, "each start is a node of its own")
        self.assert_ok(publisher)
        self.assert_complete(subscriber, [publisher])

    def test_a_daemon_killed_again_before_it_is_admitted_comes_back(self):
        """What it was shown last is a view without it."""
        lab = self.lab(3)
        lab.kill("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        for _ in range(3):
            lab.start("c")
            wait_until(lambda: lab.wait_answer("c")["waits_for"] == "admission to the running view", EVENT_WITHIN_S,
                       "that c is shown the others' view")
            lab.kill("c")
        lab.start("c")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)

    def test_all_daemons_crash_and_form_again(self):
        lab = self.lab(3)
        view = lab.wait_common_view()
        for _ in range(ALL_CRASH):
            for node in lab.nodes:
                lab.kill(node)
            for node in lab.nodes:
                lab.start(node)
            after = lab.wait_common_view(within_s=VIEW_WITHIN_S)
            self.assertNotEqual(view["view"]["epoch"], after["view"]["epoch"], "a restart formation starts an epoch")
            view = after
        count("crashes of all", ALL_CRASH)
        said = lab.vsync("a", "pub", "prices", "again")
        self.assertEqual(said.returncode, 0, said.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
