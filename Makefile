# Every target calls a script; scripts/ and deploy/install-deps say what they do.
.DEFAULT_GOAL := build
.PHONY: build test dashboard test_dashboard test_deploy site demo bench reproduce lint format fuzz sanitize soak clean deps

deps:
	@deploy/install-deps

build: deps
	@scripts/build

test: deps
	@scripts/build
	@scripts/test

test_deploy: deps
	@scripts/build
	@scripts/test_deploy

dashboard: deps
	@scripts/dashboard

test_dashboard: deps
	@scripts/build sliceflowd sliceflow-worker sliceflow
	@scripts/test_dashboard

site: deps
	@scripts/site

demo: deps
	@scripts/build sliceflowd sliceflow-worker sliceflow
	@scripts/demo

bench: deps
	@scripts/bench

reproduce: deps
	@scripts/build sliceflowd sliceflow-worker sliceflow gaussian_flows inner_iteration_bench
	@scripts/reproduce

fuzz: deps
	@scripts/fuzz

sanitize: deps
	@scripts/sanitize

soak: deps
	@scripts/soak

lint: deps
	@scripts/check

format: deps
	@scripts/format

clean:
	@scripts/clean
