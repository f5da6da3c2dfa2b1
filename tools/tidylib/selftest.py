"""Each rule fires on a planted violation, and only it; a clean tree has no findings."""
from .source import Tree

CLEAN = {
    "src/holdfast/base/CMakeLists.txt": "hf_module(base RANK 0 LIBS hf_protos)\n",
    "src/holdfast/base/README.md": "# base\n",
    "src/holdfast/base/ids.h": "#pragma once\nnamespace holdfast {\nint Id(int seed);\n}\n",
    "src/holdfast/base/ids.cc": (
        '#include "holdfast/base/ids.h"\n\nnamespace holdfast {\n'
        "// time(nullptr) in a comment, \"rand()\" in a literal: nothing.\n"
        'int Id(int seed) {\n  const char* text = "rand() sleep_for(1)";\n'
        "  return seed + text[0];\n}\n}  // namespace holdfast\n"),
    "src/holdfast/env/CMakeLists.txt": "hf_module(env RANK 1 DEPS base)\n",
    "src/holdfast/env/README.md": "# env\n",
    "src/holdfast/env/env.h": "#pragma once\nnamespace holdfast {\nclass Env {};\n}\n",
    "src/holdfast/env/env.cc": '#include "holdfast/env/env.h"\n\n#include "holdfast/base/ids.h"\n',
    "src/holdfast/schema/CMakeLists.txt": "hf_module(schema RANK 1 DEPS base)\n",
    "src/holdfast/schema/README.md": "# schema\n",
    "src/holdfast/real/CMakeLists.txt": "hf_module(real RANK 8 DEPS base env LIBS hf_grpc)\n",
    "src/holdfast/real/README.md": "# real\n",
    "src/holdfast/real/clock.cc": (
        "#include <grpcpp/grpcpp.h>\nauto Now() { return std::chrono::system_clock::now(); }\n"),
}

_BASE = "src/holdfast/base/planted.cc"


def _body(line: str) -> str:
    return f"void Planted() {{\n  {line}\n}}\n"


def _long_function(lines: int) -> str:
    return "void Planted(int a,\n             int b) {\n" + "  Do();\n" * (lines - 3) + "}\n"


# (rule, files planted over the clean tree). A rule may have several.
PLANTED = [
    ("banned-call", {_BASE: _body("auto t = std::chrono::steady_clock::now();")}),
    ("banned-call", {_BASE: _body("auto t = time(nullptr);")}),
    ("banned-call", {_BASE: _body("std::this_thread::sleep_for(t);")}),
    ("banned-call", {_BASE: _body("::sleep(1);")}),
    ("banned-call", {_BASE: _body("std::random_device device;")}),
    ("banned-call", {_BASE: _body("int x = rand();")}),
    ("banned-call", {_BASE: _body("std::thread worker(Run);")}),
    ("banned-call", {_BASE: _body("int fd = ::socket(AF_INET, SOCK_STREAM, 0);")}),
    ("banned-call", {"src/holdfast/base/planted_test.cc": _body("absl::SleepFor(d);")}),
    ("function-length", {_BASE: _long_function(71)}),
    ("function-length", {"tools/planted.py": "def planted():\n" + "    pass\n" * 70}),
    ("file-length", {_BASE: "// line\n" * 801}),
    ("precompiled", {"src/holdfast/env/env.h": "#pragma once\nstd::vector<int> All();\n"}),
    ("ranks", {_BASE: '#include "holdfast/env/env.h"\n'}),
    ("ranks", {"src/holdfast/schema/planted.cc": '#include "holdfast/env/env.h"\n'}),
    ("ranks", {"src/holdfast/schema/CMakeLists.txt": "hf_module(schema RANK 1 DEPS env)\n",
               "src/holdfast/schema/planted.cc": '#include "holdfast/env/env.h"\n'}),
    ("heavy-include", {_BASE: "#include <grpcpp/server.h>\n"}),
    ("heavy-include", {_BASE: "#include <boost/beast/http.hpp>\n"}),
    ("hash-iteration", {_BASE: _body(
        "absl::flat_hash_map<int, int> seen;\n  for (auto& [k, v] : seen) Do(k);")}),
    ("hash-iteration", {
        "src/holdfast/env/env.h": "#pragma once\nclass Env { std::unordered_map<int, int> m_; };\n",
        "src/holdfast/env/env.cc": (
            '#include "holdfast/env/env.h"\n#include "holdfast/base/ids.h"\n'
            "void F() {\n  for (const auto& [k, v] : m_) Do(k);\n}\n")}),
    ("unproved-lock", {_BASE: "std::mutex mutex;\n"}),
    ("unproved-lock", {_BASE: "mutable std::shared_mutex mutex_;\n"}),
    ("unproved-lock", {_BASE: _body("const std::lock_guard lock(mutex_);")}),
    ("unproved-lock", {_BASE: _body("std::unique_lock<std::mutex> lock(mutex_);")}),
    ("unproved-lock", {_BASE: _body("std::scoped_lock lock(one_, other_);")}),
    ("unproved-lock", {"src/holdfast/base/planted_test.cc": "std::condition_variable changed;\n"}),
    ("unproved-lock", {_BASE: _body("absl::MutexLock lock(&mutex_);")}),
    ("lock-over-await", {_BASE: _body("const MutexLock lock(mutex_);\n  co_await Wait();")}),
    ("bare-bool", {"src/holdfast/base/ids.h": "#pragma once\nint Id(int seed, bool fast);\n"}),
    ("macro", {"src/holdfast/base/ids.h": "#pragma once\n#define ID(x) (x)\n"}),
    ("using-namespace", {"src/holdfast/base/ids.h": "#pragma once\nusing namespace std;\n"}),
    ("dead-file", {"src/holdfast/lost/lost.cc": "int x;\n"}),
    ("dead-file", {"src/holdfast/base/lonely.h": "#pragma once\n"}),
    ("own-header-first", {
        "src/holdfast/base/ids.cc": '#include <string>\n#include "holdfast/base/ids.h"\n'}),
    ("header-guard", {"src/holdfast/base/ids.h": "int Id(int seed);\n"}),
    ("readme", {"src/holdfast/filter/CMakeLists.txt": "hf_module(filter RANK 2 DEPS base)\n"}),
    ("readme", {"src/holdfast/base/README.md": "line\n" * 61}),
    ("todo", {_BASE: "// TODO: later\n"}),
    ("todo", {_BASE: "// FIXME\n"}),
    ("link", {"docs/planted.md": "[gone](gone.md)\n"}),
    ("link", {"docs/planted.md": "# Here\n[there](#there)\n"}),
    ("error-table", {
        "src/holdfast/base/reason.cc": '{Reason::kConflict, "CONFLICT", StatusCode::kAborted, true},',
        "tests/e2e/planted_test.py": "expect('CONFLICT')\n",
        "docs/reference/errors.md": "| `CONFLICT` | ABORTED | no | when | what |\n"}),
    ("untested-reason", {
        "src/holdfast/base/reason.cc": '{Reason::kConflict, "CONFLICT", StatusCode::kAborted, true},'}),
    ("limits", {"docs/reference/limits.md": "| ids | 5 | `kMaxIds` | few |\n"}),
    ("limits", {"src/holdfast/base/ids.h": "#pragma once\nconstexpr int kMaxIds = 4;\n",
                "docs/reference/limits.md": "# Limits\n"}),
    ("workplace", {"docs/planted.md": "see /wor" + "k/main\n"}),
    ("workplace", {"tools/planted.json": '"https://registry.npmj' + 's.org/x"\n'}),
]

