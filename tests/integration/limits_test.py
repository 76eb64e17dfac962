#!/usr/bin/python3
"""Limits of control groups (root): a tenth of a processor, too few threads; and too little memory at a start. Other limits are elsewhere:
descriptors and failing calls in `failed_calls_test.py`, full and read-only disks in `start_test.py` and `durable_test.py`, disks,
descriptors and memory under load in `chaos_faults.py`."""

import os
import signal
import subprocess
import unittest

from support import EVENT_WITHIN_S, SANITIZED, VIEW_WITHIN_S, ClusterTest, roles, wait_until

from cgroups import CgroupError

TENTH = 0.1
THREADS = 7  # of a daemon at default settings: its own, two of ZeroMQ, four of libuv
FAILURE = 1  # daemon/start_error.hpp
WITHOUT_MEMORY = r"bad_alloc|(?i:out of memory|cannot allocate memory)|signal 6: "
# A sanitizer looks for leaks with one more thread.
WITHOUT_LEAKS = ["env", f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"] if SANITIZED else []


class LimitsTest(ClusterTest):

    def cgroup(self, lab, node, controller):
        try:
            return lab.cgroup(node, controller)
        except CgroupError as error:
            self.skipTest(str(error))


class Processor(LimitsTest):

    def start_load(self, role, **options):
        """A cluster in which everybody publishes and subscribes. The daemon with this role is the victim, whose group will have a quota."""
        self.cluster = self.lab(3, **options)
        self.victim = roles(self.cluster.wait_common_view())[role]
        self.others = [node for node in self.cluster.nodes if node != self.victim]
        self.group = self.cgroup(self.cluster, self.victim, "cpu")
        self.process = self.cluster.pid(self.victim)
        self.subscribers = {node: self.subscriber(self.cluster, node, "prices") for node in self.cluster.nodes}
        self.publishers = {node: self.publisher(self.cluster, node, "prices") for node in self.cluster.nodes}
        self.wait_for_news(self.cluster.nodes)

    def wait_for_news(self, nodes):
        """What is published from now on at these nodes reaches them."""
        for publisher in [self.publishers[node] for node in nodes]:
            line = publisher.line(publisher.sent)
            for reader in nodes:
                self.subscribers[reader].wait_message(line, VIEW_WITHIN_S)

    def give_a_tenth(self, period_us):
        """Of each period, to the victim and to one who shares its group and uses it up at once: so the quota is felt on any machine."""
        self.hungry = subprocess.Popen(["sh", "-c", "while :; do :; done"], stdin=subprocess.DEVNULL)
        self.addCleanup(self.hungry.wait)
        self.addCleanup(self.hungry.kill)
        self.group.limit_processor(TENTH, period_us)
        self.group.take(self.hungry.pid)
        self.group.take(self.process)

    def wait_throttled(self, times):
        until = self.group.times_throttled() + times
        wait_until(lambda: self.group.times_throttled() >= until, VIEW_WITHIN_S, f"{times} more periods in which {self.victim} had to wait")

    def lift(self):
        """Without the quota it is in one view with the others, without a restart."""
        self.hungry.kill()
        self.group.limit_processor(None)
        self.cluster.wait_common_view(within_s=VIEW_WITHIN_S)
        self.wait_for_news(self.cluster.nodes)
        self.assertEqual(self.cluster.pid(self.victim), self.process)

    def judge_streams(self):
        """Nobody else has lost anything; neither has the victim, or else its applications know."""
        told = self.subscribers[self.victim].of_kind("resync")
        whole = self.others if told else self.cluster.nodes
        for node in whole:
            self.assert_ok(self.publishers[node])
        self.publishers[self.victim].finish()  # of what was under way when it was left out the outcome may be unknown
        self.assertEqual(self.cluster.vsync(self.others[0], "pub", "prices", "end").returncode, 0)
        for subscriber in self.subscribers.values():
            subscriber.wait_message("end")
            self.assert_each_once(subscriber)
            self.assert_common_order(subscriber, self.subscribers[self.others[0]])
        self.assert_same([self.subscribers[node] for node in self.others])
        for reader in whole:
            got = [data for _, _, data in self.subscribers[reader].messages()]
            for node in whole:
                self.assert_equal_lists([data for data in got if data.startswith(f"{node}-")], self.publishers[node].lines(),
                                        f"what {reader} got of {node} and what was published there")

    def test_a_sequencer_with_a_tenth_of_a_processor_keeps_up_or_its_applications_are_told(self):
        self.start_load("sequencer")
        self.give_a_tenth(period_us=100_000)
        self.wait_throttled(5)
        self.wait_for_news(self.others)
        self.wait_throttled(5)
        self.lift()
        self.judge_streams()

    def test_a_member_that_stands_still_for_nine_tenths_of_each_second_is_left_out_and_told(self):
        # The time after which it is suspected adapts to its silences, but not so far.
        self.start_load("member", settings=["suspect_after_max_ms=800"])
        self.give_a_tenth(period_us=1_000_000)
        self.cluster.wait_common_view(self.others, VIEW_WITHIN_S)
        self.wait_for_news(self.others)
        self.wait_throttled(1)
        self.lift()
        self.subscribers[self.victim].wait(lambda event: event["event"] == "resync", "resync after it was left out")
        self.judge_streams()


class Threads(LimitsTest):

    def test_a_daemon_that_may_not_have_its_threads_says_so_and_ends(self):
        lab = self.lab(1)
        group = self.cgroup(lab, "a", "pids")
        lab.kill("a")
        for limit in range(1, THREADS):
            with self.subTest(limit=limit):
                group.limit_threads(limit)
                before = len(lab.log("a").read_text())
                lab.start("a", through=[*group.entrance(), *WITHOUT_LEAKS])
                wait_until(lambda: lab.ended("a") is not None, EVENT_WITHIN_S, "the end of a daemon without threads")
                said = lab.log("a").read_text()[before:]
                self.assertEqual(lab.ended("a"), FAILURE, said)
                self.assertRegex(said, rf"\Avsyncd: there is room for {limit - 1} more threads, and .*pids.max.*\n\Z")
        group.limit_threads(THREADS)
        refused = group.threads_refused()
        lab.start("a", through=[*group.entrance(), *WITHOUT_LEAKS])
        lab.wait_common_view()
        self.assertEqual((group.threads(), group.threads_refused()), (THREADS, refused))

    def test_a_daemon_that_may_have_no_more_threads_than_it_has_goes_on(self):
        lab = self.lab(3)
        group = self.cgroup(lab, "a", "pids")
        for node in lab.nodes:
            lab.kill(node)
        lab.start("a", through=group.entrance())
        lab.wait_answer("a")  # it has done nothing yet but start
        group.limit_threads(group.threads())
        for node in ("b", "c"):
            lab.start(node)
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        subscribers = [self.subscriber(lab, "a", "prices") for _ in range(5)]
        publishers = [self.publisher(lab, node, "prices", options=("--level", "durable")) for node in ("a", "b")]
        lab.kill("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lab.start("c")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.assertEqual(lab.vsync("a", "trace", "dump").returncode, 0)
        for publisher in publishers:
            self.assert_ok(publisher)
        for subscriber in subscribers:
            self.assert_complete(subscriber, publishers)
        self.assert_same(subscribers)
        self.assertEqual(group.threads_refused(), 0, "it wanted more threads")


class Memory(ClusterTest):

    @unittest.skipIf(SANITIZED, "a sanitizer takes more addresses than can be limited")
    def test_a_daemon_that_may_not_have_its_memory_says_so_and_ends(self):
        lab = self.lab(1)
        lab.kill("a")
        refused = []
        for mib in (*range(24, 96, 8), 1024):
            before = len(lab.log("a").read_text())
            lab.start("a", limits={"as": mib << 20})
            wait_until(lambda: lab.ended("a") is not None or "state: primary" in lab.log("a").read_text()[before:], EVENT_WITHIN_S,
                       f"a view with {mib} MiB, or an end")
            if lab.ended("a") is None:
                lab.kill("a")
                continue
            refused.append(mib)
            said = lab.log("a").read_text()[before:]
            with self.subTest(mib=mib):
                if lab.ended("a") == -signal.SIGABRT:  # libzmq, which has begun by then, ends so where it gets none
                    self.assertRegex(said, WITHOUT_MEMORY)
                    continue
                self.assertEqual(lab.ended("a"), FAILURE, said)
                self.assertRegex(said.splitlines()[-1], r"^vsyncd: (there is room for .* more threads.*LimitAS|std::bad_alloc)")
        self.assertIn(24, refused)
        self.assertNotIn(1024, refused)


if __name__ == "__main__":
    unittest.main(verbosity=2)
