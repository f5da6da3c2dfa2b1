"""Rules about words: TODOs, and traces of the place where something was written."""
import re

from .source import Finding, Tree, line_of

_TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(.*)")
# What a reader can act on: a sentence that says what is missing and when it matters.
_SENTENCE = re.compile(r"^(?:\([^)]+\))?: [A-Z`].{20,}\.\s*$")

# One letter in brackets each, so that this file isn't its own finding.
_TRACES = re.compile(
    r"/wor[k]/|/tm[p]/(?:hf|brief)|/roo[t]/|\bnpmj[s]\.org|\bpkg\.de[v]\b|\bpypi\.or[g]"
    r"|proxy\.golan[g]|artifact-?registr[y]|\bissues sho[w]\b|\bClaud[e]\b|\bAnthropi[c]\b"
    r"|\bChatGP[T]\b|\b(?:AI|coding) agen[t]\b|\b(?:earlier|previous|this|next) sessio[n] of\b"
    r"|[Cc]o-[Aa]uthored-[Bb][y]", re.IGNORECASE)


def todos(tree: Tree) -> list[Finding]:
    findings = []
    for source in tree.sources:
        if source.path.startswith("tools/tidylib/"):
            continue
        for number, line in enumerate(source.lines, 1):
            match = _TODO.search(line)
            if match and source.path.endswith((".cc", ".h", ".py", ".proto", ".cmake", ".js")):
                if not _SENTENCE.match(match[2]):
                    findings.append(Finding("todo", source.path, number,
                                            "say in a sentence what is missing, and what for"))
    return findings


def traces(tree: Tree) -> list[Finding]:
    findings = []
    for source in tree.sources:
        for match in _TRACES.finditer(source.text):
            findings.append(Finding("workplace", source.path, line_of(source.text, match.start()),
                                    f"'{match[0]}' names the place where this was written"))
    return findings


RULES = [todos, traces]
