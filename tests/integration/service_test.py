#!/usr/bin/python3
"""vsyncd as a service: what it tells systemd and the journal, and what it writes where there is neither."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from support import EVENT_WITHIN_S, find_build, wait_until

WATCHDOG_US = 300_000
QUIET_S = 1.0
ENDS_WITHIN_S = 10
JOURNAL = "/run/systemd/journal/socket"
ABSENT_PEER = '\nlisten = "tcp://127.0.0.1:5679"\n[[peer]]\nname = "absent"\nendpoint = "tcp://127.0.0.1:5678"\n'


class Service(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="vsync-service-")
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)
        self.programs = find_build()

    def command(self, configuration=""):
        (self.home / "vsyncd.toml").write_text(f'node = "solo"\nstate_dir = "{self.home}/state"\nsocket = "{self.home}/s.sock"\n' +
                                               configuration)
        return [str(self.programs / "daemon/vsyncd"), "--config", str(self.home / "vsyncd.toml")]

    def start(self, command, **options):
        environment = {key: value for key, value in os.environ.items() if key not in ("NOTIFY_SOCKET", "JOURNAL_STREAM")}
        environment.update(options.pop("environment", {}))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, **{"stderr": subprocess.DEVNULL, **options})
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def answers(self):
        asked = subprocess.run([str(self.programs / "bindings/cli/vsync"), "--endpoint", f"ipc://{self.home}/s.sock", "status", "--json"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return asked.returncode == 0 and json.loads(asked.stdout)["state"]


class Systemd(Service):

    def notified(self, configuration="", **environment):
        """A started daemon, and what it says to a NOTIFY_SOCKET."""
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.bind(str(self.home / "notify"))
        receiver.settimeout(EVENT_WITHIN_S)
        return self.start(self.command(configuration), environment={"NOTIFY_SOCKET": str(self.home / "notify"), **environment}), receiver

    def until(self, receiver, wanted):
        said = []
        while not said or wanted not in said[-1]:
            said.append(receiver.recv(4096).decode())
        return said

    def test_a_reload_is_shown_while_it_lasts_right_or_wrong(self):
        process, receiver = self.notified()
        self.until(receiver, "STATUS=primary, view")
        for configuration in ('log_level = "debug"\n', "weight = 0\n"):
            self.command(configuration)  # writes the file anew
            process.send_signal(signal.SIGHUP)
            self.assertRegex(self.until(receiver, "RELOADING=1")[-1], r"MONOTONIC_USEC=\d+")
            self.assertIn("STATUS=primary", self.until(receiver, "READY=1")[-1])
        self.assertEqual(self.answers(), "primary")

    def test_it_is_ready_once_it_is_primary_and_says_when_it_stops(self):
        process, receiver = self.notified()
        self.assertTrue(any("READY=1" in said for said in self.until(receiver, "STATUS=primary, view")))
        process.terminate()
        self.until(receiver, "STOPPING=1")
        self.assertEqual(process.wait(ENDS_WITHIN_S), 0)

    def test_it_is_ready_when_it_knows_what_it_waits_for(self):
        _, receiver = self.notified(ABSENT_PEER)
        said = self.until(receiver, "READY=1")[-1]
        self.assertRegex(said, r"STATUS=joining: waiting for .*not heard: absent")

    def test_the_watchdog_is_fed_while_it_waits_for_others_and_not_while_the_loop_stands_still(self):
        process, receiver = self.notified(ABSENT_PEER, WATCHDOG_USEC=str(WATCHDOG_US))
        for _ in range(3):
            self.until(receiver, "WATCHDOG=1")
        process.send_signal(signal.SIGSTOP)
        receiver.settimeout(QUIET_S)
        with self.assertRaises(TimeoutError):
            while True:
                receiver.recv(4096)  # what it had said before, then nothing
        process.send_signal(signal.SIGCONT)
        receiver.settimeout(EVENT_WITHIN_S)
        self.until(receiver, "WATCHDOG=1")

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "no systemd-socket-activate here")
    def test_it_takes_the_socket_that_systemd_hands_over_and_leaves_it_there(self):
        path = self.home / "s.sock"
        activated = ["systemd-socket-activate", "-l", str(path), "--", *self.command()]
        process = self.start(activated)
        wait_until(path.exists, EVENT_WITHIN_S, "the socket")
        wait_until(lambda: self.answers() == "primary", EVENT_WITHIN_S, "an answer")
        process.terminate()
        self.assertEqual(process.wait(ENDS_WITHIN_S), 0)
        self.assertTrue(path.exists(), "it belongs to systemd")


class Log(Service):

    def lines_at_start(self, stream, process):
        """What a start writes to a stream, up to the line of the first view."""
        text = b""
        while b"view=" not in text:
            self.assertIsNone(process.poll())
            text += os.read(stream, 4096)
        return text.decode()

    def test_a_terminal_gets_readable_lines_in_colour(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        text = self.lines_at_start(master, self.start(self.command(), stderr=slave, environment={"NO_COLOR": "", "TERM": "xterm"}))
        self.assertIn("\033[", text)
        self.assertRegex(text, r"\d\d:\d\d:\d\d\.\d{3} vsyncd\[solo\] .*notice: vsyncd .* starts.* socket=")

    def test_a_terminal_that_wants_no_colours_gets_none(self):
        for wish in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            with self.subTest(wish=wish):
                master, slave = pty.openpty()
                self.addCleanup(os.close, master)
                self.addCleanup(os.close, slave)
                process = self.start(self.command(), stderr=slave, environment={"NO_COLOR": "", "TERM": "xterm", **wish})
                self.assertNotIn("\033", self.lines_at_start(master, process))
                self.end(process)

    def test_a_pipe_gets_all_lines_whatever_stream_the_journal_has(self):
        """sd_journal_send reports success where no journal listens: it is used only on the journal's own stream."""
        process = self.start(self.command(), stderr=subprocess.PIPE, environment={"JOURNAL_STREAM": "1:2"})
        text = self.lines_at_start(process.stderr.fileno(), process)
        self.assertNotIn("\033", text)
        self.assertIn("starts", text)

    @unittest.skipUnless(os.geteuid() == 0, "a journal of our own in /run needs root")
    def test_the_journal_gets_fields_and_standard_error_nothing(self):
        listening = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh", sys.executable, __file__, "--journal"]
        ran = subprocess.run([*listening, *self.command()], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        heard = json.loads(ran.stdout)
        self.assertEqual(heard["stderr"], "")
        installed = next(entry for entry in heard["entries"] if "MEMBERS" in str(entry))
        self.assertEqual(installed["VSYNC_MEMBERS"], "solo")
        self.assertEqual(installed["VSYNC_NODE"], "solo")
        self.assertEqual(installed["PRIORITY"], "5")
        self.assertEqual(installed["SYSLOG_IDENTIFIER"], "vsyncd")
        self.assertRegex(installed["VSYNC_VIEW"], r"^1\.1$")
        self.assertRegex(installed["MESSAGE"], "^view installed")


def listen_like_a_journal(command):
    """Runs a daemon whose standard error is the journal's; prints what it sends there, up to its first view, as JSON."""
    os.makedirs(os.path.dirname(JOURNAL))
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(JOURNAL)
    receiver.settimeout(EVENT_WITHIN_S)
    reading, writing = os.pipe()
    stream = os.fstat(writing)
    daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=writing,
                              env={**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"})
    os.close(writing)
    entries = []
    try:
        while not entries or "VSYNC_MEMBERS" not in entries[-1]:
            entry = receiver.recv(65536).decode()
            entries.append(dict(re.findall(r"^(\w+)=(.*)$", entry, re.MULTILINE)))
    finally:
        daemon.terminate()
        daemon.wait()
    print(json.dumps({"entries": entries, "stderr": os.read(reading, 65536).decode()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--journal"]:
        listen_like_a_journal(sys.argv[2:])
    else:
        unittest.main(verbosity=2)
