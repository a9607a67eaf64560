#!/usr/bin/env python3
"""Cut the two font subsets that the sandbox embeds (see docs/decisions/0002-sandbox-font.md).

    python3 -m pip install fonttools
    python3 scripts/make-font-subset.py NotoSans-Regular.ttf NotoSansCJK-Regular.ttc

The first font gives Latin, Greek and Cyrillic, the second one the characters of GB 2312 and the
full-width forms. Both are under the SIL Open Font License 1.1. The results are renamed, and the same
sources with the same fontTools give the same bytes.
"""

import argparse
import pathlib

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

ASSETS = pathlib.Path(__file__).resolve().parent.parent / "sandbox" / "render" / "assets"

LATIN_RANGES = [
    (0x0020, 0x007E), (0x00A0, 0x024F), (0x0250, 0x02FF),  # Latin, IPA, modifier letters
    (0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x20D0, 0x20F0),  # combining marks
    (0x0370, 0x03FF), (0x1F00, 0x1FFF),                    # Greek, with polytonic
    (0x0400, 0x052F), (0x1C80, 0x1C88), (0x2DE0, 0x2DFF), (0xA640, 0xA69F),  # Cyrillic
    (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF), (0xAB30, 0xAB6F),  # Vietnamese and more Latin
    (0x1D00, 0x1DFF),                                      # phonetic extensions
    (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20BF), (0x2100, 0x218F),  # punctuation, currency
    (0x2190, 0x22FF), (0x25A0, 0x25FF), (0xFB00, 0xFB06), (0xFFFD, 0xFFFD),
]


def latin():
    return {code for low, high in LATIN_RANGES for code in range(low, high + 1)}


def gb2312():
    """Every character of GB 2312-80: 6,763 hanzi and 682 others, and the full-width forms."""
    found = set()
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes((row, cell)).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    # The codec maps two cells to U+2015 and U+30FB; text in use has U+2014 and U+00B7 there.
    return found | {0x2014, 0x00B7, 0x2027} | set(range(0x3000, 0x3020)) | set(range(0xFF01, 0xFFE7))


def open_font(path, family):
    """The font, or the face of that family in a collection."""
    if path.suffix.lower() not in (".ttc", ".otc"):
        return TTFont(path, recalcTimestamp=False)
    for font in TTCollection(path).fonts:
        if font["name"].getDebugName(1) == family:
            font.recalcTimestamp = False
            return font
    raise SystemExit(f"{path.name} has no face {family!r}")


def rename(font, family):
    """Give the subset a name of its own; keep copyright (0), trademark (7) and licence (13, 14)."""
    table = font["name"]
    table.names = [record for record in table.names if record.nameID in (0, 7, 13, 14)]
    postscript = family.replace(" ", "") + "-Regular"
    for name_id, text in {1: family, 2: "Regular", 3: postscript, 4: family, 6: postscript}.items():
        table.setName(text, name_id, 3, 1, 0x409)
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [postscript]
        top = cff.topDictIndex[0]
        top.FullName, top.FamilyName = postscript, family


def make(source, face, family, characters, features, target):
    font = open_font(source, face)
    options = subset.Options(
        hinting=False, layout_features=features, name_IDs=["*"], name_languages=[0x409],
        notdef_outline=True, glyph_names=False, desubroutinize=False,
        drop_tables=["BASE", "VORG", "vhea", "vmtx", "DSIG", "STAT", "MVAR", "meta"],
    )
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(font)
    rename(font, family)
    font.save(ASSETS / target)
    covered = characters & set(font.getBestCmap())
    size = (ASSETS / target).stat().st_size
    print(f"{target}: {len(covered)} of {len(characters)} characters, {size:,} bytes")
    return characters - covered


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("latin", type=pathlib.Path, help="Noto Sans Regular (TTF)")
    parser.add_argument("han", type=pathlib.Path, help="Noto Sans CJK Regular (TTC), or its SC face (OTF)")
    arguments = parser.parse_args()
    ASSETS.mkdir(parents=True, exist_ok=True)
    make(arguments.latin, "Noto Sans", "Infrai Sandbox Latin", latin(),
         ["ccmp", "locl", "kern", "mark", "mkmk", "liga"], "infrai-sandbox-latin.ttf")
    missing = make(arguments.han, "Noto Sans CJK SC", "Infrai Sandbox Han", gb2312(),
                   ["ccmp"], "infrai-sandbox-han.otf")
    hanzi = [chr(code) for code in sorted(missing) if 0x4E00 <= code <= 0x9FFF]
    if hanzi:
        raise SystemExit(f"no glyph for {''.join(hanzi)}")


if __name__ == "__main__":
    main()
