#!/usr/bin/python3
"""Plants the bugs of mutants.txt into copies of the product's sources.

usage: sim/negative/plant.py OUT_DIR    # writes OUT_DIR/<path> for each file that has bugs
       sim/negative/plant.py --check    # only looks whether each could be planted
       sim/negative/plant.py --list     # "name<TAB>file<TAB>promise" lines

A copy has all bugs of its file, each of them switched off: HOLDFAST_PLANTED=<name> switches one on
(planted.h). Copies that wouldn't change aren't touched; their paths are printed, one a line. What
can't be planted is told by name, and nothing is written.
"""
import argparse
import dataclasses
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIST = HERE / "mutants.txt"
FEWEST = 25
SEEDS = 600  # that a bug gets, if its "@seeds" line doesn't say otherwise
SWITCH = re.compile(r"\bPLANTED\b")


class Unplantable(Exception):
    """Something is wrong with the list, or a source isn't any more what the list says."""


@dataclasses.dataclass
class Edit:
    """Whole lines of the source, and what takes their place."""
    before: list[str] = dataclasses.field(default_factory=list)
    after: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Mutant:
    name: str
    path: str  # relative to the repository
    line: int  # in mutants.txt
    promise: str = ""
    seeds: int = SEEDS
    edits: list[Edit] = dataclasses.field(default_factory=list)

    def complain(self, problem: str) -> Unplantable:
        return Unplantable(f"mutants.txt:{self.line}: {self.name} ({self.path}): {problem}")


# --- reading the list ----------------------------------------------------------------------------

def _take_line(mutant: Mutant, line: str) -> None:
    """A line that isn't a comment and doesn't begin another mutant."""
    kind, rest = line[0], line[2:]
    if kind in "-+" and line[1:2] not in ("", " "):
        raise mutant.complain(f"'{line}': a space belongs behind the {kind}")
    if kind == "-":
        if not mutant.edits or mutant.edits[-1].after:
            mutant.edits.append(Edit())
        mutant.edits[-1].before.append(rest)
    elif kind == "+":
        if not mutant.edits:
            raise mutant.complain("'+' lines without '-' lines before them")
        mutant.edits[-1].after.append(rest)
    elif match := re.fullmatch(r"@seeds (\d+)", line):
        mutant.seeds = int(match[1])
    elif not mutant.promise and not mutant.edits:
        mutant.promise = line.strip()
    else:
        raise mutant.complain(f"what is '{line}'?")


def parse(text: str) -> list[Mutant]:
    mutants: list[Mutant] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("=="):
            match = re.fullmatch(r"== ([a-z0-9]+(?:-[a-z0-9]+)*) (\S+\.cc)", line)
            if not match:
                raise Unplantable(f"mutants.txt:{number}: not like '== short-name path/of/file.cc'")
            mutants.append(Mutant(match[1], match[2], number))
        elif not mutants:
            raise Unplantable(f"mutants.txt:{number}: before the first '== short-name path' line")
        else:
            _take_line(mutants[-1], line)
    return mutants


def check_list(mutants: list[Mutant]) -> None:
    seen = set()
    for mutant in mutants:
        if mutant.name in seen:
            raise mutant.complain("another one has this name")
        seen.add(mutant.name)
        if not mutant.promise:
            raise mutant.complain("doesn't say which promise it breaks")
        if not mutant.edits:
            raise mutant.complain("changes nothing")
        for edit in mutant.edits:
            if not SWITCH.search("\n".join(edit.after)):
                raise mutant.complain("PLANTED isn't in all that it puts in")
    if len(mutants) < FEWEST:
        raise Unplantable(f"mutants.txt has {len(mutants)} bugs, fewer than {FEWEST}")


def read_mutants() -> list[Mutant]:
    """All, as the list has them. Unplantable if the list is wrong."""
    mutants = parse(LIST.read_text(encoding="utf-8"))
    check_list(mutants)
    return mutants


# --- planting ------------------------------------------------------------------------------------

@dataclasses.dataclass
class Place:
    """Where an edit goes: lines `first` to before `end` of the source, from 0."""
    first: int
    end: int
    mutant: Mutant
    edit: Edit


def _find(lines: list[str], mutant: Mutant, edit: Edit) -> Place:
    size = len(edit.before)
    found = [i for i in range(len(lines) - size + 1) if lines[i:i + size] == edit.before]
    if len(found) != 1:
        text = edit.before[0].strip() + (" …" if size > 1 else "")
        times = "isn't there" if not found else f"is there {len(found)} times"
        raise mutant.complain(f"'{text}' {times}")
    return Place(found[0], found[0] + size, mutant, edit)


def plant(text: str, mutants: list[Mutant]) -> str:
    """A source with all of these bugs in it."""
    lines = text.splitlines()
    places = [_find(lines, mutant, edit) for mutant in mutants for edit in mutant.edits]
    places.sort(key=lambda place: place.first)
    for one, other in zip(places, places[1:]):
        if other.first < one.end:
            raise other.mutant.complain(f"changes the same line as {one.mutant.name}")
    # Lines are counted as in the source. Not its file name: g++ would take the copy for a header.
    out = ['#include "sim/negative/planted.h"', "#line 1"]
    at = 0
    for place in places:
        out += lines[at:place.first]
        out += [SWITCH.sub(f'::holdfast::sim::Planted("{place.mutant.name}")', line)
                for line in place.edit.after]
        at = place.end
        if len(place.edit.after) != place.end - place.first:
            out.append(f"#line {at + 1}")
    return "\n".join(out + lines[at:]) + "\n"


def plant_all(mutants: list[Mutant]) -> dict[str, str]:
    """Path -> the copy's text. Tells of all files that have changed too much, not only the first."""
    copies, problems = {}, []
    for path in sorted({mutant.path for mutant in mutants}):
        own = [mutant for mutant in mutants if mutant.path == path]
        try:
            source = ROOT / path
            if not source.is_file():
                raise own[0].complain("there is no such file")
            copies[path] = plant(source.read_text(encoding="utf-8"), own)
        except Unplantable as problem:
            problems.append(str(problem))
    if problems:
        raise Unplantable("\n".join(problems))
    return copies


def write(copies: dict[str, str], folder: pathlib.Path) -> None:
    for path, text in copies.items():
        copy = folder / path
        if copy.is_file() and copy.read_text(encoding="utf-8") == text:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out", nargs="?", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.out is None and not options.check and not options.list:
        parser.error("where to?")
    try:
        mutants = read_mutants()
        copies = plant_all(mutants)
    except Unplantable as problem:
        for line in str(problem).splitlines():
            print(f"plant: {line}", file=sys.stderr)
        return 1
    if options.list:
        print("\n".join(f"{m.name}\t{m.path}\t{m.promise}" for m in mutants))
    elif options.check:
        print(f"plant: {len(mutants)} bugs in {len(copies)} files")
    else:
        write(copies, options.out)
        print("\n".join(copies))
    return 0


if __name__ == "__main__":
    sys.exit(main())
