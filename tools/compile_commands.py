"""The compile commands of build/release for clang, without what only g++ understands.

Clang can't read g++'s precompiled headers: it gets the header that they were made from.
"""
import json
import os
import pathlib
import re
import shlex

GXX_ONLY = ("-Wlogical-op", "-Wduplicated-cond", "-fno-sanitize-recover=all")


def clang_words(root: pathlib.Path, command: str) -> list[str]:
    words, kept, skip = shlex.split(command), [], False
    start = next(i for i, word in enumerate(words) if pathlib.Path(word).name in ("g++", "c++"))
    for word in words[start:]:
        if skip:
            skip = False
            if word.endswith("cmake_pch.hxx"):
                name = "test_pch.h" if "hf_test_pch" in word else "pch.h"
                kept += ["-include", str(root / "cmake" / name)]
        elif word == "-include":
            skip = True
        elif word not in GXX_ONLY and word != "-Winvalid-pch":
            kept.append(word)
    kept[0] = "clang++-16"
    kept.insert(1, "-Wno-unknown-warning-option")
    return kept


def without_unity(entry: dict) -> list[dict]:
    """What the build compiles several files at once for, for each of them."""
    unity = entry["file"]
    if not re.fullmatch(r"unity_\d+_cxx\.cxx", pathlib.Path(unity).name):
        return [entry]
    files = re.findall(r'^#include "(.*)"', pathlib.Path(unity).read_text(), re.MULTILINE)
    return [{**entry, "file": file, "command": entry["command"].replace(unity, file)}
            for file in files]


def own_entries(root: pathlib.Path, folders: tuple[str, ...]) -> list[tuple[str, list[str], dict]]:
    """(file relative to the root, clang's words, the entry) of what is below `folders` ("src/")."""
    built = json.loads((root / "build/release/compile_commands.json").read_text())
    entries = []
    for entry in (one for several in built for one in without_unity(several)):
        file = os.path.relpath(entry["file"], root)
        if file.startswith(folders):
            entries.append((file, clang_words(root, entry["command"]), entry))
    return entries
