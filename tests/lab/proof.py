"""What the demo proves at its end, and what it measures: the subscribers' streams against each other and against the publishers'
outcomes."""

import hashlib
import json

COMMON_PART_MIN = 0.90
QUIET_BEFORE_NS, QUIET_AFTER_NS = 10**9, 10 * 10**9  # around the crash, left out of the latencies


class Proof:
    """Outcomes are held against the subscribers that stayed: those whose daemons were in all views."""

    def __init__(self, feeds, subscribers):
        self.feeds = feeds
        self.streams = {node: subscriber.messages() for node, subscriber in subscribers.items()}
        self.stayed = [node for node, subscriber in subscribers.items() if not subscriber.was_away()]
        self.published = sum(len(feed.published) for feed in feeds)
        self.common = set.intersection(*({entry[1:] for entry in stream} for stream in self.streams.values()))

    def digest(self, node):
        """Of the messages that all subscribers delivered, with their positions, in this one's order."""
        part = [entry for entry in self.streams[node] if entry[1:] in self.common]
        return hashlib.sha256(json.dumps(part).encode()).hexdigest()[:16]

    def checks(self):
        """(holds, what) of each thing that is proved."""
        part = len(self.common) / self.published
        digests = {self.digest(node) for node in self.streams}
        twice = any(len(stream) != len({entry[1:] for entry in stream}) for stream in self.streams.values())
        return [
            (bool(self.stayed), f"subscribers that were there all the time: {', '.join(self.stayed) or 'none'}"),
            (len(digests) == 1, f"one order: {len(self.common):,} messages at every subscriber, at the same positions"),
            (part >= COMMON_PART_MIN, f"these are {part:.1%} of all that was published (at least {COMMON_PART_MIN:.0%})"),
            (not twice, "nothing was delivered twice"),
            *map(self.reconcile, self.feeds),
        ]

    def reconcile(self, feed):
        """Every publish's outcome against what the others delivered."""
        outcomes = feed.outcomes()
        places = [{entry[1:]: entry[0] for entry in self.streams[node]} for node in self.stayed]
        counts = {}
        wrong = 0
        for n, message in enumerate(feed.published, 1):
            kind, position = outcomes.get(n, ("none", None))
            counts[kind] = counts.get(kind, 0) + 1
            wrong += not agrees(kind, position, [place.get(message) for place in places])
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
        return wrong == 0, f"outcomes of the {feed.name} feed: {told}; {wrong or 'none'} contradicting what was delivered"


def agrees(kind, position, delivered_at):
    """Whether one outcome is true, given where each subscriber that stayed delivered the message (None: nowhere)."""
    if kind == "ok":
        return all(place is not None and (position is None or place == position) for place in delivered_at)
    if kind == "rejected":
        return not any(delivered_at)
    return kind == "unknown" and len(set(delivered_at)) == 1


def rate(subscriber):
    """Messages per second from the first to the last."""
    times = [event["received_at"] for event in subscriber.of_kind("message")]
    return len(times) / ((times[-1] - times[0]) / 1e9)


def latencies(subscribers, killed_at_ns):
    """From publish to delivery in microseconds, sorted, without the time around the crash."""
    quiet = range(killed_at_ns - QUIET_BEFORE_NS, killed_at_ns + QUIET_AFTER_NS)
    return sorted((event["received_at"] - event["published_at"]) / 1e3 for subscriber in subscribers
                  for event in subscriber.of_kind("message") if event["received_at"] not in quiet)


def pause(subscriber, killed_at_ns, within_s):
    """The longest gap between deliveries from just before the crash on, in milliseconds."""
    times = [event["received_at"] for event in subscriber.of_kind("message")
             if -0.5e9 < event["received_at"] - killed_at_ns < within_s * 1e9]
    return max((later - earlier for earlier, later in zip(times, times[1:])), default=0) / 1e6
