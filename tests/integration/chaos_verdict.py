"""What must hold after a round of chaos: the checker's word on all traces, the subscribers' streams against each other, and what publishers
were told against what subscribers got."""

import functools
import json
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field

SHOWN = 5  # of each kind of contradiction


def at(where):
    """A position that compares within a lane."""
    return (where["epoch"], where["view"], where["lane"], where["seq"])


@dataclass(eq=False)
class Stream:
    """What one subscriber said."""
    name: str
    kept: list = field(default_factory=list)  # (position, text, level) of what no resync took back, but for fifo
    fifo: list = field(default_factory=list)  # texts, None where it was away
    all_texts: set = field(default_factory=set)
    joined: tuple = None
    taken_back: list = field(default_factory=list)  # (first, last)
    missed: list = field(default_factory=list)  # what was ordered while its host was away: durable ones come nevertheless
    gaps: list = field(default_factory=list)
    closed: str = ""

    @classmethod
    def of(cls, subscriber):
        stream = cls(f"{subscriber.name} of {subscriber.node}")
        for event in subscriber.lines():
            getattr(stream, f"_{event['event']}", lambda _: None)(event)
        stream.closed = subscriber.last_words() if not stream.closed and subscriber.process.returncode not in (0, 5) else stream.closed
        return stream

    def _message(self, event):
        self.all_texts.add(event["data"])
        if event["level"] == "fifo":
            self.fifo.append(event["data"])
        else:
            self.kept.append((at(event["position"]), event["data"], event["level"]))

    def _joined(self, event):
        self.joined = self.joined or at(event["position"])

    def _resync(self, event):
        self.fifo.append(None)
        self.missed.append((at(event["missed"]["from"]), at(event["missed"]["to"])))
        if event["orphaned"]:
            first, last = at(event["orphaned"]["from"]), at(event["orphaned"]["to"])
            self.taken_back.append((first, last))
            self.kept = [one for one in self.kept if not first <= one[0] <= last]

    def _gap(self, event):
        self.gaps.append((at(event["from"]), at(event["to"])))

    def _closed(self, event):
        self.closed = event["text"]

    def _removed(self, event):
        self.closed = f"removed: {event['text']}"

    @functools.cache
    def texts(self):
        return {text for _, text, _ in self.kept}

    def must_have(self, position, level):
        """Whether something that ended ok there is owed to this one."""
        excused = self.gaps if level == "durable" else [*self.gaps, *self.missed, *self.taken_back]
        return self.joined < position and not any(first <= position <= last for first, last in excused)


class Verdict:

    def __init__(self):
        self.failures = []
        self.figures = Counter()
        self.outcomes = Counter()
        self._owed = defaultdict(list)

    def fail(self, what, examples=()):
        examples = list(examples)
        shown = "; ".join(map(str, examples[:SHOWN]))
        self.failures.append(f"{what}{f' ({len(examples)}): {shown}' if examples else ''}")

    def check(self, what, examples):
        examples = list(examples)
        if examples:
            self.fail(what, examples)

    # ---- traces

    def judge_traces(self, lab):
        checked = subprocess.run([lab.program("vsync"), "trace", "check", "--json", *map(str, lab.trace_files())],
                                 capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if checked.returncode not in (0, 6):
            return self.fail(f"vsync trace check: {checked.stderr[-2000:]}")
        said = json.loads(checked.stdout)
        self.figures["events"] = said["events"]
        self.figures["properties"] = len(said["holds"])
        self.check("properties that don't hold", [f"{one['property']}: {one['text']}" for one in said["violations"]])
        self.check("nodes without a whole trace", [*said["in_part"], *said["without_trace"]])

    # ---- applications

    def judge_streams(self, load):
        streams = [Stream.of(subscriber) for subscriber in load.subscribers]
        self.figures["delivered"] = sum(len(stream.kept) + len(stream.fifo) - stream.fifo.count(None) for stream in streams)
        self.check("subscribers whose session ended", [f"{stream.name}: {stream.closed}" for stream in streams if stream.closed])
        text_at, place_of = {}, {}
        for stream in streams:
            self._judge_order(stream)
            for position, text, _ in stream.kept:
                if text_at.setdefault(position, text) != text:
                    self.fail(f"{stream.name}: at {position} stands {text!r}, and elsewhere {text_at[position]!r}")
                if place_of.setdefault(text, position) != position:
                    self.fail(f"{stream.name}: {text!r} stands at {position}, and elsewhere at {place_of[text]}")
        for publisher in load.publishers:
            self._judge_outcomes(publisher, streams, place_of)
        for name, missing in self._owed.items():
            self.fail(f"{name}: ended ok, but wasn't delivered", missing)

    def _judge_order(self, stream):
        positions = [position for position, _, _ in stream.kept]
        self.check(f"{stream.name}: positions that don't grow", [pair for pair in zip(positions, positions[1:]) if not pair[0] < pair[1]])
        for texts in ([text for _, text, _ in stream.kept], *split(stream.fifo)):
            last = defaultdict(int)
            for text in texts:
                publisher, _, number = text.rpartition("/")
                if not number.isdigit():
                    continue  # a probe
                if int(number) <= last[publisher]:
                    self.fail(f"{stream.name}: {text} comes behind {publisher}/{last[publisher]}")
                last[publisher] = int(number)

    def _judge_outcomes(self, publisher, streams, place_of):
        told = {}
        for text, kind, position in publisher.outcomes():
            if text in told:
                self.fail(f"{text} has two outcomes, {told[text]} and {kind}")
            told[text] = kind
            self.outcomes[kind] += 1
            if kind == "rejected":
                self.check(f"{text} was rejected, but delivered", [stream.name for stream in streams if text in stream.all_texts])
            elif kind == "ok" and publisher.level != "fifo":
                self._judge_ok(publisher, text, position, streams, place_of)
        for session in publisher.sessions():
            self.figures["published"] += session["published"]
            if session["unresolved"]:
                self.fail(f"{publisher.name}: {session['unresolved']} publishes have no outcome")
            known = sum(text.startswith(f"{publisher.name}/{session['closed']}/") for text in told)
            if known < session["published"] - session["unresolved"]:
                self.fail(f"{publisher.name}: {session['published']} published, {known} outcomes")

    def _judge_ok(self, publisher, text, position, streams, place_of):
        place = place_of.get(text)
        if place and position and place != position:
            self.fail(f"{text} ended ok at {position}, and was delivered at {place}")
        place = place or position
        for stream in streams:
            if place and text not in stream.texts() and stream.must_have(place, publisher.level):
                self._owed[stream.name].append(f"{text} at {place}")


def split(texts):
    """The parts between None."""
    parts = [[]]
    for text in texts:
        if text is None:
            parts.append([])
        else:
            parts[-1].append(text)
    return parts
