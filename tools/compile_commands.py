"""The compile commands of build/release for clang, without what only g++ understands.

Clang can't read g++'s precompiled headers: it gets the header that they were made from.
"""
import json
import os
import pathlib
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


def own_entries(root: pathlib.Path, folders: tuple[str, ...]) -> list[tuple[str, list[str], dict]]:
    """(file relative to the root, clang's words, the entry) of what is below `folders` ("src/")."""
    entries = []
    for entry in json.loads((root / "build/release/compile_commands.json").read_text()):
        file = os.path.relpath(entry["file"], root)
        if file.startswith(folders):
            entries.append((file, clang_words(root, entry["command"]), entry))
    return entries
