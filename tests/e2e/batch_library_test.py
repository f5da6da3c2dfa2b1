#!/usr/bin/env python3
"""The batch library alone: configured without gRPC and protobuf, installed, and used by a program that
knows only what was installed: built once by CMake and once by pkg-config, on SQLite and on PostgreSQL.
"""

import os
import pathlib
import re
import subprocess

import harness
import postgres

EXAMPLE = harness.SOURCE / "examples/batch"
SAYS = """\
acme/web: created, number 1
acme/web: project.create/project: ALREADY_EXISTS: there is a project web
acme/shop: project.create/limit: RESOURCE_EXHAUSTED: acme may have 1 projects
none/web: project.create/limit: NOT_FOUND: no organization none
"""
FOREIGN = re.compile(r"google/protobuf|grpc|boost/beast")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def install(folder):
    """From nothing, as somebody would who has no gRPC: CMake can't find it, nor protobuf."""
    build, prefix = folder / "build", folder / "prefix"
    hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("Protobuf", "gRPC", "GTest")]
    run("cmake", "-S", harness.SOURCE, "-B", build, "-G", "Ninja", "-DHOLDFAST_BATCH_ONLY=ON",
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O0",  # what is slow is the compiler
        *hidden)
    run("cmake", "--build", build)
    run("cmake", "--install", build, "--prefix", prefix)
    included = run("ninja", "-C", build, "-t", "deps")
    assert not FOREIGN.search(included), FOREIGN.search(included)
    return prefix


def files_of(prefix):
    """Their paths; one CMake file is named after the kind of build."""
    files = [str(file.relative_to(prefix)) for file in prefix.rglob("*") if file.is_file()]
    return sorted(re.sub(r"targets-\w+\.cmake$", "targets-….cmake", file) for file in files)


def check_headers(prefix):
    """Each compiles alone, with nothing but what was installed; none is there for nothing."""
    include = prefix / "include"
    headers = [str(header.relative_to(include)) for header in include.rglob("*.h")]
    used = set()
    for header in headers:
        used |= set(re.findall(r'#include "(holdfast/[^"]+)"', (include / header).read_text()))
        run("g++", "-std=c++20", "-fsyntax-only", "-x", "c++", "-I", include, "-include", header,
            "/dev/null")
    assert used <= set(headers), f"not installed: {used - set(headers)}"
    entries = {"sqlite/sqlite_database.h", "postgres/postgres_database.h"}
    entries = {f"holdfast/batch/{name}" for name in entries} | {"holdfast/real_env/real_env.h"}
    assert set(headers) == used | entries, f"nobody needs {set(headers) - used - entries}"


def build_with_cmake(prefix, folder):
    run("cmake", "-S", EXAMPLE, "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder)
    return folder / "batch-example"


def build_with_pkg_config(prefix, folder):
    folder.mkdir()
    environment = {**os.environ, "PKG_CONFIG_PATH": next(str(file.parent)
                   for file in prefix.rglob("holdfast-batch.pc"))}
    flags = run("pkg-config", "--cflags", "--libs", "holdfast-batch", env=environment).split()
    run("g++", "-std=c++20", EXAMPLE / "main.cc", "-o", folder / "batch-example", *flags)
    return folder / "batch-example"


def main():
    with harness.temporary_folder() as name:
        folder = pathlib.Path(name)
        prefix = install(folder)
        check_headers(prefix)
        built = harness.BIN.parent
        if (built / "lib/libholdfast-batch.a").exists():
            run("cmake", "--install", built, "--prefix", folder / "from-all")
            assert files_of(folder / "from-all") == files_of(prefix)
        # Moved after it was installed, which neither file may mind.
        moved = prefix.rename(folder / "moved")
        programs = [build_with_cmake(moved, folder / "with-cmake"),
                    build_with_pkg_config(moved, folder / "with-pkg-config")]
        with postgres.Cluster() as cluster:
            for program in programs:
                assert not re.search("grpc|protobuf", run("ldd", program))
                for arguments in ([], [cluster.create_database()]):
                    said = run(program, *arguments)
                    assert said == SAYS, f"{program} {arguments}:\n{said}"
        print(f"{len(files_of(moved))} files installed; the example says the same by CMake and "
              "pkg-config, on SQLite and PostgreSQL")
        harness.record("batches_are_a_library_of_their_own", "T1", "T2", "T3", "T4")


if __name__ == "__main__":
    main()
