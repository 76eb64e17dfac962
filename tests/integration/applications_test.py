#!/usr/bin/python3
"""Applications that end: their groups learn it, with the reason. What a message carries, what the command shows."""

import base64
import json
import unittest

from support import EVENT_WITHIN_S, VIEW_WITHIN_S, ClusterTest, wait_until


def departures(event):
    return [departed["reason"] for departed in event.get("left", [])] if event["event"] == "view" else []


class Applications(ClusterTest):

    def test_a_killed_application_is_told_apart_from_one_that_left(self):
        lab = self.lab(2)
        watcher = self.subscriber(lab, "a", "desk")
        application = self.subscriber(lab, "b", "desk")
        watcher.wait(lambda event: event["event"] == "view" and len(event["members"]) == 2, "the join")
        application.kill()
        _, event = watcher.wait(departures, "the departure")
        self.assertEqual(departures(event), ["crashed"])

    def test_an_application_that_leaves_says_so(self):
        lab = self.lab(2)
        watcher = self.subscriber(lab, "a", "desk")
        application = self.subscriber(lab, "b", "desk")
        watcher.wait(lambda event: event["event"] == "view" and len(event["members"]) == 2, "the join")
        application.stop()
        _, event = watcher.wait(departures, "the leave")
        self.assertEqual(departures(event), ["left"])

    def test_members_and_groups_list_who_is_there(self):
        lab = self.lab(3)
        members = [self.subscriber(lab, node, "desk") for node in lab.nodes]
        members[0].wait(lambda event: event["event"] == "view" and len(event["members"]) == 3, "all three")
        listed = lab.vsync("b", "members", "desk", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        for node in lab.nodes:
            self.assertIn(f'"{node}"', listed.stdout)
        groups = lab.vsync("c", "groups", "--json")
        self.assertIn('"desk"', groups.stdout)

    def test_messages_are_binary_safe_and_carry_key_headers_and_times(self):
        lab = self.lab(2)
        subscriber = self.subscriber(lab, "b", "news.world")
        data = bytes(byte for byte in range(256) if byte != ord("\n"))
        sent = lab.vsync("a", "pub", "news.world", "--key", "eu", "--header", "lang=en", input=data + b"\n", text=False)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        _, event = subscriber.wait(lambda event: event["event"] == "message", "the message")
        self.assertEqual(base64.b64decode(event["data_base64"]), data)
        self.assertEqual(event["key"], "eu")
        self.assertIn("en", json.dumps(event["headers"]))
        self.assertTrue(event["publisher"])
        self.assertTrue(event["published_at"])
        self.assertTrue(event["ordered_at"])

    def test_with_few_file_descriptors_applications_are_turned_away_and_peers_are_not(self):
        lab = self.lab(3)
        lab.kill("a")
        lab.wait_common_view(["b", "c"], VIEW_WITHIN_S)
        lab.start("a", limits={"nofile": 80})  # not many more than it takes for itself
        wait_until(lambda: lab.members(lab.status("c")) == ["a", "b", "c"], VIEW_WITHIN_S, "the view with a")
        self.assertNotEqual(lab.vsync("a", "status").returncode, 0)
        self.assertIn("applications are turned away: no file descriptors left", lab.log("a").read_text())

    def test_sub_ends_after_its_count_and_tells_when_waiting_was_in_vain(self):
        lab = self.lab(1)
        vain = lab.vsync("a", "sub", "nothing", "--count", "1", "--wait", "0.3")
        self.assertNotEqual(vain.returncode, 0)
        subscriber = self.subscriber(lab, "a", "some", options=["--count", "2"])
        lab.vsync("a", "pub", "some", "one")
        lab.vsync("a", "pub", "some", "two")
        self.assertEqual(subscriber.process.wait(EVENT_WITHIN_S), 0)
        self.assertEqual([data for _, _, data in subscriber.messages()], ["one", "two"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
