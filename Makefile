# SPDX-License-Identifier: Apache-2.0
# Everyday commands; `make` alone lists them. Each sets up what it needs.
JOBS ?= $(shell nproc)
RELEASE := build/release
CHECKS := 'tools/format --check' tools/check_layers tools/check_sources \
  tools/check_scripts tools/check_deploy

.DEFAULT_GOAL := help
.PHONY: help setup configure build demo test soak bench check format clean

help:  ## List the targets
	@echo 'Usage: make TARGET [JOBS=n]'
	@echo
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / { printf "  %-8s%s\n", $$1, $$2 }' \
	  $(MAKEFILE_LIST)
	@echo
	@echo 'Programs are built in $(RELEASE)/bin. More builds: cmake --list-presets'
	@echo 'One test: ctest --test-dir $(RELEASE) --output-on-failure -R NAME'

setup:  ## Install packages, libtorch and test tools that are missing
	@tools/setup

configure: setup
	@mkdir -p build
	@cmake --preset release -DLORA_WERROR=$(if $(CI),ON,OFF) \
	  >build/configure.log || { cat build/configure.log; false; }

build: configure  ## Build everything, optimised
	cmake --build --preset release -j $(JOBS)

demo: configure  ## Serve the example model, then call it: eight adapters at once
	cmake --build --preset release -j $(JOBS) \
	  --target lora-server lora-admin mixed-batch
	examples/skills/demo

test: build  ## Build and run every test
	ctest --preset release -j $(JOBS)

soak: build  ## Run the stress test for long: 100,000 checked answers
	ctest --test-dir $(RELEASE) -L soak --output-on-failure --no-tests=error

bench: build  ## Measure kernels, steps and bursts beside PEFT; prints tables
	bench/run

check: setup  ## Check format, layers, sources, scripts and deploy/
	@failed=0; for tool in $(CHECKS); do \
	  echo $$tool; $$tool || { echo "$$tool: FAILED"; failed=1; }; \
	done; exit $$failed

format: setup  ## Format all C++ sources and protos
	@tools/format

clean:  ## Remove what was built; keeps what setup downloaded
	rm -rf build
