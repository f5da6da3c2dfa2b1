"""Rules about where things are: ranks and includes, headers, dead files, READMEs."""
import dataclasses
import re

from .source import Finding, Source, Tree, line_of

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


# What cmake/pch.h brings, by who declares it: a header that forgets one of these still compiles with
# it. A word is found in the header itself; the include may come through other headers of ours.
_PRECOMPILED = {
    "algorithm": r"\bstd::(?:sort|find|find_if|any_of|all_of|none_of|lower_bound|upper_bound|max|min)\b",
    "array": r"\bstd::array\b",
    "boost/asio/any_io_executor.hpp": r"\basio::any_io_executor\b",
    "boost/asio/awaitable.hpp": r"\basio::awaitable\b",
    "boost/asio/co_spawn.hpp": r"\basio::co_spawn\b",
    "boost/asio/detached.hpp": r"\basio::detached\b",
    "boost/asio/post.hpp": r"\basio::post\b",
    "boost/asio/this_coro.hpp": r"\basio::this_coro\b",
    "boost/asio/use_awaitable.hpp": r"\basio::use_awaitable\b",
    "chrono": r"\bstd::chrono\b",
    "cstdint": r"\bu?int(?:8|16|32|64)_t\b",
    "functional": r"\bstd::function\b",
    "map": r"\bstd::(?:multi)?map\b",
    "memory": r"\bstd::(?:unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared"
              r"|enable_shared_from_this)\b",
    "optional": r"\bstd::(?:optional|nullopt)\b",
    "set": r"\bstd::(?:multi)?set\b",
    "span": r"\bstd::span\b",
    "string": r"\bstd::(?:string|to_string)\b",
    "string_view": r"\bstd::string_view\b",
    "utility": r"\bstd::(?:pair|move|forward|exchange|swap)\b",
    "variant": r"\bstd::(?:variant|visit|monostate|get_if)\b",
    "vector": r"\bstd::vector\b",
    "absl/status/status.h": r"\babsl::(?:Status|OkStatus)\b",
    "absl/status/statusor.h": r"\babsl::StatusOr\b",
    "absl/strings/str_cat.h": r"\babsl::Str(?:Cat|Append)\b",
    "absl/strings/str_join.h": r"\babsl::StrJoin\b",
    "absl/strings/string_view.h": r"\babsl::string_view\b",
}
# What these bring by their own promise.
_BRINGS = {
    "absl/status/statusor.h": ("absl/status/status.h", "utility"),
    "map": ("utility",), "memory": ("utility",), "optional": ("utility",), "set": ("utility",),
    "string": ("string_view",), "variant": ("utility",), "vector": ("utility",),
    "functional": ("utility",), "algorithm": ("utility",), "array": ("utility",),
}


def _brought(tree: Tree, source: Source, seen: set[str]) -> set[str]:
    found = set()
    for _, include in source.includes:
        found.update((include, *_BRINGS.get(include, ())))
        if include in seen:
            continue
        seen.add(include)
        if include.endswith(".pb.h"):
            found.update(("cstdint", "string", "string_view", "utility"))
        own = tree.by_path.get("src/" + include) or tree.by_path.get(include)
        if own is not None:
            found |= _brought(tree, own, seen)
    return found


def precompiled(tree: Tree) -> list[Finding]:
    """A header includes what it uses, also of what the precompiled header would bring."""
    findings = []
    for source in tree.cpp:
        if not source.is_header or source.path.startswith("cmake/"):
            continue
        brought = _brought(tree, source, set())
        for header, pattern in _PRECOMPILED.items():
            match = None if header in brought else re.search(pattern, source.code)
            if match is not None:
                findings.append(Finding("precompiled", source.path,
                                        line_of(source.code, match.start()),
                                        f"{match[0]} without {header}"))
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


RULES = [ranks, heavy_includes, dead_files, own_header_first, precompiled, header_guards,
         readmes]
