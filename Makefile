# Everything a person types. Each target sets up what it needs first, so a fresh clone needs no
# other step; the scripts in tools/ do the work and say what they do.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo check format lint requirements bench fuzz check-sanitizers build-times fresh clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run:  ## set up, build, serve both example services, import this machine's package archive
	@tools/setup run
	@tools/build release demo
	@examples/archive/run.sh

demo:  ## the same as a tour that checks what it sees and ends
	@tools/setup run
	@tools/build release demo
	@examples/archive/run.sh --demo

check:  ## everything that must hold: build, tests, fuzzing, requirements
	@tools/setup check
	@tools/check all

format:  ## rewrite all C++ as .clang-format says
	@tools/setup check
	@tools/format

lint:  ## clang-tidy over everything (long)
	@tools/setup check
	@tools/lint

requirements:  ## which requirement is proved by which test
	@tools/setup check
	@tools/check tests-if-missing
	@tools/requirements

bench:  ## benchmarks
	@tools/setup run
	@tools/build release bench
	@tools/bench

fuzz:  ## fuzz every target, FUZZ_SECONDS each (60)
	@tools/setup check
	@tools/check fuzz

check-sanitizers:  ## the test suite under address, undefined-behaviour and thread sanitizers
	@tools/setup check
	@tools/check sanitizers

build-times:  ## slowest files of the last build; fails any over 15 s
	@tools/build-times

fresh:  ## prove in a bare Debian (debootstrap) that a clone needs nothing else; FRESH="command"
	@tools/setup check
	@tools/fresh "$(FRESH)"

clean:  ## forget all builds (keeps ./data)
	rm -rf build
