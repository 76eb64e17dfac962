"""Bad cables in a lab of network namespaces: a relay (relay.cpp) between a node and its bridge, and rate limits (tc tbf)."""

import json
import os
import signal
import subprocess
import time

import network
import processes
from network import NetworkError, namespace, run

CHANCES = ("loss", "duplicate", "reorder", "corrupt", "slip")  # percent
TIMES = ("delay", "jitter", "hold")  # milliseconds
DIRECTIONS = {"out": ("out",), "in": ("in",), "both": ("out", "in")}  # as the node sees them
STARTS_WITHIN_S = 5
BURST_BYTES = 32 << 10
# What a hardware card would do: with it the relay would see frames without checksums, and of 64 KiB.
OFFLOADS = ("rx", "tx", "tso", "gso", "gro")


def describe(faults):
    """As relay reads them: {"loss": 2} is "loss=2"."""
    for name, value in faults.items():
        if name not in CHANCES + TIMES:
            raise NetworkError(f"a cable has no {name!r}: there are {', '.join(CHANCES + TIMES)}")
        if not 0 <= value <= (100 if name in CHANCES else 60000):
            raise NetworkError(f"{name} = {value}: chances are 0 to 100 percent, times 0 to 60000 ms")
    return ",".join(f"{name}={value}" for name, value in sorted(faults.items())) or "none"


def disturb(lab, node, out, into, seed):
    """Puts relays into the node's cables, one per network, in place of those that are there."""
    restore(lab, node)
    spec = lab.spec
    bridges = namespace(lab.id, "bridge")
    for which in range(len(spec["networks"])):
        port, near, far = network.port_name(which, node), f"near{which}-{node}", f"far{which}-{node}"
        for other in spec["nodes"]:
            leave_nothing_to_hardware(namespace(lab.id, other), f"eth{which}")
            leave_nothing_to_hardware(bridges, network.port_name(which, other))
        run("ip", "-n", bridges, "link", "add", near, "type", "veth", "peer", "name", far)
        for end in (near, far):
            leave_nothing_to_hardware(bridges, end)
        run("ip", "-n", bridges, "link", "set", "dev", far, "master", f"bridge{which}", "up")
        run("ip", "-n", bridges, "link", "set", "dev", near, "up")
        run("ip", "-n", bridges, "link", "set", "dev", port, "nomaster")
        start_relay(lab, node, which, [str(seed), port, near, describe(out), describe(into)])


def leave_nothing_to_hardware(where, card):
    switched_off = [word for offload in OFFLOADS for word in (offload, "off")]
    run("ip", "netns", "exec", where, "ethtool", "-K", card, *switched_off)


def start_relay(lab, node, which, arguments):
    home = lab.directory / node
    log = home / f"relay{which}.log"
    with open(log, "wb") as errors, open(home / f"relay{which}.counts", "ab") as counts:
        # The lab ends what carries its id.
        child = subprocess.Popen(network.inside(lab.id, "bridge") + [lab.program("tests/lab/relay"), *arguments], stdin=subprocess.DEVNULL,
                                 stdout=counts, stderr=errors, process_group=0, env=dict(os.environ, VSYNC_LAB_ID=lab.id), cwd="/")
    processes.remember(home / f"relay{which}.pid", child.pid)
    lab.relays[child.pid] = child
    deadline = time.monotonic() + STARTS_WITHIN_S
    while log.read_text() != "ready\n":
        if child.poll() is not None or time.monotonic() > deadline:
            raise NetworkError(f"the relay at {node} doesn't start: {log.read_text().strip()}")
        time.sleep(0.002)


def restore(lab, node):
    """Takes the node's relays out again. They say what they did."""
    bridges = namespace(lab.id, "bridge")
    for which in range(len(lab.spec["networks"])):
        remembered = lab.directory / node / f"relay{which}.pid"
        if not remembered.exists():
            continue
        end_relay(lab, processes.recall(remembered))
        network_cards = run("ip", "-n", bridges, "-brief", "link", "show")
        if f"near{which}-{node}" in network_cards:
            run("ip", "-n", bridges, "link", "del", f"near{which}-{node}")
        run("ip", "-n", bridges, "link", "set", "dev", network.port_name(which, node), "master", f"bridge{which}")
        remembered.unlink()


def end_relay(lab, pid):
    if pid is None:
        return
    processes.end(pid, signal.SIGTERM)
    if pid in lab.relays:
        lab.relays.pop(pid).wait()


def counts(lab, node):
    """What the node's relays that have ended did, summed up: {"lost": 3, ...}."""
    total = {}
    for file in (lab.directory / node).glob("relay*.counts"):
        for line in file.read_text().splitlines():
            for direction in json.loads(line).values():
                for name, count in direction.items():
                    total[name] = total.get(name, 0) + count
    return total


def limit(lab, node, rate, direction):
    """Bounds what the node sends ("out") or gets ("in"), for example "1mbit", in each network; None takes the bound away."""
    marker = lab.directory / node / "limits"  # which directions have one
    limited = set(marker.read_text().split()) if marker.exists() else set()
    changed = set(DIRECTIONS[direction]) if rate else limited & set(DIRECTIONS[direction])
    marker.write_text(" ".join(limited | changed))
    for which in range(len(lab.spec["networks"])):
        cards = {"out": (namespace(lab.id, node), f"eth{which}"), "in": (namespace(lab.id, "bridge"), network.port_name(which, node))}
        for one in changed:
            where, card = cards[one]
            if rate:
                run("tc", "-n", where, "qdisc", "replace", "dev", card, "root", "tbf",
                    "rate", rate, "burst", str(BURST_BYTES), "latency", "50ms")
            elif "tbf" in run("tc", "-n", where, "qdisc", "show", "dev", card):
                run("tc", "-n", where, "qdisc", "del", "dev", card, "root")
    if not rate:
        marker.write_text(" ".join(limited - changed))
