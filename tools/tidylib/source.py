"""The files that the rules look at, and C++ text without comments and literals."""
import dataclasses
import functools
import pathlib
import re
import subprocess

TEXT_SUFFIXES = {".cc", ".h", ".proto", ".py", ".md", ".txt", ".cmake", ".json", ".sh", ".js",
                 ".mjs", ".ts", ".yaml", ".yml", ".sql", ""}

# Comments, raw strings, strings, characters. A digit separator (1'000) is no character.
_TOKENS = re.compile(r'''//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s]*)\(.*?\)(?P=d)"'''
                     r'''|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*\'''', re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Finding:
    rule: str
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


def _blank(match: re.Match) -> str:
    text = match[0]
    inner = "\n" * text.count("\n")
    return f'""{inner}' if text[0] in '"R' else inner or " "


@dataclasses.dataclass(frozen=True)
class Source:
    """One file: its path relative to the root, and its text."""
    path: str
    text: str

    @property
    def is_cpp(self) -> bool:
        return self.path.endswith((".cc", ".h"))

    @property
    def is_header(self) -> bool:
        return self.path.endswith(".h")

    @property
    def is_test(self) -> bool:
        """Tests, fuzzers, benchmarks, and what only they use."""
        return (re.search(r"_(test|fuzz|bench)\.cc$", self.path) is not None
                or self.path.startswith(("tests/", "src/holdfast/testing/")))

    @functools.cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @functools.cached_property
    def code(self) -> str:
        """The text without comments and literals, line for line."""
        return _TOKENS.sub(_blank, self.text) if self.is_cpp else self.text

    @functools.cached_property
    def code_lines(self) -> list[str]:
        return self.code.splitlines()

    @functools.cached_property
    def includes(self) -> list[tuple[int, str]]:
        found = re.finditer(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', self.text, re.MULTILINE)
        return [(line_of(self.text, match.start()), match[1]) for match in found]


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


class Tree:
    """All files of one repository (or of a planted one, in the self-test)."""

    def __init__(self, files: dict[str, str]):
        self.sources = [Source(path, text) for path, text in sorted(files.items())]
        self.by_path = {source.path: source for source in self.sources}

    @property
    def cpp(self) -> list[Source]:
        return [source for source in self.sources if source.is_cpp]


def read_tree(root: pathlib.Path) -> Tree:
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root,
                             capture_output=True, check=False)
    if listing.returncode == 0:
        paths = [root / name for name in listing.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        paths = [path for path in root.rglob("*")
                 if not {"build", "data", "node_modules", ".git"} & set(path.parts)]
    files = {}
    for path in paths:
        if path.suffix in TEXT_SUFFIXES and path.is_file():
            try:
                files[str(path.relative_to(root))] = path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError):
                continue
    return Tree(files)
