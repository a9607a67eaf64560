#!/usr/bin/env python3
"""Draws the benchmark's plot of requests against lateness anew, small enough to be read on a phone.

    scripts/site/plot.py benches/polling.svg docs/images/polling.svg
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: The frame of the axes there (left, top, right, bottom), and here.
THERE = (76.0, 84.0, 826.0, 484.0)
HERE = (48.0, 16.0, 404.0, 316.0)
NAMES = {"fixed": "fixed intervals", "blind": "Infrai, nothing known", "known": "Infrai, 20 earlier lengths", "said": "Infrai, progress", "both": "Infrai, both"}
COLOURS = {"fixed": ("#7c8796", "#8f9aa9"), "blind": ("#b26a00", "#e8a13c"), "known": ("#1769c2", "#5aa6f2"), "said": ("#12805c", "#3fc39a"), "both": ("#8a3fc0", "#c08cf0")}


def moved(x: float, y: float) -> tuple[float, float]:
    share = lambda value, low, high: (value - low) / (high - low)  # noqa: E731
    across, down = share(x, THERE[0], THERE[2]), share(y, THERE[1], THERE[3])
    return HERE[0] + across * (HERE[2] - HERE[0]), HERE[1] + down * (HERE[3] - HERE[1])


def path(points: str) -> str:
    pairs = [tuple(map(float, pair.split())) for pair in points.split("L")]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in (moved(*pair) for pair in pairs))


def drawn(svg: str) -> str:
    lines = re.findall(r'<path class="line (\w+)" d="M([^"]+)"/>', svg)
    dots = re.findall(r'<circle class="(\w+) dot" cx="([\d.]+)" cy="([\d.]+)"', svg)
    ticks = re.findall(r'<text class="tick" x="([\d.]+)" y="([\d.]+)" text-anchor="(middle|end)">([^<]+)</text>', svg)
    if {name for name, _ in lines} != set(NAMES) or not ticks:
        raise ValueError("this is not the benchmark's plot")
    width, height = 420, 446
    light = "".join(f".{name}{{stroke:{colours[0]};fill:{colours[0]}}}" for name, colours in COLOURS.items())
    dark = "".join(f".{name}{{stroke:{colours[1]};fill:{colours[1]}}}" for name, colours in COLOURS.items())
    style = (
        ".card{fill:#fff;stroke:#d8dee6}.grid{stroke:#e7ebf0}.axis{stroke:#8b96a5;fill:none}"
        "text{fill:#3d4856;font:14px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}"
        f".line{{stroke-width:3;stroke-linejoin:round}}{light}.dot{{stroke:#fff;stroke-width:1.5}}path.line{{fill:none}}"
        f"@media (prefers-color-scheme:dark){{.card{{fill:#10161d;stroke:#2b3542}}.grid{{stroke:#222c38}}.axis{{stroke:#6f7b8a}}text{{fill:#c3ccd7}}{dark}"
        "path.line{fill:none}.dot{stroke:#10161d}}"
    )
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="Requests per job against mean lateness">'
        f'<style>{style}</style><rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>'
    ]
    for x, y, anchor, label in ticks:
        if anchor == "middle":
            at, _ = moved(float(x), 0)
            out.append(f'<path class="grid" d="M{at:.1f} {HERE[1]}V{HERE[3]}"/><text x="{at:.1f}" y="{HERE[3] + 20}" text-anchor="middle">{label}</text>')
        else:
            _, at = moved(0, float(y) - 4)
            out.append(f'<path class="grid" d="M{HERE[0]} {at:.1f}H{HERE[2]}"/><text x="{HERE[0] - 6}" y="{at + 5:.1f}" text-anchor="end">{label}</text>')
    out.append(f'<path class="axis" d="M{HERE[0]} {HERE[1]}V{HERE[3]}H{HERE[2]}"/>')
    out.append(f'<text x="{(HERE[0] + HERE[2]) / 2}" y="{HERE[3] + 42}" text-anchor="middle">requests per job → mean lateness ↑</text>')
    out += [f'<path class="line {name}" d="{path(points)}"/>' for name, points in lines]
    for name, x, y in dots:
        at = moved(float(x), float(y))
        out.append(f'<circle class="{name} dot" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5"/>')
    for index, (name, label) in enumerate(NAMES.items()):
        x, y = (12 + 212 * (index % 2), HERE[3] + 74 + 24 * (index // 2))
        out.append(f'<path class="line {name}" d="M{x} {y - 5}h18"/><text x="{x + 24}" y="{y}">{label}</text>')
    return "\n".join([*out, "</svg>\n"])


def main() -> int:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Path(sys.argv[2]).write_text(drawn(Path(sys.argv[1]).read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
