# Everything a person types. Each target sets up what it needs first, so a fresh clone needs no
# other step; the scripts in tools/ do the work and say what they do.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo check format lint requirements sim model mutate bench bench-batch bench-api fuzz check-sanitizers build-times fresh clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# DB=postgres: on a private PostgreSQL server instead of SQLite.
export DB ?= sqlite
server_packages = $(if $(filter postgres,$(DB)),postgres,run)

run:  ## set up, build, serve both example services, import this machine's package archive
	@tools/setup $(server_packages)
	@tools/build release demo
	@examples/archive/run.sh

demo:  ## the same as a tour that checks what it sees and ends; both: DB=postgres
	@tools/setup $(server_packages)
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

# SEEDS=n, JOBS=n, FIRST=n: see tools/sim.
sim:  ## simulate SEEDS (1000) clusters, broken on purpose
	@tools/setup check
	@tools/build release sim
	@tools/sim --seeds $(or $(SEEDS),1000) --jobs $(or $(JOBS),$(shell nproc)) $(if $(FIRST),--first $(FIRST))

model:  ## check the model of the protocol between deployments (Spin), and each of its rules left out
	@tools/setup check
	@tools/model

mutate:  ## plant bugs into the product: the simulator must find each
	@tools/setup check
	@tools/build mutants sim_mutants
	@tools/mutate

bench:  ## micro-benchmarks
	@tools/setup run
	@tools/build release bench
	@tools/bench

bench-batch:  ## batches and the engine beside hand-written libpq (5 min)
	@tools/setup check
	@tools/build release bench_batch bench_load holdfastd
	@build/release/bin/bench_batch

bench-api:  ## a server through gRPC beside hand-written libpq (6 min)
	@tools/setup check
	@tools/build release bench_api bench_load holdfastd archive-import
	@build/release/bin/bench_api

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
