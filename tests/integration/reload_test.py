#!/usr/bin/python3
"""Configurations that change while the cluster runs, at one host after the other in any order, under load."""

import os
import random
import shutil
import signal
import unittest

from applications import longest_gap
from support import EVENT_WITHIN_S, SLOWNESS, VIEW_WITHIN_S, ClusterTest, figure, wait_until


class Reload(ClusterTest):

    def setUp(self):
        self.seed = random.randrange(1 << 32)
        self.random = random.Random(self.seed)
        self.addCleanup(lambda: self._outcome.success or print(f"order of the hosts: seed {self.seed}"))

    # ---- reloading

    def reload(self, lab, node, status=0):
        """By the command; returns what it said."""
        done = lab.vsync(node, "reload")
        self.assertEqual(done.returncode, status, f"reload at {node}: {done.stdout}{done.stderr}")
        return done.stdout if status == 0 else done.stderr

    def told(self, lab, node):
        return lab.log(node).read_text(errors="replace").count("configuration")

    def hang_up(self, lab, node):
        """By the signal; returns what the log said then."""
        before = lab.log(node).stat().st_size
        lines = self.told(lab, node)
        os.kill(lab.pid(node), signal.SIGHUP)
        wait_until(lambda: self.told(lab, node) > lines, EVENT_WITHIN_S, f"a word about the configuration in the log of {node}")
        with open(lab.log(node), errors="replace") as log:
            log.seek(before)
            return log.read()

    def reload_all(self, lab, nodes, write):
        """In random order, by either way."""
        for node in self.random.sample(nodes, len(nodes)):
            write(node)
            self.random.choice((self.reload, self.hang_up))(lab, node)

    # ---- load

    def begin(self, lab, at):
        subscribers = [self.subscriber(lab, node, "prices") for node in at]
        publishers = [self.publisher(lab, node, "prices", rate=200) for node in at[:2]]
        self.go_on(subscribers)
        return subscribers, publishers

    def go_on(self, subscribers):
        for subscriber in subscribers:
            subscriber.wait_count(len(subscriber.messages()) + 100)

    def end(self, subscribers, publishers, gap=1.0):
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
            self.assertEqual(subscriber.of_kind("resync"), [])
            self.assertLess(longest_gap(subscriber.arrivals()), gap * SLOWNESS)
        self.assert_same(subscribers)

    def view(self, lab, nodes):
        return lab.wait_common_view(nodes, VIEW_WITHIN_S)["view"]

    def link(self, lab, node, peer):
        return next((link for link in lab.status(node)["links"] if link["peer"] == peer), None)

    # ---- peers that come and go

    def test_a_host_that_left_is_forgotten_and_one_that_is_added_joins(self):
        lab = self.lab(4)
        stay = ["a", "b", "c"]
        subscribers, publishers = self.begin(lab, stay)
        lab.stop("d")
        before = self.view(lab, stay)
        self.reload_all(lab, stay, lambda node: lab.write_config(node, stay))
        for node in stay:
            wait_until(lambda: self.link(lab, node, "d") is None, EVENT_WITHIN_S, f"{node} without a link to d")
        self.go_on(subscribers)
        self.assertEqual(self.view(lab, stay), before, "nothing of it concerns the view")

        lab.start("d")
        for node in stay:
            wait_until(lambda: lab.status(node)["counters"]["peers_refused"] > 0, EVENT_WITHIN_S, f"d refused at {node}")
        self.go_on(subscribers)
        self.assertEqual(self.view(lab, stay), before)

        self.reload_all(lab, stay, lab.write_config)
        self.view(lab, lab.nodes)
        self.end(subscribers, publishers)

    def test_a_member_that_is_not_configured_any_more_keeps_its_place(self):
        lab = self.lab(3)
        subscribers, publishers = self.begin(lab, ["a", "c"])
        before = self.view(lab, lab.nodes)
        self.reload_all(lab, ["a", "b"], lambda node: lab.write_config(node, ["a", "b"]))
        self.go_on(subscribers)
        self.assertEqual(self.view(lab, lab.nodes), before)
        self.assertEqual(lab.status("a")["unconfigured"], ["c"])
        self.assertIn("c is a member but not configured here", lab.vsync("a", "status").stdout)
        self.end(subscribers, publishers)
        lab.stop("c")
        self.view(lab, ["a", "b"])
        for node in ("a", "b"):
            wait_until(lambda: self.link(lab, node, "c") is None, EVENT_WITHIN_S, f"{node} without a link to c")
            self.assertEqual(lab.status(node)["unconfigured"], [])

    def test_a_cluster_of_one_host_takes_its_first_peers(self):
        lab = self.lab(2, wait=False)
        for node in lab.nodes:
            lab.wait_answer(node)
            lab.kill(node)
            shutil.rmtree(lab.directory / node / "state")
        for trace in lab.trace_files():
            trace.unlink()  # of hosts that never were
        lab.write_config("a", [])
        lab.start("a")
        lab.wait_common_view(["a"])
        self.assertEqual(lab.status("a")["links"], [])
        lab.start("b")
        lab.write_config("a")
        self.assertIn("peer b: none -> ", self.reload(lab, "a"))
        self.view(lab, lab.nodes)

    # ---- addresses

    def moved(self, lab, node):
        """Another address of the node's host."""
        address, _, port = lab.peer_address(node).rpartition(":")
        return f"{address}:{int(port) + 1000}"

    def test_an_address_that_does_not_work_costs_nothing(self):
        lab = self.lab(3)
        subscribers, publishers = self.begin(lab, lab.nodes)
        before = self.view(lab, lab.nodes)
        wrong = {node: self.moved(lab, node) for node in lab.nodes}
        self.reload_all(lab, lab.nodes, lambda node: lab.write_config(node, addresses=wrong))
        self.go_on(subscribers)
        for node in lab.nodes:
            for peer in set(lab.nodes) - {node}:
                self.assertEqual(self.link(lab, node, peer), {"peer": peer, "endpoint": lab.peer_address(peer), "up": True, "next": wrong[peer]})
        self.reload_all(lab, lab.nodes, lab.write_config)
        self.go_on(subscribers)
        self.assertNotIn("next", self.link(lab, "a", "b"))
        self.assertEqual(self.view(lab, lab.nodes), before)
        self.end(subscribers, publishers)

    def test_a_host_that_moves_is_found_at_its_new_address(self):
        lab = self.lab(3)
        subscribers, publishers = self.begin(lab, ["a", "b"])
        new = {"c": self.moved(lab, "c")}
        before = self.view(lab, lab.nodes)
        early, late = self.random.sample(["a", "b"], 2)
        lab.write_config(early, addresses=new)
        self.assertIn(f"-> {new['c']}", self.reload(lab, early))
        self.go_on(subscribers)
        self.assertEqual(self.view(lab, lab.nodes), before, "c hasn't moved yet")

        lab.stop("c")
        lab.write_config("c", keys={"listen": new["c"]})
        lab.start("c")
        wait_until(lambda: self.link(lab, early, "c")["endpoint"] == new["c"], EVENT_WITHIN_S, f"{early} at c's new address")
        lab.write_config(late, addresses=new)
        self.reload(lab, late)
        self.view(lab, lab.nodes)
        self.assertEqual(self.link(lab, late, "c"), {"peer": "c", "endpoint": new["c"], "up": True})
        self.end(subscribers, publishers)

    # ---- votes and times

    def test_a_changed_weight_and_tie_breaker_are_in_the_next_view(self):
        lab = self.lab(3)
        subscribers, publishers = self.begin(lab, lab.nodes)
        before = self.view(lab, lab.nodes)["number"]
        lab.write_config("b", keys={"weight": 3})
        self.assertEqual(self.reload(lab, "b"), "weight: 1 -> 3\n")
        wait_until(lambda: self.view(lab, lab.nodes)["number"] == before + 1, EVENT_WITHIN_S, "a view change")
        for node in lab.nodes:
            self.assertEqual({member["node"]: member["weight"] for member in lab.status(node)["view"]["members"]}, {"a": 1, "b": 3, "c": 1})

        self.reload_all(lab, lab.nodes, lambda node: lab.write_config(node, keys={"tie_breaker": "c", "weight": 3 if node == "b" else 1}))
        wait_until(lambda: self.view(lab, lab.nodes)["number"] == before + 2, EVENT_WITHIN_S, "a view change")
        self.go_on(subscribers)
        self.assertEqual(self.view(lab, lab.nodes)["number"], before + 2)
        self.end(subscribers, publishers)

    def test_times_of_any_kind_change_no_view(self):
        lab = self.lab(3)
        subscribers, publishers = self.begin(lab, lab.nodes)
        before = self.view(lab, lab.nodes)
        slow = {"heartbeat_every_ms": 500, "lease_ms": 1500, "suspect_after_min_ms": 4000, "suspect_after_max_ms": 8000, "admit_after_ms": 5000}
        for keys in (slow, {}):
            self.reload_all(lab, lab.nodes, lambda node: lab.write_config(node, keys=keys))
            self.go_on(subscribers)
        self.assertEqual(self.view(lab, lab.nodes), before)
        self.end(subscribers, publishers)

    def test_votes_and_times_that_change_in_the_middle_of_view_changes(self):
        """A host is killed, and the others are told new votes and times while they go on without it; it starts with the new ones."""
        lab = self.lab(5)
        at = ["a", "b", "c"]
        subscribers, publishers = self.begin(lab, at)
        slower = {"suspect_after_min_ms": 900, "admit_after_ms": 1200, "heartbeat_every_ms": 50}
        times = (slower, {"lease_ms": 300}, {})
        for kills in range(figure(4, 30)):
            keys = {**times[kills % len(times)], "tie_breaker": self.random.choice(lab.nodes)}
            killed = self.random.choice(["d", "e"])
            lab.kill(killed)
            self.reload_all(lab, [node for node in lab.nodes if node != killed],
                            lambda node: lab.write_config(node, keys={**keys, "weight": self.random.choice((1, 2))}))
            lab.write_config(killed, keys=keys)
            lab.start(killed)
            self.go_on(subscribers)
            self.view(lab, lab.nodes)
        self.end(subscribers, publishers, gap=5.0)

    # ---- what is wrong, and what takes a restart

    def test_a_wrong_file_changes_nothing_and_says_what_is_wrong(self):
        lab = self.lab(2)
        before = self.view(lab, lab.nodes)
        file = lab.directory / "b" / "vsyncd.toml"
        lab.write_config("b", keys={"log_level": "debug", "weight": 0})
        line = file.read_text().splitlines().index("weight = 0") + 1
        wrong = f"{file}:{line}: key 'weight' = 0: allowed is a whole number from 1 to 1000"
        self.assertIn(wrong, self.reload(lab, "b", status=1))
        self.assertIn(wrong, self.hang_up(lab, "b"))
        file.write_text("node =")
        self.assertIn(f"{file}:1:", self.reload(lab, "b", status=1))
        file.unlink()
        self.assertIn(f"{file}: no such configuration file", self.reload(lab, "b", status=1))
        file.write_text((lab.directory / "a" / "vsyncd.toml").read_text())
        self.assertIn("this daemon is 'b', and the file is now that of 'a'", self.reload(lab, "b", status=1))
        lab.write_config("b")
        self.assertEqual(self.reload(lab, "b"), "nothing has changed\n")
        self.assertEqual(self.view(lab, lab.nodes), before)

    def test_what_takes_a_restart_is_named_and_kept(self):
        lab = self.lab(2)
        keys = {"witness": True, "listen": self.moved(lab, "b"), "sessions_max": 77}
        lab.write_config("b", keys=keys)
        said = self.reload(lab, "b")
        self.assertIn("sessions_max: 10000 -> 77\n", said)
        self.assertIn("witness: false -> true takes a restart; kept as it was until then\n", said)
        self.assertIn(f'listen: "{lab.listen_address("b")}" -> "{keys["listen"]}" takes a restart', said)
        said = self.hang_up(lab, "b")
        self.assertIn("witness: false -> true takes a restart", said, "as long as it hasn't been restarted")
        self.assertNotIn("sessions_max", said)
        self.view(lab, lab.nodes)

    def test_the_level_of_the_log_changes_at_once(self):
        lab = self.lab(1)
        lab.write_config("a", keys={"log_level": "error"})
        self.reload(lab, "a")
        before = self.told(lab, "a")
        self.reload(lab, "a")
        self.assertEqual(self.told(lab, "a"), before, "nothing but errors")
        lab.write_config("a")
        self.reload(lab, "a")
        self.assertIn("nothing has changed", self.hang_up(lab, "a"))

    def test_a_session_more_than_there_may_be_is_refused(self):
        lab = self.lab(1)
        self.subscriber(lab, "a", "prices")
        lab.write_config("a", keys={"sessions_max": 2})
        self.assertEqual(self.reload(lab, "a"), "sessions_max: 10000 -> 2\n")
        self.subscriber(lab, "a", "prices")
        refused = lab.vsync("a", "pub", "prices", "one more")
        self.assertIn("sessions_max", refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
