# SPDX-License-Identifier: Apache-2.0
# Everything a fresh machine needs is done by `make image` and `make test`.

RECIPE ?= Recipes/laptop-x86_64.yaml
NAME := $(basename $(notdir $(RECIPE)))
LAPWING := .build/release/lapwing

.PHONY: image test unit lint setup lapwing test-scenarios test-simulator bench bench-device clean help

help:
	@echo 'make image            build the laptop image (RECIPE=... for another)'
	@echo 'make test             everything: lint, unit tests, image, emulator scenarios, reproducibility'
	@echo 'make unit             unit and property tests only'
	@echo 'make test-scenarios   boot the images that are built'
	@echo 'make test-simulator   the short run of the scheduler simulator'
	@echo 'make bench            compare the build with mmdebstrap, mkosi and live-build'
	@echo 'make bench-device     compare lapwingctl with lsusb and lspci'

setup:
	@.ci/setup

lapwing: setup
	swift build -c release --product lapwing-agent --static-swift-stdlib
	swift build -c release --product lapwing --static-swift-stdlib

image: lapwing
	$(LAPWING) build $(RECIPE)
	@echo
	@echo 'The image is in out/$(NAME)/. To look at it here:'
	@echo '    $(LAPWING) vm out/$(NAME)/$(NAME).raw'
	@echo 'To put it on a stick: write out/$(NAME)/$(NAME).iso to the whole device, for example with dd.'

lint: setup
	swift format lint --strict --recursive Sources Tests Benchmarks/SchedulerSimulator/Sources Benchmarks/device Package.swift

unit: setup
	swift test

test:
	@Tests/run all

test-scenarios: lapwing
	@Tests/run scenarios

test-simulator: lapwing
	@Tests/run simulator

bench: lapwing
	@.ci/setup Benchmarks/build/host-packages
	@Benchmarks/build/run

bench-device:
	@.ci/setup Benchmarks/device/host-packages
	@for product in lapwingctl policy-benchmark acpi-benchmark; do \
		swift build -c release -Xswiftc -Onone --scratch-path .build/device --product $$product --static-swift-stdlib \
			|| exit; \
	done
	@Benchmarks/device/run
	@.build/device/release/acpi-benchmark

clean:
	rm -rf .build out
