#!/usr/bin/python3
"""Rules about the tree itself: which folder may include what, and that the README names what is there."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)

# What a folder may include of the project, by the first part of the include's path, and of other libraries: None is anything.
OWN = {
    "libvsync/include": ({"vsync"}, set()),
    "libvsync/protocol": ({"protocol", "vsync"}, {"xxhash.h"}),
    "libvsync/checker": ({"checker", "protocol", "vsync"}, set()),
    "libvsync/wire": ({"wire", "protocol", "vsync", "local.capnp.h", "peer.capnp.h"}, {"capnp", "kj", "sodium", "xxhash.h"}),
    "libvsync/client": ({"client", "wire", "protocol", "vsync"}, None),
    "bindings": ({"cli", "checker", "vsync"}, None),
}
# The core knows neither the machine nor the time.
NOT_IN_THE_CORE = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "filesystem", "fstream", "iostream",
                   "ctime", "random", "csignal"}
CLOCKS = re.compile(r"(?:system|steady|high_resolution)_clock|\btime\(|clock_gettime|gettimeofday|random_device")
STANDARD = re.compile(r"^[a-z_]+$|^(?:std|c)[a-z]+$")


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in (".hpp", ".cpp"))


def includes(path):
    return [(quote, name) for quote, name in INCLUDE.findall(path.read_text())]


class Layers(unittest.TestCase):

    def test_a_folder_includes_only_what_lies_below_it(self):
        for folder, (own, _) in OWN.items():
            for path in sources(folder):
                wrong = [name for quote, name in includes(path)
                         if quote == '"' and name.split("/")[0] not in own and not (path.parent / name).exists()]
                self.assertEqual(wrong, [], f"{path.relative_to(ROOT)} includes what its folder may not")

    def test_a_folder_uses_only_its_libraries(self):
        for folder, (_, libraries) in OWN.items():
            for path in [] if libraries is None else sources(folder):
                wrong = [name for quote, name in includes(path)
                         if quote == "<" and not STANDARD.match(name) and name.split("/")[0] not in libraries]
                self.assertEqual(wrong, [], f"{path.relative_to(ROOT)} uses another library")

    def test_the_core_has_no_threads_files_clock_or_randomness_of_its_own(self):
        for folder in ("libvsync/protocol", "libvsync/checker"):
            for path in sources(folder):
                where = str(path.relative_to(ROOT))
                self.assertEqual([name for _, name in includes(path) if name in NOT_IN_THE_CORE], [], where)
                code = re.sub(r"//[^\n]*", "", path.read_text())
                self.assertIsNone(CLOCKS.search(code), where)


class Build(unittest.TestCase):
    """Traps of the tools, each of which cost somebody a day."""

    def meson_files(self):
        return [ROOT / "meson.build", *(path for folder in ("libvsync", "daemon", "bindings", "config", "systemd", "tests")
                                        for path in (ROOT / folder).rglob("meson.build"))]

    def test_a_changed_schema_is_compiled_again_wherever_it_is_imported(self):
        """capnp writes no depfile and Meson's generator() knows nothing of imports: every schema is named for all of them."""
        text = (ROOT / "libvsync/wire/meson.build").read_text()
        named = set(re.findall(r"'(\w+\.capnp)'", re.search(r"wire_schemas = files\((.*?)\)", text, re.DOTALL)[1]))
        self.assertEqual(named, {path.name for path in (ROOT / "libvsync/wire").glob("*.capnp")})
        self.assertIn("depend_files: wire_schemas", text)
        self.assertEqual([str(path) for path in self.meson_files() if "generator(" in path.read_text()], [])

    def test_nothing_uses_what_debians_zeromq_has_not(self):
        """Its drafts are not built in."""
        drafts = re.compile(r"ZMQ_BUILD_DRAFT_API|ZMQ_(?:ROUTER_NOTIFY|DISCONNECT_MSG|HELLO_MSG|RECONNECT_STOP|SERVER|CLIENT|RADIO|DISH)\b")
        for folder in ("libvsync", "daemon", "bindings", "tests"):
            for path in sources(folder):
                self.assertIsNone(drafts.search(path.read_text()), str(path))

    def test_scripts_are_run_by_debians_python(self):
        """Another one that comes first in PATH has none of its modules."""
        for folder in ("daemon", "bindings", "config", "systemd", "tests"):
            for path in (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in ("", ".py")):
                text = path.read_bytes()
                if text.startswith(b"#!") and b"python" in text.splitlines()[0]:
                    self.assertEqual(text.splitlines()[0], b"#!/usr/bin/python3", str(path))
                elif text.startswith(b"#!"):
                    self.assertEqual(re.findall(rb"(?<!/usr/bin/)\bpython3?\b", re.sub(rb"#.*", b"", text)), [], str(path))
        for path in self.meson_files():
            self.assertIsNone(re.search(r"import\('python'\)|find_program\('python", path.read_text()), str(path))


