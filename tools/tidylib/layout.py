"""Rules about where things are: ranks and includes, headers, dead files, READMEs."""
import dataclasses
import re

from .source import Finding, Source, Tree

README_LINES = 60  # a page: what it promises, its neighbours, its files in reading order
SERVER_ONLY = ("grpcpp/", "boost/beast")
# Beside src/holdfast/real: clients of the public API, which speak gRPC themselves.
CLIENTS = ("src/holdfast/app/holdfast/", "examples/", "tests/")


@dataclasses.dataclass
class Module:
    name: str
    folder: str
    rank: int
    deps: set[str]
    test_deps: set[str]


def _words(arguments: str, keyword: str) -> list[str]:
    match = re.search(rf"(?<![A-Z_]){keyword}\s+((?:[a-z0-9_:+]+\s*)+)", arguments)
    return match[1].split() if match else []


def modules(tree: Tree) -> dict[str, Module]:
    """Folder (with a slash at its end) -> module, as the CMake files declare them."""
    found = {}
    for source in tree.sources:
        if not source.path.endswith("CMakeLists.txt"):
            continue
        text = re.sub(r"#.*", "", source.text)
        for kind, arguments in re.findall(r"\bhf_(module|program|test)\s*\(([^)]*)\)", text):
            rank = _words(arguments, "RANK")
            folder = source.path[:-len("CMakeLists.txt")]
            found[folder] = Module(arguments.split()[0], folder,
                                   int(rank[0]) if rank else 9 if kind == "program" else 10,
                                   set(_words(arguments, "DEPS")),
                                   set(_words(arguments, "TEST_DEPS")) | {"testing"})
    return found


def _module_of(path: str, found: dict[str, Module]) -> Module | None:
    folders = [folder for folder in found if path.startswith(folder)]
    return found[max(folders, key=len)] if folders else None


def ranks(tree: Tree) -> list[Finding]:
    """A module includes its own headers, and those of the lower ranks that it declares."""
    findings, found = [], modules(tree)
    by_name = {module.name: module for module in found.values()}
    for source in tree.cpp:
        module = _module_of(source.path, found)
        if module is None:
            continue
        allowed = module.deps | (module.test_deps if source.is_test else set()) | {module.name}
        for line, include in source.includes:
            match = re.match(r"holdfast/([a-z0-9_]+)/", include)
            if not match or include.startswith("holdfast/app/") or include.endswith(".pb.h"):
                continue
            target = by_name.get(match[1])
            if match[1] not in allowed:
                text = f'"{include}": {module.name} declares no dependency on {match[1]}'
                findings.append(Finding("ranks", source.path, line, text))
            elif source.is_test and match[1] == "testing":
                continue  # every test's main and macros, whatever the rank of what it tests
            elif target and target is not module and target.rank >= module.rank:
                text = f'"{include}": rank {target.rank} is not below {module.rank}'
                findings.append(Finding("ranks", source.path, line, text))
    return findings


def heavy_includes(tree: Tree) -> list[Finding]:
    """gRPC and Beast cost seconds a file, and tie code to the real world: real/ and clients only."""
    findings = []
    for source in tree.cpp:
        if source.path.startswith(("src/holdfast/real/", *CLIENTS)):
            continue
        for line, include in source.includes:
            if include.startswith(SERVER_ONLY):
                findings.append(Finding("heavy-include", source.path, line,
                                        f"<{include}> belongs into src/holdfast/real"))
    return findings


def dead_files(tree: Tree) -> list[Finding]:
    """A .cc that no target compiles, a header that nobody includes."""
    folders = [source.path[:-len("CMakeLists.txt")] for source in tree.sources
               if source.path.endswith("/CMakeLists.txt")]
    included = {include for source in tree.cpp for _, include in source.includes}
    findings = []
    for source in tree.cpp:
        if source.path.startswith("cmake/"):
            continue
        if not source.is_header and not source.path.startswith(tuple(folders)):
            findings.append(Finding("dead-file", source.path, 1, "no CMake target compiles this"))
        names = {source.path, source.path.removeprefix("src/")}
        if source.is_header and not names & included:
            findings.append(Finding("dead-file", source.path, 1, "nobody includes this header"))
    return findings


def own_header_first(tree: Tree) -> list[Finding]:
    """x.cc includes x.h before anything else, so that x.h can't lean on what came before."""
    findings = []
    for source in tree.cpp:
        own = source.path.removesuffix(".cc") + ".h"
        if source.is_header or own not in tree.by_path or not source.includes:
            continue
        line, first = source.includes[0]
        if first not in (own, own.removeprefix("src/")):
            findings.append(Finding("own-header-first", source.path, line,
                                    f"the first include must be {own.removeprefix('src/')}"))
    return findings


def header_guards(tree: Tree) -> list[Finding]:
    return [Finding("header-guard", source.path, 1, "a header begins with #pragma once")
            for source in tree.cpp
            if source.is_header and not re.search(r"^#pragma once$", source.text, re.MULTILINE)
            and not source.path.startswith("cmake/")]


def readmes(tree: Tree) -> list[Finding]:
    """Each module says in a page what it is."""
    findings = []
    for folder, module in modules(tree).items():
        readme: Source | None = tree.by_path.get(folder + "README.md")
        if readme is None:
            findings.append(Finding("readme", folder + "README.md", 1,
                                    f"module {module.name} has no README.md"))
        elif len(readme.lines) > README_LINES:
            findings.append(Finding("readme", readme.path, len(readme.lines),
                                    f"longer than a page ({README_LINES} lines)"))
    return findings


RULES = [ranks, heavy_includes, dead_files, own_header_first, header_guards, readmes]
