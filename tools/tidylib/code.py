"""Rules about C++ text: sizes, banned calls, hash maps, locks, parameters, macros."""
import ast
import dataclasses
import re

from .source import Finding, Source, Tree, line_of

FUNCTION_LINES = 70
FILE_LINES = 800

# What only the real env may do; everything else asks its env, or it can't run in simulation.
REAL_WORLD = ("src/holdfast/real_env/", "src/holdfast/real/", "src/holdfast/app/")
BANNED = {
    "clock": r"\b(?:system|steady|high_resolution)_clock::now\b|\babsl::Now\b|\bgettimeofday\b"
             r"|\bclock_gettime\b|(?<![\w.>:])(?:std::|::)?time\((?:nullptr|NULL|0)\)",
    "sleep": r"\bsleep_(?:for|until)\b|\busleep\(|(?<!\w)::sleep\(|^\s*sleep\(|\bnanosleep\("
             r"|\bSleepFor\(",
    "random": r"\brandom_device\b|(?<![\w.>:])(?:std::|::)?s?rand\(|\babsl::\w*BitGen\b"
              r"|\bRAND_bytes\b",
    "thread": r"\bstd::j?thread\b|\bpthread_create\b|\bstd::async\b|\bthis_thread\b",
    "socket": r"(?<![\w.>])::(?:socket|connect|bind|listen|accept4?)\(|\basio::ip::"
              r"|#\s*include\s*<sys/socket.h>",
}


def banned_calls(tree: Tree) -> list[Finding]:
    findings = []
    for source in tree.cpp:
        if not source.path.startswith("src/holdfast/") or source.path.startswith(REAL_WORLD):
            continue
        for number, line in enumerate(source.code_lines, 1):
            for what, pattern in BANNED.items():
                # A test may use a thread to prove a promise about threads, nothing else.
                if source.is_test and what in ("thread", "socket"):
                    continue
                if match := re.search(pattern, line):
                    findings.append(Finding("banned-call", source.path, number,
                                            f"{match[0].strip('( ')}: a {what}; ask the env"))
    return findings


@dataclasses.dataclass
class Block:
    """A pair of braces, and how deep in parentheses it stands."""
    is_function: bool
    parentheses: int
    first_line: int
    last_line: int = 0


_NOT_FUNCTION = re.compile(r"^\s*(?:namespace|extern|class|struct|enum|union|if|for|while|switch"
                           r"|do|else|try|catch|return|template\s*<[^>]*>\s*(?:class|struct))\b")


def _is_function_head(head: str) -> bool:
    return ("(" in head and not _NOT_FUNCTION.match(head)
            and not re.search(r"(?<!operator)=\s*(?:\[|\w*\s*$|$)", head))


def functions(source: Source) -> list[Block]:
    """Function bodies that aren't inside another function (so no lambdas), with their signature."""
    found, stack, text = [], [], source.code
    parentheses, start = 0, 0
    for match in re.finditer(r"[{}();]|^[ \t]*#[^\n]*", text, re.MULTILINE):
        token, offset = match[0], match.start()
        if token == "(":
            parentheses += 1
        elif token == ")":
            parentheses = max(0, parentheses - 1)
        elif token == "{":
            head = text[start:offset]
            inside = any(block.is_function for block in stack)
            first = start + len(head) - len(head.lstrip())
            is_function = not inside and not parentheses and _is_function_head(head)
            stack.append(Block(is_function, parentheses, line_of(text, first)))
            parentheses, start = 0, match.end()
        elif token == "}":
            if stack:
                block = stack.pop()
                parentheses, block.last_line = block.parentheses, line_of(text, offset)
                if block.is_function:
                    found.append(block)
            start = match.end()
        elif token == ";" and not parentheses:
            start = match.end()
        elif token.lstrip().startswith("#"):
            start = match.end()
    return found


def sizes(tree: Tree) -> list[Finding]:
    findings = []
    for source in tree.sources:
        if not source.path.endswith((".cc", ".h", ".py", ".js", ".mjs", ".ts", ".proto")):
            continue
        if len(source.lines) > FILE_LINES:
            findings.append(Finding("file-length", source.path, len(source.lines),
                                    f"{len(source.lines)} lines, over {FILE_LINES}"))
        for first, last in _function_spans(source):
            if last - first + 1 > FUNCTION_LINES:
                findings.append(Finding("function-length", source.path, first,
                                        f"{last - first + 1} lines, over {FUNCTION_LINES}"))
    return findings


def _function_spans(source: Source) -> list[tuple[int, int]]:
    if source.is_cpp:
        return [(block.first_line, block.last_line) for block in functions(source)]
    if source.path.endswith(".py"):
        return [(node.lineno, node.end_lineno) for node in ast.walk(ast.parse(source.text))
                if isinstance(node, ast.FunctionDef)]
    return []


