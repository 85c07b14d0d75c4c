"""Reads a table of the chemical elements and writes what it finds: three tables, a summary, a chart.

python report.py elements.csv
"""

import csv
import json
import statistics
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

BAR_CHARS = 40
EARLIEST = "before 1600"


def main(table: str) -> None:
    with Path(table).open(newline="", encoding="utf-8") as file:
        elements = list(csv.DictReader(file))
    print(f"{len(elements)} elements from {table}")

    by_period = group(elements, "period")
    write("by_period.csv", ["period", "elements", "lightest_u", "heaviest_u", "mean_u"], map(masses, by_period.items()))
    write("by_phase.csv", ["phase", "elements", "symbols"], map(symbols, group(elements, "phase").items()))
    write("by_century.csv", ["years", "discovered"], sorted(discoveries(elements).items()))

    heaviest_step = max(pairwise(elements), key=lambda pair: mass(pair[1]) - mass(pair[0]))
    reversed_pairs = [(a["symbol"], b["symbol"]) for a, b in pairwise(elements) if mass(a) > mass(b)]
    summary = {
        "elements": len(elements),
        "heavier_than_the_next": reversed_pairs,
        "largest_step": [each["symbol"] for each in heaviest_step],
        "median_mass_u": statistics.median(map(mass, elements)),
        "longest_name": max((each["name"] for each in elements), key=len),
    }
    Path("summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for first, second in reversed_pairs:
        print(f"{first} is heavier than {second}, though it comes first")

    chart(discoveries(elements))
    if unknown := [each["symbol"] for each in elements if each["phase"] == "unknown"]:
        print(f"nobody has seen enough of {', '.join(unknown)} to know its phase", file=sys.stderr)


def group(elements, column):
    groups = defaultdict(list)
    for each in elements:
        groups[each[column]].append(each)
    return groups


def mass(element):
    return float(element["atomic_mass_u"])


def masses(item):
    period, elements = item
    found = [mass(each) for each in elements]
    print(f"period {period}: {len(found):>2} elements, {min(found):.3f} to {max(found):.3f} u")
    return [period, len(found), min(found), max(found), round(statistics.mean(found), 3)]


def symbols(item):
    phase, elements = item
    return [phase, len(elements), " ".join(each["symbol"] for each in elements)]


def discoveries(elements):
    centuries = defaultdict(int)
    for each in elements:
        year = each["discovered"]
        centuries[f"{year[:2]}00s" if year else EARLIEST] += 1
    return dict(sorted(centuries.items(), key=lambda item: (item[0] != EARLIEST, item[0])))


def chart(centuries):
    largest = max(centuries.values())
    lines = [f"{name:>12} {'█' * round(BAR_CHARS * count / largest)} {count}" for name, count in centuries.items()]
    Path("chart.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def write(name, header, rows):
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    print(f"wrote {name}")


if __name__ == "__main__":
    main(sys.argv[1])
