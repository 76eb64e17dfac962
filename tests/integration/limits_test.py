#!/usr/bin/python3
"""Limits of control groups (root): too few threads. Other limits are elsewhere: descriptors and failing calls in
`failed_calls_test.py`, disks in `start_test.py` and `durable_test.py`, disks, descriptors and memory under load in `chaos_faults.py`."""

import os
import unittest

from support import EVENT_WITHIN_S, SANITIZED, VIEW_WITHIN_S, ClusterTest, wait_until

from cgroups import CgroupError

THREADS = 7  # of a daemon at default settings: its own, two of ZeroMQ, four of libuv
FAILURE = 1  # daemon/start_error.hpp
# A sanitizer looks for leaks with one more thread.
WITHOUT_LEAKS = ["env", f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"] if SANITIZED else []


class LimitsTest(ClusterTest):

    def cgroup(self, lab, node, controller):
        try:
            return lab.cgroup(node, controller)
        except CgroupError as error:
            self.skipTest(str(error))


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
                self.assertRegex(said, rf"^vsyncd: the limit of threads \(.*pids\.max.*\) leaves room for {limit - 1} more: .*\n$")
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
