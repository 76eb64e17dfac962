"""The real prices of config/data as two feeds of messages, each in the order of their dates."""

import csv
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).resolve().parent.parent.parent / "config" / "data"
INDEX_TOPIC = "index.sp500"


class Tick(NamedTuple):
    date: str
    topic: str
    price: str


def index_feed():
    """The S&P 500, four prices a day; its close is the topic index.sp500 itself."""
    ticks = []
    with open(DATA / "sp500-2000.csv", newline="") as file:
        for day in csv.DictReader(file):
            for what in ("open", "high", "low"):
                ticks.append(Tick(day["date"], f"{INDEX_TOPIC}.{what}", day[what]))
            ticks.append(Tick(day["date"], INDEX_TOPIC, day["close"]))
    return ticks


def exchange_feed():
    """Five stocks' month prices, and the volume traded each day."""
    ticks = []
    with open(DATA / "stocks.csv", newline="") as file:
        for month in csv.DictReader(file):
            date = datetime.strptime(month["date"], "%b %d %Y").strftime("%Y-%m-%d")
            ticks.append(Tick(date, f"stocks.{month['symbol']}", month["price"]))
    with open(DATA / "sp500-2000.csv", newline="") as file:
        ticks += [Tick(day["date"], "volume.sp500", day["volume"]) for day in csv.DictReader(file)]
    return sorted(ticks, key=lambda tick: tick.date)
