"""What is left of a lab, found without its help: its processes and its files."""

import re
import shutil
import string

import network
import processes

FILES_OF_A_NODE = re.compile(r"vsyncd\.toml|secret\.key|public\.key|pid|log|state|trace\.\d+|limits|relay\d\.(pid|log|counts)")
FILES_OF_SOCKETS = re.compile(r"[a-z]\.sock(\.lock)?")


def end_processes(lab):
    """All of them, until there is none: what is being ended may have started another."""
    while pids := [*processes.with_environment("VSYNC_LAB_ID", lab), *network.processes_in(lab)]:
        for pid in pids:
            processes.end(pid)


def remove_files(directory):
    """The whole directory if its lab.json says that it is a lab's; else only what looks like a lab's."""
    if (directory / "lab.json").exists():
        shutil.rmtree(directory)
    elif directory.is_dir():
        for entry in directory.iterdir():
            if is_of_a_lab(entry):
                shutil.rmtree(entry)
        if not any(directory.iterdir()):
            directory.rmdir()


def is_of_a_lab(entry):
    """A node's directory, or that of the sockets, with nothing in it that a lab doesn't make."""
    if entry.is_symlink() or not entry.is_dir():
        return False
    if entry.name == "sockets":
        return holds_only(entry, FILES_OF_SOCKETS)
    return len(entry.name) == 1 and entry.name in string.ascii_lowercase and holds_only(entry, FILES_OF_A_NODE)


def holds_only(directory, pattern):
    return all(pattern.fullmatch(entry.name) for entry in directory.iterdir())
