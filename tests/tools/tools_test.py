#!/usr/bin/python3
"""The reports of tools/ fail when they should: run by ctest as `tools`."""
import json
import pathlib
import subprocess
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


class RequirementsTest(unittest.TestCase):
    def report(self, closed: str, records: str) -> tuple[int, dict]:
        with tempfile.TemporaryDirectory() as folder:
            closed_file = pathlib.Path(folder) / "closed"
            closed_file.write_text(closed)
            (pathlib.Path(folder) / "base_test.txt").write_text(records)
            result = subprocess.run(
                [TOOLS / "requirements", "--closed", closed_file, "--records", folder],
                capture_output=True, text=True, check=False)
        return result.returncode, json.loads(result.stdout.splitlines()[-1])

    def test_passes_when_every_number_has_a_test(self):
        self.assertEqual(self.report("R3-R4 # two\nS15\n", "R3\tA.B\nR4\tA.B\nS15\tC.D\n"),
                         (0, {"covered": 3, "open": []}))

    def test_fails_and_names_the_numbers_without_one(self):
        self.assertEqual(self.report("R3-R5\n", "R4\tA.B\n"),
                         (1, {"covered": 1, "open": ["R3", "R5"]}))

    def test_a_number_outside_the_list_counts_for_nothing(self):
        self.assertEqual(self.report("R3\n", "R33\tA.B\n"), (1, {"covered": 0, "open": ["R3"]}))


class GuardsTest(unittest.TestCase):
    STORE = """
  set.add_op(storage::RequireRow{.key = key},
             {.explain = &Lost});
  // Can't fail: the guard is about the same row.
  set.add_op(storage::SetState{}, {});
  batch.add(storage::RequireRow{.key = key},
            Handled());
"""
    PLAN = "  add({.sql = dialect_.take_limit,\n       .expect = kOne}, {}, {});\n"
    ALL = ["src/holdfast/store/s.cc:2", "src/holdfast/store/s.cc:6", "postgres/take_limit",
           "sqlite/take_limit"]

    def report(self, store: str, seen: list[str]) -> tuple[int, dict]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in {"store/s.cc": store, "storage/sql/plan.cc": self.PLAN,
                               "storage/sql/sqlite_dialect.cc": "d.take_limit = 1;",
                               "storage/sql/postgres_texts.cc": "d.take_limit = 2;"}.items():
                file = root / "src/holdfast" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            (root / "x_test.guards").write_text("".join(f"{name}\tA.B\n" for name in seen))
            result = subprocess.run([TOOLS / "guards", "--root", root, "--records", root],
                                    capture_output=True, text=True, check=False)
        return result.returncode, json.loads(result.stdout.splitlines()[-1])

    def test_passes_when_each_guard_was_seen_to_fail_wherever_in_its_call(self):
        self.assertEqual(self.report(self.STORE, ["src/holdfast/store/s.cc:3",
                                                  "src/holdfast/store/s.cc:7"] + self.ALL[2:]),
                         (0, {"guards": 4, "unseen": []}))

    def test_fails_and_names_those_that_none_saw(self):
        self.assertEqual(self.report(self.STORE, []), (1, {"guards": 4, "unseen": self.ALL}))

    def test_a_guard_whose_failure_nobody_notes_counts_as_unseen(self):
        store = self.STORE.replace("Handled()", "nullptr")
        self.assertEqual(self.report(store, self.ALL),
                         (1, {"guards": 4, "unseen": ["src/holdfast/store/s.cc:6"]}))


