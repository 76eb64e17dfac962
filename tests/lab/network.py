"""Addresses for a lab's daemons: loopback, or a network namespace each on one bridge, where links can be cut for real."""

import os
import random
import socket
import subprocess
from pathlib import Path

import processes

# A cut is a packet filter in the bridge's namespace: it drops silently, in one direction, like a broken switch.
TABLE = "vsync_lab"


class NetworkError(Exception):
    pass


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, **({} if text else {"stdin": subprocess.DEVNULL}))
    if done.returncode != 0:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def namespace(lab, part):
    return f"vsync-{lab}-{part}"


def existing(lab):
    names = Path("/run/netns")
    return sorted(name.name for name in names.glob(f"vsync-{lab}-*")) if names.exists() else []


def exists(lab):
    return bool(existing(lab))


def loopback_addresses(nodes):
    """A loopback network of its own for the lab, so that labs side by side and the machine's services don't meet."""
    for _ in range(100):
        prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        addresses = {node: f"{prefix}.{index}" for index, node in enumerate(nodes, 1)}
        port = random.randint(7000, 29999)  # below the ports that the kernel gives to connections
        if all(is_free(address, port) for address in addresses.values()):
            return addresses, {node: port for node in nodes}
    raise NetworkError("no free loopback port found")


def is_free(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, port))
            return True
        except OSError:
            return False


def create(lab, nodes, count):
    """One namespace per node, and one for the bridges between them, one bridge per network; returns the nodes' addresses by network."""
    if os.geteuid() != 0:
        raise NetworkError("network namespaces need root")
    bridges = namespace(lab, "bridge")
    run("ip", "netns", "add", bridges)
    for node in nodes:
        run("ip", "netns", "add", namespace(lab, node))
        run("ip", "-n", namespace(lab, node), "link", "set", "dev", "lo", "up")
    networks = []
    for which in range(count):
        bridge, card = f"bridge{which}", f"eth{which}"
        run("ip", "-n", bridges, "link", "add", bridge, "type", "bridge")
        run("ip", "-n", bridges, "link", "set", "dev", bridge, "up")
        networks.append({node: f"10.77.{which}.{index}" for index, node in enumerate(nodes, 1)})
        for node, address in networks[-1].items():
            own, port = namespace(lab, node), port_name(which, node)
            run("ip", "link", "add", card, "netns", own, "type", "veth", "peer", "name", port, "netns", bridges)
            run("ip", "-n", bridges, "link", "set", "dev", port, "master", bridge, "up")
            run("ip", "-n", own, "link", "set", "dev", card, "up")
            run("ip", "-n", own, "addr", "add", f"{address}/24", "dev", card)
    return networks


def port_name(which, node):
    return f"node{which}-{node}"


def switch(lab, which, on, node=None):
    """A network fails or works again: as with its switch, so that no end is told, or as with the cable of one node, which loses its
    carrier."""
    device = port_name(which, node) if node else f"bridge{which}"
    run("ip", "-n", namespace(lab, "bridge"), "link", "set", "dev", device, "up" if on else "down")


def processes_in(lab):
    """Processes in the lab's namespaces, whatever their environment; this one and its ancestors left out."""
    found = set()
    for name in existing(lab):
        listed = subprocess.run(["ip", "netns", "pids", name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        found |= {int(pid) for pid in listed.stdout.split()}
    return sorted(found - processes.ourselves())


def remove(lab):
    for name in existing(lab):
        deleted = subprocess.run(["ip", "netns", "del", name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if name in existing(lab):
            raise NetworkError(f"ip netns del {name}: {deleted.stderr.strip()}")


def inside(lab, node):
    return ["ip", "netns", "exec", namespace(lab, node)]


def parse_cuts(text, nodes):
    """The directed links that a description cuts: "a,b / c" both ways between the sides, "a > b" one way, ";" between cuts."""
    links = set()
    for part in filter(None, (part.strip() for part in text.split(";"))):
        separator = ">" if ">" in part else "/"
        sides = [[name.strip() for name in side.split(",") if name.strip()] for side in part.split(separator)]
        if len(sides) < 2 or not all(sides) or (separator == ">" and len(sides) != 2):
            raise NetworkError(f"can't read the cut {part!r}: use \"a,b / c\" or \"a > b\"")
        for name in (name for side in sides for name in side):
            if name not in nodes:
                raise NetworkError(f"no node {name!r} in this lab")
        for index, side in enumerate(sides):
            for other in sides[index + 1:]:
                links |= {(sender, receiver) for sender in side for receiver in other}
                if separator == "/":
                    links |= {(sender, receiver) for sender in other for receiver in side}
    return sorted(links)


def cut(lab, networks, links):
    """Cuts just these links, in all networks, all at once."""
    drops = "\n".join(f"    ip saddr {addresses[sender]} ip daddr {addresses[receiver]} drop"
                      for addresses in networks for sender, receiver in links)
    rules = (f"table bridge {TABLE}\ndelete table bridge {TABLE}\n"
             f"table bridge {TABLE} {{\n  chain forward {{\n"
             f"    type filter hook forward priority 0; policy accept;\n{drops}\n  }}\n}}\n")
    run("ip", "netns", "exec", namespace(lab, "bridge"), "nft", "-f", "-", text=rules)