_HASHED = re.compile(r"\b(?:flat|node)_hash_(?:map|set)\s*<|\bunordered_(?:map|set)\s*<")
_ORDER_FREE = re.compile(r"//\s*order-free: \w+")


def _hashed_names(source: Source) -> set[str]:
    """Names of variables and members whose type is a hash container."""
    names, text = set(), source.code
    for match in _HASHED.finditer(text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {"<": 1, ">": -1}.get(text[at], 0)
            at += 1
        if name := re.match(r"[\s&*]*(\w+)\s*(?:[;={,)(]|ABSL_|GUARDED)", text[at:at + 120]):
            names.add(name[1])
    return names


def hash_iteration(tree: Tree) -> list[Finding]:
    """The order of a hash map differs from run to run, and must never reach behaviour."""
    members: dict[str, set[str]] = {}
    for source in tree.cpp:
        folder = source.path.rpartition("/")[0]
        names = {name for name in _hashed_names(source) if name.endswith("_")}
        members.setdefault(folder, set()).update(names)
    findings = []
    for source in tree.cpp:
        if source.is_test or not source.path.startswith(("src/", "examples/")):
            continue
        names = _hashed_names(source) | members[source.path.rpartition("/")[0]]
        if not names:
            continue
        either = "|".join(sorted(names))
        loop = re.compile(rf"\bfor\s*\([^;)]*:\s*(?:\*?\w+(?:\.|->))*(?:{either})\s*\)"
                          rf"|\b(?:{either})\.(?:c?begin)\(")
        for number, line in enumerate(source.code_lines, 1):
            near = source.lines[max(0, number - 2):number]
            if loop.search(line) and not any(_ORDER_FREE.search(text) for text in near):
                findings.append(Finding("hash-iteration", source.path, number,
                                        "iterates a hash map; use std::map, or say why with "
                                        "'// order-free: ...'"))
    return findings


_UNPROVED_LOCK = re.compile(r"\bstd::(?:(?:\w+_)?mutex|(?:lock|unique|scoped|shared)_(?:guard|lock)"
                            r"|condition_variable(?:_any)?)\b|\babsl::(?:Mutex(?:Lock)?|CondVar)\b")
_LOCKS_HOME = "src/holdfast/base/mutex.h"


def unproved_locks(tree: Tree) -> list[Finding]:
    """Of other locks than ours clang can't prove who holds them (tools/thread-safety)."""
    return [Finding("unproved-lock", source.path, number,
                    f"{match[0]}: use Mutex, MutexLock, CondVar of base/mutex.h")
            for source in tree.cpp if source.path != _LOCKS_HOME
            for number, line in enumerate(source.code_lines, 1)
            if (match := _UNPROVED_LOCK.search(line))]


_LOCK = re.compile(r"\bMutexLock\s+\w+\s*[({]")


def lock_over_await(tree: Tree) -> list[Finding]:
    """A lock held where a coroutine may be suspended: another thread may resume it."""
    findings = []
    for source in tree.cpp:
        depth, locks = 0, []
        for number, line in enumerate(source.code_lines, 1):
            if locks and re.search(r"\bco_(?:await|yield)\b", line):
                findings.append(Finding("lock-over-await", source.path, number,
                                        "a lock is held over this co_await"))
            if _LOCK.search(line):
                locks.append(depth + line[:_LOCK.search(line).start()].count("{"))
            depth += line.count("{") - line.count("}")
            locks = [at for at in locks if at <= depth]
    return findings


def bare_bools(tree: Tree) -> list[Finding]:
    """At a call, `true` says nothing: an enum or an options struct does."""
    findings = []
    for source in tree.cpp:
        if not source.is_header or not source.path.startswith("src/holdfast/"):
            continue
        for match in re.finditer(r"[(,]\s*(?:const\s+)?bool\s+(\w+)\s*(?=[,)=])", source.code):
            findings.append(Finding("bare-bool", source.path, line_of(source.code, match.end()),
                                    f"parameter '{match[1]}': use an enum or an options struct"))
    return findings


_MACRO_FILES = ("src/holdfast/base/macros.h", "src/holdfast/base/check.h",
                "src/holdfast/testing/covers.h")


def macros(tree: Tree) -> list[Finding]:
    findings = []
    for source in tree.cpp:
        if source.path in _MACRO_FILES or not source.is_header:
            continue
        for match in re.finditer(r"^[ \t]*#[ \t]*define\s+(\w+)", source.text, re.MULTILINE):
            findings.append(Finding("macro", source.path, line_of(source.text, match.start()),
                                    f"{match[1]}: macros live in base/macros.h only"))
        for match in re.finditer(r"^\s*using namespace\b", source.code, re.MULTILINE):
            findings.append(Finding("using-namespace", source.path,
                                    line_of(source.code, match.end()),
                                    "using namespace in a header"))
    return findings


RULES = [banned_calls, sizes, hash_iteration, unproved_locks, lock_over_await, bare_bools, macros]