class ThreadSafetyTest(unittest.TestCase):
    HEADER = """
#include "holdfast/base/mutex.h"
struct Count {
  void add();
  holdfast::Mutex mutex;
  int value ABSL_GUARDED_BY(mutex) = 0;
};
"""
    INCLUDE = '#include "holdfast/base/count.h"\n'
    LOCKED = INCLUDE + "void Count::add() { const holdfast::MutexLock lock(mutex); ++value; }\n"
    UNLOCKED = INCLUDE + "void Count::add() { ++value; }\n"

    def report(self, count: str, user: str = "") -> tuple[int, dict]:
        mutex = (TOOLS.parent / "src/holdfast/base/mutex.h").read_text()
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            base = root / "src/holdfast/base"
            base.mkdir(parents=True)
            for name, text in {"mutex.h": mutex, "count.h": self.HEADER, "count.cc": count,
                               "user.cc": user, "other.cc": "not C++"}.items():
                (base / name).write_text(text)
            # Built at once; looked at one by one.
            unity = root / "build/release/unity_0_cxx.cxx"
            unity.parent.mkdir(parents=True)
            unity.write_text("".join(f'#include "{file}"\n' for file in base.glob("*.cc")))
            commands = [{"directory": folder, "file": str(unity),
                         "command": f"g++ -I{root}/src -std=c++20 -Wall -o x.o -c {unity}"}]
            (root / "build/release/compile_commands.json").write_text(json.dumps(commands))
            result = subprocess.run([TOOLS / "thread-safety", "--root", root],
                                    capture_output=True, text=True, check=False)
        return result.returncode, json.loads(result.stdout.splitlines()[-1])

    def test_passes_what_holds_the_lock_and_leaves_alone_what_knows_none(self):
        self.assertEqual(self.report(self.LOCKED), (0, {"files": 1, "findings": 0}))

    def test_fails_what_does_not_hold_it(self):
        self.assertEqual(self.report(self.UNLOCKED), (1, {"files": 1, "findings": 1}))

    def test_looks_at_who_only_includes_what_is_guarded(self):
        user = self.INCLUDE + "int Value(Count& count) { return count.value; }\n"
        self.assertEqual(self.report(self.LOCKED, user), (1, {"files": 2, "findings": 1}))


class BenchTablesTest(unittest.TestCase):
    PAGE = "# Before\n<!-- measured: batch: eight -->\nold\n<!-- end -->\nafter\n"
    ROW = {"comparison": "eight", "name": "saga", "per_second": {"median": 1420, "min": 400, "max": 2000},
           "p50_us": {"median": 2500}, "p99_us": {"median": 9000}}

    def fill(self, results: list) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "page.md"
            page.write_text(self.PAGE)
            (pathlib.Path(folder) / "batch.json").write_text(json.dumps({"results": results}))
            done = subprocess.run([TOOLS / "bench-tables", "--from", folder, page],
                                  capture_output=True, check=False)
            return done.returncode, page.read_text()

    def test_puts_the_figures_between_the_markers(self):
        code, page = self.fill([self.ROW])
        self.assertEqual(code, 0)
        self.assertEqual(page.splitlines()[-3:],
                         ["| saga | 1,420 (400 to 2,000) | 2.5 ms | 9.0 ms |", "<!-- end -->", "after"])
        self.assertNotIn("old", page)

    def test_fails_and_leaves_the_page_where_a_comparison_is_missing(self):
        self.assertEqual(self.fill([]), (1, self.PAGE))


class BuildTimesTest(unittest.TestCase):
    def run_on(self, log: str) -> int:
        with tempfile.TemporaryDirectory() as folder:
            tools, build = pathlib.Path(folder) / "tools", pathlib.Path(folder) / "build/release"
            tools.mkdir()
            build.mkdir(parents=True)
            (tools / "build-times").write_text((TOOLS / "build-times").read_text())
            (build / ".ninja_log").write_text("# ninja log v5\n" + log)
            return subprocess.run(["python3", tools / "build-times"], capture_output=True,
                                  check=False).returncode

    def test_passes_files_under_the_limit(self):
        self.assertEqual(self.run_on("0\t14000\t0\ta.cc.o\tx\n"), 0)

    def test_fails_a_file_over_the_limit(self):
        self.assertEqual(self.run_on("0\t16000\t0\ta.cc.o\tx\n"), 1)

    def test_judges_a_file_by_its_latest_build(self):
        self.assertEqual(self.run_on("0\t16000\t0\ta.cc.o\tx\n0\t100\t0\ta.cc.o\tx\n"), 0)


if __name__ == "__main__":
    unittest.main()
