#!/usr/bin/python3
"""Level durable: what ended ok is on disks, outlives the crash of every daemon, and reaches the subscribers that were away."""

import os
import unittest

from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, LabError, wait_until

DURABLE = ("--level", "durable")


class Durable(ClusterTest):

    def publish(self, lab, node, count, topic="ledger", options=DURABLE):
        """Publishes until `count` lines are sent and all outcomes are ok; returns the lines."""
        publisher = self.publisher(lab, node, topic, rate=1000, options=options)
        publisher.wait_sent(count)
        self.assert_ok(publisher)
        return publisher.lines()

    def assert_read(self, subscriber, lines):
        subscriber.wait_count(len(lines))
        self.assertEqual([data for _, _, data in subscriber.messages()], lines, f"read at {subscriber.node}")

    def crash(self, lab, *nodes):
        for node in nodes:
            lab.kill(node)

    def start(self, lab, *nodes):
        for node in nodes:
            lab.start(node)
        lab.wait_common_view(list(nodes), VIEW_WITHIN_S)

    def logs(self, lab, node):
        return sorted((lab.directory / node / "state").glob("log.[0-9]*"))

    def test_the_crash_of_all_loses_nothing_and_who_was_away_reads_it_in_order(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "c", "ledger")
        lines = self.publish(lab, "a", 200)
        self.assert_read(subscriber, lines)
        lab.kill("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lines += self.publish(lab, "b", 300)  # c has neither read nor stored these
        self.crash(lab, "a", "b")
        self.start(lab, "a", "c")
        self.assert_read(subscriber, lines)

        # c's disk has them now: with b's, which missed that restart, it goes on without a.
        lab.start("b")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        self.crash(lab, "a", "b", "c")
        self.start(lab, "b", "c")
        reader = self.subscriber(lab, "b", "ledger")
        more = self.publish(lab, "b", 100)
        self.assert_read(subscriber, lines + more)
        self.assert_read(reader, more)

    def test_a_daemon_that_was_paused_gives_its_applications_what_they_missed(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "c", "ledger")
        lines = self.publish(lab, "a", 100)
        self.assert_read(subscriber, lines)
        lab.pause("c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lines += self.publish(lab, "a", 200)
        lab.resume("c")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        subscriber.wait(lambda event: event["event"] == "resync", "resync after the pause")
        self.assert_read(subscriber, lines)

    def test_an_application_is_told_that_no_disk_has_what_it_read(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "c", "ledger")
        kept = self.publish(lab, "a", 50)
        forgotten = self.publish(lab, "b", 50, options=())
        self.assert_read(subscriber, kept + forgotten)
        last = subscriber.of_kind("message")[-1]["position"]
        self.crash(lab, "a", "b", "c")
        self.start(lab, "a", "b", "c")
        _, resync = subscriber.wait(lambda event: event["event"] == "resync", "resync after the crash of all")
        self.assertEqual(resync["orphaned"]["to"], last)
        self.assertLessEqual(resync["last_common"]["seq"], last["seq"] - len(forgotten))
        more = self.publish(lab, "a", 50)
        self.assert_read(subscriber, kept + forgotten + more)

    def test_a_record_that_a_crash_cut_short_is_left_out(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "b", "ledger")
        lines = self.publish(lab, "a", 100)
        self.assert_read(subscriber, lines)
        self.crash(lab, "a", "b", "c")
        for node in lab.nodes:
            newest = self.logs(lab, node)[-1]
            with newest.open("ab") as file:
                file.write(newest.read_bytes()[:40])
        self.start(lab, "a", "b", "c")
        lines += self.publish(lab, "c", 100)
        self.assert_read(subscriber, lines)

    def test_damage_stops_the_start_and_says_where(self):
        lab = self.lab(1)
        for _ in range(2):
            self.publish(lab, "a", 100)
        lab.kill("a")
        log = self.logs(lab, "a")[0]
        content = bytearray(log.read_bytes())
        content[200] ^= 1
        log.write_bytes(content)
        with self.assertRaisesRegex(LabError, f"'{log.name}' at offset 48 is damaged"):
            self.start(lab, "a")

    def test_a_log_that_lost_its_end_is_found_and_its_daemon_joins_as_a_new_one(self):
        lab = self.lab(3)
        subscriber = self.subscriber(lab, "a", "ledger")
        lines = self.publish(lab, "a", 200)
        self.assert_read(subscriber, lines)
        lab.kill("c")
        state = lab.directory / "c" / "state"
        log = self.logs(lab, "c")[-1]
        os.truncate(log, log.stat().st_size // 2)
        with self.assertRaisesRegex(LabError, f"'{log.name}' at offset [0-9]+ is damaged .*bytes were on disk"):
            self.start(lab, "c")
        lab.wait_common_view(["a", "b"], VIEW_WITHIN_S)
        lines += self.publish(lab, "b", 100)
        state.rename(state.with_name("state.damaged"))
        lab.start("c")
        lab.wait_common_view(within_s=VIEW_WITHIN_S)

        # What the others have is on its new disk too: with b's it goes on without a's.
        lines += self.publish(lab, "c", 50)
        self.assert_read(subscriber, lines)
        self.crash(lab, "a", "b", "c")
        self.start(lab, "b", "c")
        reader = self.subscriber(lab, "c", "ledger")
        more = self.publish(lab, "c", 50)
        self.assert_read(reader, more)

    def test_a_daemon_whose_disk_takes_nothing_stops_and_nobody_else_does(self):
        lab = self.lab(5)
        subscriber = self.subscriber(lab, "a", "ledger")
        lines = self.publish(lab, "a", 100)
        in_the_way = lab.directory / "c" / "state" / "state.new"
        in_the_way.mkdir()
        lab.kill("e")  # what c has to say of the next view it must write first
        wait_until(lambda: not lab.pid("c"), EVENT_WITHIN_S, "the end of c's daemon")
        self.assertRegex(lab.log("c").read_text(), "stopping: state directory .*/c/state: create: Is a directory")
        lab.wait_common_view(["a", "b", "d"], VIEW_WITHIN_S)
        lines += self.publish(lab, "b", 100)
        in_the_way.rmdir()
        for node in ("c", "e"):
            lab.start(node)
        lab.wait_common_view(within_s=VIEW_WITHIN_S)
        lines += self.publish(lab, "c", 50)
        self.assert_read(subscriber, lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
