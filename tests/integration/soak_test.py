#!/usr/bin/python3
"""Soak: one cluster for long, under a mixed load, with a fault every few seconds. A daemon that isn't touched holds at the end what it held
at the beginning. Optimised build; `tests/integration/campaign soak` takes the better part of an hour."""

import random
import time
import unittest

from crowds import MIB, Crowd, Holdings
from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, count, figure, say, wait_until

LASTS_S = figure(12, 50 * 60)
WARM_UP_S = figure(4, 10 * 60)  # windows, queues and the allocator have had their largest
FAULT_EVERY_S = figure(3, 30)
PAUSED_S = 2
SETTLED_S = 0.5
GROWTH_MAX = figure(8, 1) * MIB
APPLICATIONS = 5  # of each node
PUBLISHED = ((64, 400), (1024, 100), (16384, 10))  # bytes and messages per second, of each node


class Soak(ClusterTest):

    def test_a_daemon_that_is_not_touched_holds_no_more_at_the_end(self):
        lab = self.lab(3, check=False, trace=False)
        seed = random.randrange(1 << 32)
        draw = random.Random(seed)
        say(f"seed {seed}")
        crowds = [self.load(lab, node) for node in lab.nodes]
        begin = time.monotonic()
        samples = []
        faults = 0
        while time.monotonic() < begin + LASTS_S:
            self.fault(lab, draw.choice(["b", "c"]), draw.choice(["kill", "leave", "pause"]))
            faults += 1
            lab.wait_common_view(within_s=VIEW_WITHIN_S)
            time.sleep(max(0, begin + faults * FAULT_EVERY_S - time.monotonic()))  # between two faults the load alone is at work
            if time.monotonic() > begin + WARM_UP_S:
                samples.append(self.settled(lab.pid("a")))
        count("faults", faults)
        reports = [crowd.ask("report") for crowd in crowds]
        delivered = reports[0]["messages"]
        published = len(lab.nodes) * LASTS_S * sum(rate for _, rate in PUBLISHED)
        self.assertGreater(delivered, 0.8 * APPLICATIONS * published, "messages at a")
        count("messages at a", delivered)
        self.assertEqual([report["closed"] for report in reports], [{}] * len(reports), "nobody's session was ended by a daemon")
        growth = samples[-1].rss - samples[0].rss
        say(f"{faults} faults, {delivered} messages at a; {samples[0]} after {WARM_UP_S} s, {samples[-1]} at the end, "
            f"at most {max(sample.rss for sample in samples) / MIB:.1f} MiB")
        self.assertLess(growth, GROWTH_MAX)
        self.assertEqual(samples[-1].descriptors, samples[0].descriptors)

    def load(self, lab, node):
        crowd = Crowd(lab, node)
        self.addCleanup(crowd.kill)
        crowd.ask("open", APPLICATIONS)
        crowd.ask("join", "soak.>")
        for size, rate in PUBLISHED:
            crowd.ask("publish", f"soak.{size}", size, rate)
        return crowd

    @staticmethod
    def settled(pid):
        """What a daemon holds while nobody comes or goes: the end of one that asked for the view, or a state that is being written, costs it
        a descriptor for a moment."""
        last, since = Holdings(pid), time.monotonic()

        def unchanged():
            nonlocal last, since
            before, last = last, Holdings(pid)
            if last.descriptors != before.descriptors:
                since = time.monotonic()
            return time.monotonic() - since > SETTLED_S

        wait_until(unchanged, EVENT_WITHIN_S, lambda: f"that descriptors stay the same for {SETTLED_S} s: {last}")
        return last

    @staticmethod
    def fault(lab, node, kind):
        if kind == "pause":
            lab.pause(node)
            time.sleep(PAUSED_S)
            return lab.resume(node)
        (lab.kill if kind == "kill" else lab.stop)(node)
        return lab.start(node)


if __name__ == "__main__":
    unittest.main(verbosity=2)
