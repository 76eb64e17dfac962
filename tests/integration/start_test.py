#!/usr/bin/python3
"""Starting a daemon: at once without configuration, and never into a place that isn't its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from support import EVENT_WITHIN_S, ClusterTest, Lab, find_build, wait_until

import processes

LAB = Path(__file__).resolve().parent.parent / "lab" / "lab"
ENDS_WITHIN_S = 10
NOBODY = 65534


class Start(unittest.TestCase):

    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="vsync-start-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.home)])
        self.programs = find_build()

    def daemon(self, *arguments):
        """Starts vsyncd with everything that it would use by default inside our own directory."""
        process = subprocess.Popen([str(self.programs / "daemon/vsyncd"), *arguments], text=True, cwd=self.home,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, **self.places()})
        self.addCleanup(self.end, process)
        return process

    def places(self):
        """Where a daemon that isn't root's keeps its things; root's go below /run and /var/lib."""
        return {"XDG_RUNTIME_DIR": str(self.home), "XDG_STATE_HOME": str(self.home), "HOME": str(self.home)}

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def vsync(self, *arguments):
        return subprocess.run([str(self.programs / "bindings/cli/vsync"), *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=30, env={**os.environ, **self.places()})

    def refusal(self, *arguments):
        """What vsyncd says when it ends by itself with an error."""
        process = self.daemon(*arguments)
        said, _ = process.communicate(timeout=ENDS_WITHIN_S)
        self.assertNotEqual(process.returncode, 0, said)
        self.assertGreater(process.returncode, 0, f"an exit status, not a crash: {said}")
        return said

    def own(self, name="one"):
        """Settings of a daemon alone, in our directory."""
        (self.home / name).mkdir(exist_ok=True)
        return ["--set", f"state_dir={self.home}/{name}/state", "--set", f"socket={self.home}/{name}/vsync.sock"]

    def wait_up(self, endpoint):
        wait_until(lambda: self.vsync("--endpoint", endpoint, "status").returncode == 0, EVENT_WITHIN_S, "an answer to status")

    def steps_of_the_readme(self, vsyncd, vsync):
        return " && ".join([
            f"{{ {vsyncd} & daemon=$!; }}",
            f"until {vsync} status; do kill -0 $daemon && sleep 0.05 || exit 1; done",
            f"{{ {vsync} sub 'news.>' --count 1 --raw --wait 20 > {self.home}/got & sub=$!; }}",
            f"until {vsync} groups | grep -q 'news'; do kill -0 $sub && sleep 0.05 || exit 1; done",
            f"{vsync} pub news.world hello",
            "wait $sub",
        ]) + "; result=$?; kill $daemon; wait; exit $result"

    def test_one_daemon_without_configuration_is_a_cluster_at_once(self):
        steps = self.steps_of_the_readme(self.programs / "daemon/vsyncd", self.programs / "bindings/cli/vsync")
        own_places = "mount -t tmpfs none /run && mount -t tmpfs none /var/lib"
        as_root = ["unshare", "--mount", "sh", "-c", f"{own_places} && {{ {steps}; }}"]
        command = as_root if os.geteuid() == 0 else ["sh", "-c", steps]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=self.home,
                             env={**os.environ, **self.places()})
        self.assertEqual(ran.returncode, 0, f"{ran.stdout}{ran.stderr}")
        self.assertEqual((self.home / "got").read_text().strip(), "hello")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_an_ordinary_user_has_a_cluster_of_their_own(self):
        home, there = self.home / "user", self.home / "programs"
        for place in (home, there):
            place.mkdir()
        for program in ("daemon/vsyncd", "bindings/cli/vsync"):
            shutil.copy(self.programs / program, there)  # the build may lie where only root gets
        self.home.chmod(0o755)
        os.chown(home, NOBODY, NOBODY)
        places = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]}
        steps = self.steps_of_the_readme(there / "vsyncd", there / "vsync").replace(f"{self.home}/got", f"{home}/got")
        ran = subprocess.run(["sh", "-c", steps], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=home,
                             env=places, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(ran.returncode, 0, f"{ran.stdout}{ran.stderr}")
        self.assertEqual((home / "got").read_text().strip(), "hello")
        self.assertTrue((home / "vsync").is_dir())
        self.assertTrue((home / ".local/state/vsync/state").is_file())

    def test_sigterm_ends_it_with_success(self):
        process = self.daemon(*self.own())
        self.wait_up(f"ipc://{self.home}/one/vsync.sock")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=ENDS_WITHIN_S)
        self.assertEqual(process.returncode, 0)

    def test_a_second_daemon_on_the_same_socket_is_refused_and_the_first_goes_on(self):
        self.daemon(*self.own())
        endpoint = f"ipc://{self.home}/one/vsync.sock"
        self.wait_up(endpoint)
        said = self.refusal("--set", f"state_dir={self.home}/other", "--set", f"socket={self.home}/one/vsync.sock")
        self.assertIn("vsync.sock", said)
        self.assertEqual(self.vsync("--endpoint", endpoint, "pub", "still", "here").returncode, 0)

    def test_a_second_daemon_on_the_same_state_directory_is_refused(self):
        self.daemon(*self.own())
        self.wait_up(f"ipc://{self.home}/one/vsync.sock")
        said = self.refusal("--set", f"state_dir={self.home}/one/state", "--set", f"socket={self.home}/second.sock")
        self.assertIn("state", said)

    def test_the_socket_of_a_killed_daemon_is_taken_over(self):
        first = self.daemon(*self.own())
        self.wait_up(f"ipc://{self.home}/one/vsync.sock")
        first.kill()
        first.wait()
        self.daemon(*self.own())
        self.wait_up(f"ipc://{self.home}/one/vsync.sock")

    def test_an_unknown_key_is_named_with_file_and_line(self):
        (self.home / "bad.toml").write_text("\n\nsockte = \"x\"\n")
        said = self.refusal("--config", str(self.home / "bad.toml"))
        self.assertRegex(said, r"bad\.toml:3")
        self.assertIn("sockte", said)

    def test_a_bad_value_is_named_with_what_is_allowed(self):
        (self.home / "bad.toml").write_text("weight = \"heavy\"\n")
        said = self.refusal("--check", "--config", str(self.home / "bad.toml"))
        self.assertRegex(said, r"bad\.toml:1")
        self.assertIn("weight", said)

    def test_a_missing_configuration_file_is_named(self):
        self.assertIn("nowhere.toml", self.refusal("--config", str(self.home / "nowhere.toml")))

    def test_a_setting_on_the_command_line_is_checked_like_the_file(self):
        self.assertIn("no_such_key", self.refusal(*self.own(), "--set", "no_such_key=1"))

    def test_a_state_directory_that_cannot_be_written_stops_the_start(self):
        blocker = self.home / "file"
        blocker.write_text("not a directory")
        said = self.refusal("--set", f"state_dir={blocker}/state", "--set", f"socket={self.home}/s.sock")
        self.assertIn(str(blocker), said)

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_a_read_only_state_directory_stops_the_start(self):
        state = self.mounted("ro", "size=1m,ro")
        said = self.refusal("--set", f"state_dir={state}/state", "--set", f"socket={self.home}/s.sock")
        self.assertIn(str(state), said)

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_a_full_disk_stops_the_start(self):
        state = self.mounted("full", "size=4k")
        (state / "fill").write_bytes(b"x" * 4096)
        said = self.refusal("--set", f"state_dir={state}", "--set", f"socket={self.home}/s.sock")
        self.assertRegex(said.lower(), "space|full")

    def mounted(self, name, options):
        place = self.home / name
        place.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "vsync-test", str(place)], stdin=subprocess.DEVNULL,
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("tmpfs can't be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(place)])
        return place


class Bootstrap(ClusterTest):

    def test_an_operator_makes_one_daemon_a_cluster_and_the_others_join_it(self):
        lab = self.lab(3, check=False)  # disks are emptied
        for node in lab.nodes:
            lab.kill(node)
            shutil.rmtree(lab.directory / node / "state")
        lab.start("a")
        self.assertEqual(lab.wait_answer("a")["state"], "joining")
        self.assertEqual(lab.vsync("a", "bootstrap").returncode, 0)
        self.assertEqual(lab.wait_state("a", "primary")["waits_for"], "")
        for node in ("b", "c"):
            lab.start(node)
        lab.wait_common_view()
        again = lab.vsync("a", "bootstrap")
        self.assertEqual(again.returncode, 4)
        self.assertIn("has installed a view before", again.stderr)


class TestLab(unittest.TestCase):

    def command(self, *arguments, **options):
        """tests/lab/lab, as people start it."""
        return subprocess.Popen([sys.executable, str(LAB), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env={**os.environ, "VSYNC_BUILD": str(find_build())}, **options)

    def run_command(self, *arguments):
        process = self.command(*arguments)
        said, _ = process.communicate(timeout=EVENT_WITHIN_S + 30)
        return process.returncode, said

    def place(self):
        """A directory for a lab that is ended after the test, whatever became of it."""
        directory = Path(tempfile.mkdtemp(prefix="vsync-start-")) / "lab"
        self.addCleanup(subprocess.run, ["rm", "-rf", str(directory.parent)])
        self.addCleanup(Lab(directory).down)
        return directory

    def assert_nothing_left(self, directory):
        self.assertFalse(directory.exists())
        self.assertEqual(list(processes.with_environment("VSYNC_LAB_ID", Lab(directory).id)), [])
        self.assertEqual(list(Path("/run/netns").glob(f"vsync-{Lab(directory).id}-*")), [])

    def test_down_cleans_up_after_an_up_that_was_killed(self):
        netns = ["--netns"] if os.geteuid() == 0 else []
        for seen in ("lab.json", "a/secret.key", "c/vsyncd.toml", "a/pid", "c/pid"):
            with self.subTest(killed_at=seen):
                directory = self.place()
                up = self.command("up", "3", "--dir", str(directory), *netns)
                wait_until((directory / seen).exists, EVENT_WITHIN_S, seen)
                up.kill()
                up.communicate()
                self.assertEqual(self.run_command("down", "--dir", str(directory)), (0, ""))
                self.assert_nothing_left(directory)

    def test_down_needs_no_description_and_spares_the_files_of_others(self):
        directory = self.place()
        Lab.up(2, directory)
        (directory / "lab.json").unlink()
        (directory / "mine").write_text("precious")
        status, said = self.run_command("down", "--dir", str(directory))
        self.assertEqual(status, 0)
        self.assertIn("stays", said)
        self.assertEqual([entry.name for entry in directory.iterdir()], ["mine"])
        (directory / "mine").unlink()
        self.assertEqual(self.run_command("down", "--dir", str(directory)), (0, ""))
        self.assert_nothing_left(directory)

    def test_down_ends_a_lab_whose_daemons_and_files_others_have_dealt_with(self):
        directory = self.place()
        lab = Lab.up(3, directory)
        os.kill(lab.pid("a"), signal.SIGKILL)
        os.kill(lab.pid("b"), signal.SIGSTOP)
        subprocess.run(["rm", "-rf", str(directory / "b"), str(directory / "sockets")], check=True)
        (directory / "lab.json").write_text('{"nodes": ["a"')
        self.assertEqual(self.run_command("status", "--dir", str(directory))[0], 1)
        self.assertEqual(self.run_command("down", "--dir", str(directory)), (0, ""))
        for child in lab._children.values():
            child.wait(ENDS_WITHIN_S)
        self.assert_nothing_left(directory)

    def test_a_lab_from_inside_one_of_its_shells_is_ended_too(self):
        directory = self.place()
        lab = Lab.up(1, directory)
        shell = f"{LAB} down --dir {directory}; echo ended"
        status, said = self.run_command("exec", "--dir", str(directory), "a", "--", "sh", "-c", shell)
        self.assertEqual((status, said), (0, "ended\n"))
        for child in lab._children.values():
            child.wait(ENDS_WITHIN_S)
        self.assert_nothing_left(directory)

    def test_a_start_that_fails_says_so_and_a_paused_daemon_can_be_stopped(self):
        directory = self.place()
        lab = Lab.up(2, directory)
        self.assertEqual(self.run_command("pause", "--dir", str(directory), "b"), (0, ""))
        self.assertIn("paused", self.run_command("status", "--dir", str(directory))[1])
        self.assertEqual(self.run_command("stop", "--dir", str(directory), "b"), (0, ""))
        (directory / "b" / "vsyncd.toml").write_text("nonsense = 1\n")
        status, said = self.run_command("start", "--dir", str(directory), "b")
        self.assertEqual(status, 1)
        self.assertIn("nonsense", said)
        self.assertEqual(self.run_command("exec", "--dir", str(directory), "a", "--", "no-such-command")[0], 127)
        lab.down()

    def test_labs_run_side_by_side_and_leave_nothing(self):
        first, second = Lab.up(2), Lab.up(1)
        directories = [first.directory, second.directory]
        pids = [first.pid("a"), first.pid("b"), second.pid("a")]
        second.down()
        self.assertTrue(first.common_view(["a", "b"]))
        first.pause("b")
        first.down()
        self.assertFalse(any(directory.exists() for directory in directories))
        self.assertFalse(any(os.path.exists(f"/proc/{pid}") for pid in pids))

    @unittest.skipUnless(os.geteuid() == 0, "network namespaces need root")
    def test_down_cleans_up_after_a_lab_whose_files_were_lost(self):
        lab = Lab.up(2, netns=True)
        directory, pid = lab.directory, lab.pid("a")
        subprocess.run(["rm", "-rf", str(directory)], check=True)
        Lab(directory).down()
        for child in lab._children.values():
            child.wait(ENDS_WITHIN_S)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assertEqual(list(Path("/run/netns").glob(f"vsync-{lab.id}-*")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
