#!/usr/bin/python3
"""The example of the public headers' README as a source file."""

import re
import sys
from pathlib import Path

readme, source = map(Path, sys.argv[1:])
source.write_text(re.search(r"```cpp\n(.*?)```", readme.read_text(), re.DOTALL)[1])
