#!/usr/bin/python3
"""The units are sound and hardened: systemd-analyze verify and security, which need no running systemd."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPOSURE_MAX = 1.5
UNITS = [Path(argument) for argument in sys.argv[1:]]


def run(*command, text=None):
    return subprocess.run(command, capture_output=True, text=True, **({"input": text} if text else {"stdin": subprocess.DEVNULL}))


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
class Units(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="vsync-units-")
        self.addCleanup(self.directory.cleanup)

    def startable(self, unit):
        """A copy whose program exists on this machine, whether or not vsync is installed; a template gets an instance."""
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        copy = Path(self.directory.name) / unit.name.replace("@.", "@prices.")
        copy.write_text(text)
        return copy

    def test_systemd_accepts_the_units(self):
        for unit in UNITS:
            with self.subTest(unit=unit.name):
                verified = run("systemd-analyze", "verify", "--recursive-errors=no", str(self.startable(unit)))
                self.assertEqual((verified.returncode, verified.stderr), (0, ""))

    def test_the_units_expose_little(self):
        for unit in UNITS:
            with self.subTest(unit=unit.name):
                judged = run("systemd-analyze", "security", "--offline=true", f"--threshold={int(EXPOSURE_MAX * 10)}", "--no-pager",
                             str(self.startable(unit)))
                self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)

    @unittest.skipUnless(shutil.which("meson"), "no meson here")
    def test_the_documentation_that_they_name_is_installed(self):
        build = UNITS[0].resolve().parent.parent
        listed = run("meson", "introspect", "--installed", str(build))
        installed = set(json.loads(listed.stdout).values())
        for unit in UNITS:
            for document in re.findall(r"^Documentation=file:(.*)$", unit.read_text(), re.MULTILINE):
                self.assertIn(document, installed)

    def test_each_cluster_has_its_own_socket_state_and_configuration(self):
        template = next(unit for unit in UNITS if "@" in unit.name).read_text()
        for setting in ("socket", "state_dir"):
            self.assertRegex(template, rf"--set {setting}=\S*%i")
        self.assertRegex(template, r"--config \S*%i\.toml")


class Accounts(unittest.TestCase):

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "no systemd-sysusers here")
    def test_sysusers_makes_the_daemons_user_and_the_clients_group(self):
        with tempfile.TemporaryDirectory(prefix="vsync-root-") as root:
            (Path(root) / "etc").mkdir()
            made = run("systemd-sysusers", f"--root={root}", "-", text=(HERE / "vsync.sysusers").read_text())
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertIn("vsync:", (Path(root) / "etc/passwd").read_text())
            self.assertRegex((Path(root) / "etc/group").read_text(), r"(?m)^vsync-clients:.*:vsync$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