class Documents(unittest.TestCase):

    def test_every_folder_says_what_lives_there(self):
        folders = ["libvsync/include", "libvsync/protocol", "libvsync/checker", "libvsync/wire", "libvsync/client", "daemon", "bindings",
                   "config", "systemd", "tests", "tests/unit", "tests/scenario", "tests/simulation", "tests/model", "tests/fuzz",
                   "tests/threads", "tests/integration", "tests/bench", "tests/lab"]
        self.assertEqual([folder for folder in folders if not (ROOT / folder / "README.md").exists()], [])

    def test_what_the_readme_links_to_is_there(self):
        for readme in (path for folder in ("", "config", "daemon", "libvsync", "bindings", "systemd", "tests")
                       for path in ((ROOT / folder).rglob("README.md") if folder else [ROOT / "README.md"])):
            for target in re.findall(r"\]\(([^)#:]+)\)", readme.read_text()):
                self.assertTrue((readme.parent / target).exists(), f"{readme.relative_to(ROOT)} links to {target}")

    def test_the_tests_that_the_guarantees_name_exist(self):
        table = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| **")]
        self.assertTrue(table)
        properties = set(re.findall(r'\{"([a-z_]+)"', (ROOT / "libvsync/checker/check.cpp").read_text()))
        for line in table:
            shown_by = line.split("|")[3]
            for name in re.findall(r"`([^`]+)`", shown_by):
                exists = name in properties or (ROOT / name).exists() or (ROOT / "tests/integration" / name).exists()
                self.assertTrue(exists, f"the README names {name}, which is neither a test nor a property of the checker")

    def test_every_scenario_is_run_and_has_its_transcript(self):
        folder = ROOT / "tests/scenario"
        scripts = sorted(path.stem for path in folder.glob("*.script"))
        self.assertEqual(sorted(re.findall(r"^  '(\w+)',$", (folder / "meson.build").read_text(), re.MULTILINE)), scripts)
        self.assertEqual(sorted(path.stem for path in folder.glob("*.expected")), scripts)

    def test_what_provokes_the_faults_of_other_systems_exists(self):
        """Scenarios, tests by suite and name, properties of the checker, deliberate faults, and kinds of faults and steps."""
        text = (ROOT / "tests/scenario/README.md").read_text()
        names = {path.stem for path in (ROOT / "tests/scenario").glob("*.script")}
        names |= set(re.findall(r'\{"([a-z_]+)"', (ROOT / "libvsync/checker/check.cpp").read_text()))
        for file in ("libvsync/protocol/mutant.hpp", "tests/simulation/fault.hpp", "tests/simulation/step.hpp"):
            names |= set(re.findall(r"^  (?:rule\()?([a-z_]+),", (ROOT / file).read_text(), re.MULTILINE))
        for path in sources("tests/unit"):
            names |= {f"{suite}.{name}" for suite, name in re.findall(r"\bTEST(?:_F|_P)?\((\w+), *(\w+)\)", path.read_text())}
        for path in (ROOT / "tests").rglob("*_test.py"):
            for suite, body in re.findall(r"^class (\w+)\(.*?\n(.*?)(?=^\S|\Z)", path.read_text(), re.MULTILINE | re.DOTALL):
                names |= {f"{suite}.{name}" for name in re.findall(r"^    def (test_\w+)", body, re.MULTILINE)}
        rows = [line for line in text[text.index("## What other systems"):].splitlines() if line.startswith("| ")][1:]
        self.assertGreaterEqual(len(rows), 30)
        for row in rows:
            told = re.findall(r"`([^`]+)`", row.split("|")[3])
            self.assertTrue(told, row)
            self.assertEqual([name for name in told if name not in names and not (ROOT / name).exists()], [], row)


if __name__ == "__main__":
    unittest.main(verbosity=2)
