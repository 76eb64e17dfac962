#!/usr/bin/python3
"""Writes a text file as a C++ function that returns it: embed.py INPUT OUTPUT."""
import sys

text = open(sys.argv[1], encoding="utf-8").read()
# A literal may not be longer than 64 KiB by the standard's minimum; lines of their own stay far below it.
lines = "\n".join(f'    R"toml({line})toml" "\\n"' for line in text.splitlines())
open(sys.argv[2], "w", encoding="utf-8").write(
    '#include "daemon/configuration.hpp"\n\n'
    "namespace vsync::daemon {\n\n"
    "std::string_view default_configuration_text() {\n"
    f"  return\n{lines};\n"
    "}\n\n"
    "}  // namespace vsync::daemon\n")
