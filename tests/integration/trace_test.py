#!/usr/bin/python3
"""Flight recorders: every daemon can tell what it did last, also when it crashes, and `vsync trace check` judges it."""

import json
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, wait_until

HELD_BYTES = 64 << 10  # of a recorder that is to lose its beginning
NOBODY = 65534
VIOLATION = 6


class FlightRecorder(ClusterTest):

    def lab(self, count, settings=(), **options):
        return super().lab(count, check=False, trace=False, settings=settings, **options)

    def dump(self, lab, node):
        said = lab.vsync(node, "trace", "dump")
        self.assertEqual(said.returncode, 0, said.stderr)
        return said.stdout.strip()

    def busy_lab(self, settings=(), messages=1500):
        lab = self.lab(3, settings)
        subscribers = {node: self.subscriber(lab, node, "prices") for node in lab.nodes}
        publishers = [self.publisher(lab, node, "prices", rate=400, options=("--level", "uniform")) for node in ("a", "b")]
        subscribers["a"].wait_count(messages)
        return lab, subscribers, publishers

    def crashed_lab(self):
        """All of it was seen by recorders."""
        lab, _, publishers = self.busy_lab(messages=200)
        for publisher in publishers:
            self.assert_ok(publisher)
        for node in lab.nodes:
            lab.kill(node, signal.SIGABRT)
        return lab

    def verdict(self, lab, files, returncode=0):
        checked = self.trace_check(lab, files, "--json")
        self.assertEqual(checked.returncode, returncode, checked.stdout + checked.stderr)
        return json.loads(checked.stdout)

    def test_dumps_on_request_and_of_a_crash_say_that_the_promises_hold(self):
        lab, subscribers, publishers = self.busy_lab([f"flight_recorder_bytes={HELD_BYTES}"])
        first = [self.dump(lab, node) for node in lab.nodes]
        subscribers["a"].wait_count(len(subscribers["a"].messages()) + 300)
        lab.kill("c", signal.SIGSEGV)
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        subscribers["a"].wait_count(len(subscribers["a"].messages()) + 300)
        second = [self.dump(lab, node) for node in ("a", "b")]
        lab.start("c")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        for publisher in publishers:
            self.assert_ok(publisher)
        third = [self.dump(lab, node) for node in lab.nodes]

        crashed = [file for file in lab.dumps("c") if str(file) not in [*first, *third]]
        self.assertEqual(len(crashed), 1, "SIGSEGV leaves one")
        self.assertIn(f"vsync: signal 11: the newest events are in {crashed[0]}", lab.log("c").read_text())
        self.assertIn(" continued +", crashed[0].read_text().splitlines()[0], "it has lost its beginning, and says in which view it goes on")
        files = lab.dumps()
        self.assertEqual({str(file) for file in files}, {*first, *second, *third, str(crashed[0])})
        verdict = self.verdict(lab, files)
        self.assertTrue(verdict["one_clock"], "one host")
        self.assertEqual(verdict["without_trace"], [])
        self.assertGreater(len(verdict["in_part"]), 0)
        self.assertIn("total_order_without_holes", verdict["holds"])
        self.assertIn("virtual_synchrony", verdict["holds"])
        self.assertIn("integrity", [one["property"] for one in verdict["not_judged"]])
        self.verdict(lab, [third[0]])  # one file alone tells less, and nothing wrong

    def test_dumps_of_a_short_run_are_whole_but_for_their_ends(self):
        lab = self.crashed_lab()
        verdict = self.verdict(lab, lab.dumps())
        self.assertEqual((verdict["in_part"], verdict["without_trace"]), ([], []), "who crashes has nothing more to tell")
        self.assertIn("integrity", verdict["holds"])
        self.assertIn("uniform_marks_not_early", verdict["holds"])

    def test_a_broken_trace_is_found(self):
        lab = self.crashed_lab()
        victim = lab.dumps("b")[0]
        sound = victim.read_text().splitlines(keepends=True)
        delivered = [index for index, line in enumerate(sound) if line.split()[2] == "delivered"]
        broken = sound[:delivered[20]] + sound[delivered[20] + 1:]
        victim.write_text("".join(broken))
        verdict = self.verdict(lab, lab.dumps(), VIOLATION)
        self.assertIn("total_order_without_holes", [one["property"] for one in verdict["violations"]])
        text = self.trace_check(lab, lab.dumps())
        self.assertEqual(text.returncode, VIOLATION)
        self.assertRegex(text.stdout, r"violated +total_order_without_holes: b#\d+ delivered \d+:\d+:\d+ of ")

        victim.write_text("".join(broken[:5]) + "12 b/1/1 dreamt\n" + "".join(broken[5:]))
        unreadable = self.trace_check(lab, lab.dumps())
        self.assertEqual(unreadable.returncode, 1)
        self.assertIn(f"{victim}:6: unknown event", unreadable.stderr)

    def test_a_dump_is_for_root_and_the_daemons_own_user(self):
        if os.geteuid() != 0:
            self.skipTest("another user needs root")
        lab = self.lab(1, ['socket_mode="0666"'])
        for place in (lab.directory, lab.directory / "sockets"):
            if place.is_dir():
                place.chmod(0o711)
        command, environment = lab.command("a", lab.program("vsync"), "trace", "dump")
        said = subprocess.run(command, env=environment, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(said.returncode, 4, said.stderr)
        self.assertIn("refused (not_allowed): operators' commands are for root and the daemon's own user", said.stderr)
        self.assertEqual(lab.dumps(), [])

    def test_without_a_recorder_a_request_is_told_so(self):
        lab = self.lab(1, ["flight_recorder_bytes=0"])
        said = lab.vsync("a", "trace", "dump")
        self.assertEqual(said.returncode, 4)
        self.assertIn("flight_recorder_bytes", said.stderr)
        lab.kill("a", signal.SIGSEGV)
        self.assertEqual(lab.dumps(), [])


class Divergence(ClusterTest):

    def test_what_led_to_a_divergence_is_kept_by_all(self):
        lab = self.lab(3, check=False, trace=False)
        lab.stop("c")
        lab.start("c", program="tests/integration/vsyncd-flips")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        subscriber = self.subscriber(lab, "c", "prices")
        publisher = self.publisher(lab, "a", "prices", rate=400)
        subscriber.wait(lambda event: event["event"] == "resync", "resync of the one that was wrong")
        self.assert_ok(publisher)
        for node in lab.nodes:
            found = wait_until(lambda node=node: re.search(r"what led to the divergence is in (\S+)", lab.log(node).read_text()),
                               EVENT_WITHIN_S, f"{node}'s line about its dump")
            self.assertIn(" diverged ", Path(found.group(1)).read_text())
        checked = self.trace_check(lab, lab.dumps())
        self.assertEqual(checked.returncode, VIOLATION)
        self.assertTrue(re.search(r"violated +total_order_without_holes", checked.stdout), checked.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
