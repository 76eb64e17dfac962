#!/usr/bin/python3
"""The demo and the benchmarks as people start them: what they prove and print, and that they leave nothing. Optimised build."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from support import find_build

from streams import Stream

ROOT = Path(__file__).resolve().parents[2]
DEMO_WITHIN_S = 60
BENCH_KEYS = {"workload", "msgs_per_s", "cpu_us_per_msg", "p50_us", "p99_us", "p999_us", "lost", "same_order"}


def command_line(process):
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


class Started(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="vsync-demo-")
        self.addCleanup(directory.cleanup)
        self.place = Path(directory.name)
        self.environment = dict(os.environ, VSYNC_BUILD=str(find_build()), TMPDIR=directory.name)

    def assert_nothing_left(self):
        self.assertEqual(list(self.place.iterdir()), [])
        running = [process.name for process in Path("/proc").iterdir()
                   if process.name.isdigit() and str(self.place).encode() in command_line(process)]
        self.assertEqual(running, [])

    def demo(self):
        process = subprocess.Popen([sys.executable, str(ROOT / "tests/lab/quickstart.py")], env=self.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.terminate()
        process.communicate()

    def test_the_demo_proves_one_order_within_a_minute_and_leaves_nothing(self):
        started = time.monotonic()
        process = self.demo()
        said, _ = process.communicate(timeout=DEMO_WITHIN_S)
        self.assertEqual(process.returncode, 0, said)
        self.assertLess(time.monotonic() - started, DEMO_WITHIN_S)
        for step in ("kill -9", "prices go on", "is back", "resync", "one order", "outcomes of the index feed", "messages/s delivered",
                     "publish to delivery", "delivery stood still"):
            self.assertIn(step, said)
        self.assertNotIn("\033", said, "plain lines where there is no terminal")
        self.assert_nothing_left()

    def test_a_demo_that_is_interrupted_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                process = self.demo()
                process.stdout.readline()  # the cluster is up
                process.send_signal(number)
                process.communicate(timeout=DEMO_WITHIN_S)
                self.assertNotEqual(process.returncode, 0)
                self.assert_nothing_left()

    def test_every_workload_prints_its_figures_as_json(self):
        for workload in ("T64", "T1K", "T16K", "T64x3", "L"):
            with self.subTest(workload=workload):
                ran = subprocess.run([sys.executable, str(ROOT / "tests/bench/run"), workload, "--json", "--runs", "1", "--seconds", "0.5"],
                                     env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEMO_WITHIN_S)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                figures = json.loads(ran.stdout)
                self.assertLessEqual(BENCH_KEYS, set(figures))
                self.assertEqual((figures["workload"], figures["lost"], figures["same_order"]), (workload, 0, True))
                self.assertGreater(figures["msgs_per_s"], 0)
        self.assert_nothing_left()


class WhatIsProved(unittest.TestCase):

    def test_messages_that_a_resync_takes_back_are_not_counted(self):
        def message(view, seq):
            return {"event": "message", "position": [1, 7, view, 0, seq], "topic": "t", "data": f"{view}/{seq}"}

        subscriber = Stream.__new__(Stream)
        subscriber.events = [message(1, 1), message(1, 2), message(1, 3),
                             {"event": "resync", "orphaned": [[1, 7, 1, 0, 2], [1, 7, 1, 0, 3]], "missed": [[1, 7, 1, 0, 2], [1, 7, 2, 0, 0]]},
                             message(2, 1)]
        self.assertEqual([data for _, _, data in subscriber.messages()], ["1/1", "2/1"])
        self.assertEqual(subscriber.taken_back(), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
