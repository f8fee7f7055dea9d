# The two commands are `make demo` and `make test`; both work on a fresh machine. `make help` tells the rest.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check unit lab-test format bench soak mutants

RUN := node_modules/.bin/node scripts/test.ts

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup: ## install what is missing
	@scripts/setup

demo: setup ## two WANs, one download, live (ARGS="--once --out FILE")
	@bin/sennit demo $(ARGS)

test: setup ## everything that can be tested here
	@$(RUN)

bench: ## measure beside the peers (ARGS="--only ID,ID --out FILE", ARGS=--list)
	@scripts/setup bench/debian-packages.txt
	@node_modules/.bin/node --disable-warning=ExperimentalWarning bench/main.ts $(ARGS)

soak: setup ## ten minutes of faults under load (ARGS="--seconds 60 --seed N")
	@node_modules/.bin/node --disable-warning=ExperimentalWarning scripts/soak.ts $(ARGS)

mutants: setup ## defects put in on purpose, and how soon the model finds them
	@node_modules/.bin/node scripts/mutants.ts $(ARGS)

check: setup ## types, lint, format and the rules of the house
	@$(RUN) types lint format house

unit: setup ## unit tests alone; they need no rights
	@$(RUN) unit

lab-test: setup ## tests in network namespaces alone; they need root
	@$(RUN) lab

format: setup ## bring all files into shape
	@node_modules/.bin/node --run format