# What looks like a violation and isn't.
ALLOWED = [
    {_BASE: _long_function(70)},
    {_BASE: "// TODO: Read pages of more than one shard here once shards exist at all.\n"},
    {_BASE: _body("absl::flat_hash_map<int, int> seen;\n  // order-free: only sums\n"
                  "  for (auto& [k, v] : seen) sum += v;")},
    {_BASE: _body("absl::flat_hash_map<int, int> seen;\n  seen.find(3);")},
    {_BASE: _body("{\n    const MutexLock lock(mutex_);\n  }\n  co_await Wait();")},
    {_BASE: _body("std::call_once(once, Run);")},
    {"src/holdfast/base/ids.h": "#pragma once\n#include \"holdfast/base/mutex.h\"\nint Id(int a);\n",
     "src/holdfast/base/mutex.h": "#pragma once\nclass Mutex { std::mutex mutex_; };\n"},
    {_BASE: _body("auto t = clock.time(0); deadline_time(0); env.rand();")},
    {_BASE: "Task<void> sleep(Duration d);\n"},
    {"src/holdfast/base/planted_test.cc": _body("std::thread worker(Run);")},
    {"src/holdfast/testing/CMakeLists.txt": "hf_module(testing RANK 1 DEPS base)\n",
     "src/holdfast/testing/README.md": "# testing\n",
     "src/holdfast/testing/covers.h": "#pragma once\n",
     "src/holdfast/env/planted_test.cc": '#include "holdfast/testing/covers.h"\n'},
    {"src/holdfast/base/ids.h": "#pragma once\nconstexpr size_t kMaxIds = 4 << 10;\n",
     "docs/reference/limits.md": "| ids | 4 KiB | `kMaxIds` | few |\n",
     "docs/planted.md": "# A `b`\n[1](#a-b) [2](reference/) [3](https://example.com) [4](../src)\n"},
    {"src/holdfast/base/ids.h": "#pragma once\nstruct O { bool fast = false; };\n"
                                "bool Id(int seed);\n"},
]


def run(check) -> int:
    """`check` maps a Tree to findings. Returns how many expectations failed."""
    cases = [("clean", {}, set())]
    cases += [(f"{rule} {number}", files, {rule})
              for number, (rule, files) in enumerate(PLANTED)]
    cases += [(f"allowed {number}", files, set()) for number, files in enumerate(ALLOWED)]
    failed = 0
    for name, files, expected in cases:
        findings = check(Tree(CLEAN | files))
        if {finding.rule for finding in findings} != expected:
            failed += 1
            print(f"self-test '{name}': expected {expected or 'nothing'}, got "
                  f"{[str(finding) for finding in findings]}")
    print(f"tidy: self-test of {len(cases)} cases, {failed} failed")
    return failed
