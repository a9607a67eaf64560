#!/usr/bin/env python3
"""Records the command at work, in a terminal of its own, as a picture that moves: docs/images/command.svg.

    scripts/site/recording.py target/debug/infrai

What is shown is what the command wrote, at the pace at which it wrote it; only the typing is made up.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import shutil
import struct
import sys
import tempfile
import termios
import time
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURE = ROOT / "docs" / "images" / "command.svg"
COMMAND = ["infrai", "--sandbox", "video", "generate", "a paper boat", "-o", "boat.mp4"]
SHOWN = '$ infrai --sandbox video generate "a paper boat" -o boat.mp4'
COLUMNS, ROWS = 80, 4
#: A character's width and a line's height, in pixels.
WIDE, HIGH, MARGIN = 9.0, 23, 18
#: The least time between two frames, and how long the last one stays, in seconds.
STEP, LAST = 0.12, 4.0

#: A character and the classes it is drawn in.
Cell = tuple[str, str]
Screen = list[list[Cell]]


class Terminal:
    """As much of a terminal as the command needs: lines, colours, and going back over a line."""

    def __init__(self) -> None:
        self.lines: Screen = [[]]
        self.row = self.column = 0
        self.style: set[str] = set()

    def write(self, text: str) -> None:
        for control, final, plain in re.findall(r"\x1b\[([\d;?]*)([A-Za-z])|([^\x1b])", text):
            if plain:
                self.put(plain)
            elif final == "m":
                for number in control.split(";"):
                    names = {"2": "dim", "1": "bold", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
                    self.style = set() if number in ("", "0") else self.style | {names.get(number, "plain")}
            elif final == "K":
                self.lines[self.row] = [] if control == "2" else self.lines[self.row][: self.column]
            elif final == "A":
                self.row = max(0, self.row - int(control or 1))
            elif final == "B":
                self.down(int(control or 1))

    def down(self, lines: int) -> None:
        self.row += lines
        while len(self.lines) <= self.row:
            self.lines.append([])

    def put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.down(1)
        else:
            if self.column == COLUMNS:
                self.down(1)
                self.column = 0
            line = self.lines[self.row]
            line += [(" ", "")] * (self.column - len(line))
            line[self.column : self.column + 1] = [(character, " ".join(sorted(self.style)))]
            self.column += 1

    def screen(self) -> Screen:
        return [list(line) for line in self.lines]


def recorded(program: str, folder: str) -> list[tuple[float, Screen]]:
    """The moments at which the screen changed, and how it looked then. Raises OSError if the command fails."""
    terminal = Terminal()
    frames: list[tuple[float, Screen]] = []
    child, master = pty.fork()
    if child == 0:
        os.chdir(folder)
        for name in list(os.environ):
            if name.startswith("INFRAI_") or name in ("NO_COLOR", "COLUMNS"):
                del os.environ[name]
        os.environ.update(HOME=folder, TERM="xterm-256color", INFRAI_SANDBOX_DIR=f"{folder}/sandbox")
        time.sleep(0.2)  # until the terminal has its size
        os.execv(program, COMMAND)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    begun = time.monotonic()
    decoder = codecs.getincrementaldecoder("utf-8")()
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        terminal.write(decoder.decode(piece))
        frames.append((time.monotonic() - begun, terminal.screen()))
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise OSError("the command failed")
    return frames


def typed() -> list[tuple[float, list[Cell]]]:
    """The command's line as it is typed."""
    letters = [(letter, "prompt" if index == 0 else "bold") for index, letter in enumerate(SHOWN)]
    return [(0.4 + 0.05 * count, [*letters[: 2 + count], ("▌", "cyan")]) for count in range(0, len(SHOWN) - 1, 4)] + [(0.4 + 0.05 * len(SHOWN), letters)]


def line(cells: list[Cell], y: float) -> str:
    spans: list[tuple[str, str]] = []
    for character, style in cells:
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + character, style)
        else:
            spans.append((character, style))
    while spans and not spans[-1][0].strip():
        spans.pop()
    if not spans:
        return ""
    text = "".join(f'<tspan class="{style}">{escape(piece)}</tspan>' if style else escape(piece) for piece, style in spans)
    # As wide as so many characters are, whatever font the reader has.
    length = sum(len(piece) for piece, _ in spans) * WIDE
    return f'<text x="{MARGIN}" y="{y:g}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">{text}</text>'


def drawn(frames: list[tuple[float, Screen]]) -> str:
    kept: list[tuple[float, str]] = []
    for at, screen in frames:
        body = "".join(line(cells, 26 + HIGH * row) for row, cells in enumerate(screen[:ROWS]))
        if kept and (kept[-1][1] == body):
            continue
        if kept and at - kept[-1][0] < STEP and len(kept) > 1:
            kept[-1] = (kept[-1][0], body)
        else:
            kept.append((at, body))
    total = kept[-1][0] + LAST
    width, height = round(COLUMNS * WIDE + 2 * MARGIN), ROWS * HIGH + 2 * MARGIN - 8
    # A strip of frames that is moved from one to the next.
    steps = "".join(f"{100 * at / total:.2f}%{{transform:translateY({-height * index}px)}}" for index, (at, _) in enumerate(kept))
    strip = "".join(f'<g transform="translate(0 {height * index})">{body}</g>' for index, (_, body) in enumerate(kept))
    end = f"transform:translateY({-height * (len(kept) - 1)}px)"
    style = (
        "text{font:15px ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;fill:#1f2733}.card{fill:#f6f8fb;stroke:#d3dae4}"
        ".bold{font-weight:600}.prompt,.dim{fill:#7b8796}.cyan{fill:#0b7285}.cyan.dim{fill:#b8c6d1}.green{fill:#1a7f37}.red{fill:#c4232b}.yellow{fill:#8a5d00}"
        "@media (prefers-color-scheme:dark){text{fill:#d9e0ea}.card{fill:#10161d;stroke:#2b3542}.prompt,.dim{fill:#7f8b9b}.cyan{fill:#4cc9e0}"
        ".cyan.dim{fill:#33424f}.green{fill:#4cc36a}.red{fill:#ff7b72}.yellow{fill:#e3b341}}"
        f"@keyframes play{{{steps}to{{{end}}}}}.strip{{{end};animation:play {total:.2f}s step-end infinite}}"
        f"@media (prefers-reduced-motion:reduce){{.strip{{animation:none;{end}}}}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(SHOWN[2:], quote=True)}: the states of the job with its progress, then the saved file">'
        f'<style>{style}</style><clipPath id="card"><rect width="{width}" height="{height}" rx="10"/></clipPath>'
        f'<rect class="card" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10"/>'
        f'<g clip-path="url(#card)"><g class="strip">{strip}</g></g></svg>\n'
    )


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # A short name, so that no line is broken.
    with tempfile.TemporaryDirectory() as outer:
        folder = "/tmp/demo"
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            folder = outer
        try:
            output = recorded(str(Path(sys.argv[1]).resolve()), folder)
        finally:
            if folder != outer:
                shutil.rmtree(folder)
    prompt = typed()
    begun = prompt[-1][0] + 0.3
    frames = [(at, [cells]) for at, cells in prompt]
    frames = [(0.0, [prompt[0][1][:2]]), *frames, *((begun + at, [prompt[-1][1], *screen]) for at, screen in output)]
    PICTURE.write_text(drawn(frames), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
