"""The demo's applications (feed.cpp) and what they print."""

import json
import subprocess
import threading

from lab import LabError, wait_until

STARTS_WITHIN_S = 15


class Stream:
    """One application and the events of its stream, in their order."""

    def __init__(self, lab, node, *arguments):
        self.node = node
        self.events = []
        self.errors = ""
        command, environment = lab.command(node, lab.program("tests/lab/feed"), *arguments)
        self.process = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()
        self.wait(lambda event: event["event"] == "ready", "its connection")

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def of_kind(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def messages(self):
        """(position, topic, text) of every message that wasn't taken back by a later resync."""
        kept = []
        for event in list(self.events):
            if event["event"] == "message":
                kept.append((tuple(event["position"]), event["topic"], event["data"]))
            elif event["event"] == "resync" and event["orphaned"]:
                first, last = map(tuple, event["orphaned"])
                kept = [message for message in kept if not first <= message[0] <= last]
        return kept

    def taken_back(self):
        """How many it delivered in vain."""
        return len(self.of_kind("message")) - len(self.messages())

    def was_away(self):
        """Its daemon was not in all views: what it delivered has a hole, and it was told so."""
        return bool(self.of_kind("resync"))

    def wait(self, condition, what, within_s=STARTS_WITHIN_S):
        def found():
            if self.process.poll() is not None:
                self._readers[0].join()
                self._readers[1].join()
                if not any(map(condition, self.events)):
                    raise LabError(f"the application at {self.node} ended: {self.errors.strip()}")
            return next(filter(condition, self.events), None)

        return wait_until(found, within_s, f"{what} at {self.node}")

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def ended(self):
        return self.process.poll() is not None

    def end(self):
        if not self.ended():
            self.process.terminate()
        self.process.wait(STARTS_WITHIN_S)
        for reader in self._readers:
            reader.join()


class Feed(Stream):
    """A publisher of ticks, spread evenly over `seconds`."""

    def __init__(self, lab, node, name, ticks, seconds):
        self.name = name
        self.published = [(tick.topic, f"{tick.date} {tick.price}") for tick in ticks]
        pace = seconds * 1e6 / len(ticks)
        script = lab.directory / f"{name}.feed"
        script.write_text("".join(f"{int(index * pace)}\t{topic}\t{text}\n" for index, (topic, text) in enumerate(self.published)))
        super().__init__(lab, node, "publish", name, str(script))

    def outcomes(self):
        """n -> (kind, position or None); n counts publishes from 1."""
        resolved = {}
        for event in self.of_kind("outcome"):
            for offset in range(event["count"]):
                where = event.get("position")
                resolved[event["first"] + offset] = (event["kind"], where and (*where[:4], where[4] + offset))
        return resolved
