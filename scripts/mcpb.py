#!/usr/bin/env python3
"""Makes the bundle of the MCP server that desktop clients install, and the description that the MCP registry takes.

    scripts/mcpb.py WHEEL TRIPLE FOLDER     FOLDER/infrai-TRIPLE.mcpb, from the command's wheel for this platform
    scripts/mcpb.py --registry FOLDER       FOLDER/server.json, with the sums of the bundles in the folder
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import notices  # noqa: E402
import versions  # noqa: E402

SOURCE = versions.ROOT / "cli" / "mcp-bundle"
#: What a manifest calls a system, after the part of its triple.
SYSTEMS = {"linux": "linux", "apple": "darwin", "windows": "win32"}
#: The time of each file, so that the same files are the same bundle.
TIME = (1980, 1, 1, 0, 0, 0)


def manifest(triple: str) -> dict:
    """The manifest of a platform's bundle."""
    made = json.loads((SOURCE / "manifest.json").read_text(encoding="utf-8"))
    system = next(name for part, name in SYSTEMS.items() if part in triple)
    made |= {"version": versions.current(), "compatibility": {"platforms": [system]}}
    if system == "win32":
        made["server"]["entry_point"] += ".exe"
        made["server"]["mcp_config"]["command"] += ".exe"
    return made


def bundle(wheel: Path, triple: str, folder: Path) -> Path:
    """Writes a bundle, and returns its path."""
    made = manifest(triple)
    with zipfile.ZipFile(wheel) as archive:
        (binary,) = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.data/scripts/infrai(\.exe)?", name)]
        licences = [name for name in archive.namelist() if name.endswith(("/LICENSE", f"/{notices.NAME}"))]
        files = {
            "manifest.json": (json.dumps(made, indent=2).encode(), 0o644),
            made["server"]["entry_point"]: (archive.read(binary), 0o755),
            **{name.rsplit("/", 1)[-1]: (archive.read(name), 0o644) for name in licences},
        }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"infrai-{triple}.mcpb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            # As on the systems that have modes, wherever this runs.
            entry.create_system = 3
            archive.writestr(entry, content)
    return path


def registry(folder: Path) -> Path:
    """Writes the registry's description with the sum of each bundle, and returns its path. Every bundle has to be there."""
    made = json.loads((SOURCE / "server.json").read_text(encoding="utf-8"))
    for package in made["packages"]:
        content = (folder / package["identifier"].rsplit("/", 1)[-1]).read_bytes()
        package["fileSha256"] = hashlib.sha256(content).hexdigest()
    path = folder / "server.json"
    path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return path


def main(words: list[str]) -> int:
    if len(words) == 2 and words[0] == "--registry":
        print(registry(Path(words[1])))
    elif len(words) == 3:
        print(bundle(Path(words[0]), words[1], Path(words[2])))
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
