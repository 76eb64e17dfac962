"""What a demo shows: colour and one moving line on a terminal, plain lines elsewhere."""

import os
import shutil
import sys

BARS = "▁▂▃▄▅▆▇█"
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "36"}


class Screen:

    def __init__(self, out=sys.stdout):
        self._out = out
        out.reconfigure(errors="replace")  # a terminal that has no such characters
        self.moves = out.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self.moves and not os.environ.get("NO_COLOR")
        self._line_shown = False

    def paint(self, text, colour):
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self._colours else text

    def say(self, text=""):
        """A line that stays."""
        self._clear()
        print(text, file=self._out, flush=True)

    def step(self, name, text):
        self.say(f"{self.paint(f'{name:>9}', 'bold')}  {text}")

    @staticmethod
    def columns():
        return shutil.get_terminal_size().columns

    def progress(self, text, width):
        """The one line that moves; `width` is its length without colours. Nothing where lines can't move."""
        if not self.moves or width >= self.columns():
            return
        self._clear()
        print(text, end="", file=self._out, flush=True)
        self._line_shown = True

    def _clear(self):
        if self._line_shown:
            print("\r\033[K", end="", file=self._out)
            self._line_shown = False


def sparkline(values, width):
    """The last `width` values as bars."""
    shown = values[-width:] if width > 0 else []
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0
    return "".join(BARS[int((value - low) * scale)] for value in shown)
