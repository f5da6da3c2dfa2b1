"""Rules about documentation: what it says of the code is what the code says."""
import pathlib
import posixpath
import re

from .source import Finding, Tree, line_of

ERRORS, LIMITS = "docs/reference/errors.md", "docs/reference/limits.md"
ERROR_TABLE = "src/holdfast/base/reason.cc"

_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_UNITS = {"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "ms": 1000, "s": 1_000_000,
          "h": 3600 * 1_000_000}
_CONSTANT = re.compile(r"\bconstexpr (?:size_t|int|u?int64_t|Duration) (k\w+) = ([^;]+);")
_OPTIONS = re.compile(r"^struct (\w*(?:Options|Limits|Config)) \{(.*?)^\};", re.DOTALL | re.MULTILINE)
_MEMBER = re.compile(r"^\s+(?:size_t|int|int64_t|Duration) (\w+) = ([^;]+);", re.MULTILINE)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(text: str) -> set[str]:
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.M)}


def links(tree: Tree) -> list[Finding]:
    """A link leads to a file (or folder) of the repository, and to a heading that is there."""
    findings = []
    folders = {str(folder) for path in tree.by_path
               for folder in pathlib.PurePosixPath(path).parents}
    for source in tree.sources:
        if not source.path.endswith(".md"):
            continue
        text = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), source.text)
        for match in _LINK.finditer(text):
            if re.match(r"[a-z]+:", match[1]):
                continue
            file, _, anchor = match[1].partition("#")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), file)) \
                if file else source.path
            target = tree.by_path.get(path)
            if target is None and path not in folders:
                problem = f"{match[1]} leads nowhere"
            elif anchor and (target is None or anchor not in _anchors(target.text)):
                problem = f"{path} has no heading #{anchor}"
            else:
                continue
            findings.append(Finding("link", source.path, line_of(text, match.start()), problem))
    return findings


def error_table(tree: Tree) -> list[Finding]:
    """The page of errors has each reason once, in the code's order, with its code and its retry."""
    code, page = tree.by_path.get(ERROR_TABLE), tree.by_path.get(ERRORS)
    if code is None or page is None:
        return []
    rows = re.findall(r'\{Reason::k\w+, "(\w+)", StatusCode::k(\w+), (true|false)\}', code.text)
    wanted = [(text, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper(),
               "yes" if retry == "true" else "no") for text, status, retry in rows]
    found = re.findall(r"^\| `([A-Z_]+)` \| ([A-Z_]+) \| (yes|no) \|", page.text, re.MULTILINE)
    if found == wanted:
        return []
    wrong = next((pair for pair in zip(wanted, found) if pair[0] != pair[1]),
                 (f"{len(wanted)} reasons", f"{len(found)}"))
    return [Finding("error-table", ERRORS, 1, f"{ERROR_TABLE} has {wrong[0]}, the page {wrong[1]}")]


def tested_reasons(tree: Tree) -> list[Finding]:
    """Each reason of the table is what some test expects, other than the table's own test."""
    code = tree.by_path.get(ERROR_TABLE)
    if code is None:
        return []
    tests = "\n".join(source.text for source in tree.sources
                      if re.search(r"_test\.(cc|py)$", source.path)
                      and source.path != "src/holdfast/base/error_test.cc")
    return [Finding("untested-reason", ERROR_TABLE, line_of(code.text, match.start()),
                    f"no test expects {match[2]}")
            for match in re.finditer(r'\{Reason::(k\w+), "(\w+)"', code.text)
            if not re.search(rf"\b(Reason::{match[1]}|{match[2]})\b", tests)]


def _value(text: str) -> int | None:
    """Of a C++ expression: a number of bytes, of pieces, or of microseconds."""
    text = re.sub(r"\bSeconds\(([^)]*)\)", r"((\1) * 1000000)", text.replace("'", ""))
    text = re.sub(r"\bMilliseconds\(([^)]*)\)", r"((\1) * 1000)", text)
    return eval(text) if re.fullmatch(r"[\d\s*+()<]+", text) else None  # pylint: disable=eval-used


def _limits_in_code(tree: Tree) -> dict[str, int]:
    values = {}
    for source in tree.cpp:
        if not source.is_header or not source.path.startswith("src/holdfast/") or source.is_test:
            continue
        found = _CONSTANT.findall(source.code)
        for struct, body in _OPTIONS.findall(source.code):
            found += [(f"{struct}::{member}", value) for member, value in _MEMBER.findall(body)]
        values.update((name, _value(value)) for name, value in found)
    return values


def _must_be_told(name: str) -> bool:
    return re.match(r"k(Max|Default)[A-Z]|Config::|HttpLimits::max_", name) is not None


def limits(tree: Tree) -> list[Finding]:
    """The page of limits has every named limit of a public header, with its value."""
    page = tree.by_path.get(LIMITS)
    if page is None:
        return []
    findings, values, told = [], _limits_in_code(tree), set()
    for number, line in enumerate(page.lines, 1):
        row = re.match(r"\| [^|]+ \| ([\d,]+) ?(\w*) \| `(k\w+|\w+::\w+)` \|", line)
        if row is None:
            continue
        count, unit, name = int(row[1].replace(",", "")), row[2], row[3]
        told.add(name)
        if values.get(name) != count * _UNITS.get(unit, 1):
            findings.append(Finding("limits", LIMITS, number,
                                    f"{name} is {values.get(name, 'nowhere')} in the code"))
    same = {"HttpLimits::max_connections"}  # the configuration's
    for name in sorted(values.keys() - told - same):
        simulated = name in ("kMaxStepsAtOneTime", "kDefaultTimeout", "kMaxLatency")  # manual env
        if _must_be_told(name) and not simulated:
            findings.append(Finding("limits", LIMITS, 1, f"doesn't tell of {name}"))
    return findings


RULES = [links, error_table, tested_reasons, limits]
