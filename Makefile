## make VERB [MODE] [all] [SERVICES=a,b]      words in any order: `make dev deploy` is `make deploy dev`
##
##   deploy   build what changed and bring the services to the files' state; the first time it prepares the machine too
##   ps       what runs                        logs     what it says
##   status   that, and what the workers do
##   stop     stop, dependants first           start    start again, dependencies first
##   restart  one after the other, each ready  down     remove containers and networks
##   build    the images only                  config   the resolved Compose model
##   plan     what deploy would do         check    what can be known to go wrong before it
##
##   MODE       local (the default), dev or production
##   all        every service, where the mode has a smaller default
##   SERVICES   these services only, separated by commas
##   STACK      forecaster: the stack in compose/forecaster, with the modes local, stage and production
##              demeter: the stack in compose/demeter, with the modes local, gpu and production
##
## make test         every test, on a real engine too      make test-full   those that take long as well
## make bench        compare with docker compose           make lint, fmt   clippy; rustfmt
## make binary       the static binary, target/sofa
## make package      a tarball and a Debian package, installed in a clean container as a check
##
## A Makefile turns every failure into exit code 2: scripts that tell them apart call target/sofa itself.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERBS  := deploy stop start restart ps status logs down build plan config check
MODES  := local dev stage gpu production
STACKS := forecaster demeter
WORDS  := $(MODES) all
CHORES := help binary package test test-full parity bench lint fmt

# The binary and the set-up tools; the tests of this file put others in their place.
SOFA   := target/sofa
TOOLS  := tools

# What was typed is judged here, before anything runs.
refuse   = $(error $(1); nothing was done, `make help` lists what there is)
goals   := $(MAKECMDGOALS)
verb    := $(filter $(VERBS),$(goals))
words   := $(filter $(WORDS),$(goals))
chores  := $(filter $(CHORES),$(goals))
unknown := $(filter-out $(VERBS) $(WORDS) $(CHORES),$(goals))

ifneq ($(unknown),)
  $(call refuse,no goal `$(firstword $(unknown))`)
endif
ifneq ($(word 2,$(verb)),)
  $(call refuse,two verbs: `$(word 1,$(verb))` and `$(word 2,$(verb))`)
endif
ifneq ($(word 2,$(filter $(MODES),$(words))),)
  $(call refuse,more than one mode: $(filter $(MODES),$(words)))
endif
ifneq ($(words),)
  ifeq ($(verb),)
    $(call refuse,`$(firstword $(words))` needs a verb)
  endif
endif
ifneq ($(verb),)
  ifneq ($(chores),)
    $(call refuse,`$(verb)` and `$(firstword $(chores))` do not go together)
  endif
endif

# SERVICES counts on the command line only, and reaches sofa as it was typed: neither make nor a shell expands it.
ifeq ($(origin SERVICES),command line)
  ifeq ($(strip $(value SERVICES)),)
    $(call refuse,SERVICES is empty)
  endif
  ifeq ($(verb),)
    $(call refuse,SERVICES needs a verb)
  endif
  export SOFA_SERVICES := $(value SERVICES)
endif
unexport SERVICES

# STACK too, and it has to be one of a few words: nothing expands it.
stack :=
ifeq ($(origin STACK),command line)
  ifneq ($(words $(value STACK)),1)
    $(call refuse,STACK is not one name)
  endif
  stack := $(filter $(value STACK),$(STACKS))
  ifneq ($(stack),$(value STACK))
    $(call refuse,no such STACK)
  endif
  ifeq ($(verb),)
    $(call refuse,STACK needs a verb)
  endif
endif
unexport STACK
in_stack := $(if $(stack),-C compose/$(stack))
# The modes that a stack does not have.
absent_forecaster := dev gpu
absent_demeter    := dev stage
absent_           := stage gpu
ifneq ($(filter $(absent_$(stack)),$(words)),)
  $(call refuse,this stack has no mode `$(filter $(absent_$(stack)),$(words))`)
endif
MAKEOVERRIDES :=

.PHONY: $(VERBS) $(WORDS) $(CHORES)

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

# These may build images, so they see to the machine first: an engine, the binary, the base of the images.
deploy build:
	@$(TOOLS)/ensure-engine
	@$(TOOLS)/build >/dev/null
	@$(TOOLS)/base-image >/dev/null
	@exec $(SOFA) $(in_stack) $@ $(words)

# These work with the binary that is there: a source tree that does not compile keeps nobody from seeing or stopping what runs.
stop start restart ps status logs down plan config check:
	@test -x $(SOFA) || $(TOOLS)/build >/dev/null
	@exec $(SOFA) $(in_stack) $@ $(words)

# Their verb passes them on.
$(WORDS):
	@:

binary:
	@$(TOOLS)/build

package:
	@$(TOOLS)/ensure-engine
	@$(TOOLS)/package

test: export SOFA_TEST_ENGINE := required
test:
	@$(TOOLS)/ensure-engine
	@$(TOOLS)/edge-image >/dev/null
	@$(TOOLS)/compose-oracle >/dev/null
	@cargo test --locked

test-full: export SOFA_TEST_ENGINE := required
test-full:
	@$(TOOLS)/ensure-engine
	@$(TOOLS)/edge-image >/dev/null
	@$(TOOLS)/compose-oracle >/dev/null
	@cargo test --locked && cargo test --locked -- --ignored long_
	@compose5=$$($(TOOLS)/compose-oracle 5) && DOCKER_CONFIG=$$compose5 cargo test --locked --test e2e interop

# Any folder of Compose files through docker compose and sofa: how often they agree, and the first differences.
parity:
	@$(TOOLS)/compose-oracle >/dev/null
	@SOFA_PARITY_DIR=$(abspath $(DIR)) cargo test --locked --test compose parity -- --ignored --nocapture

bench:
	@$(TOOLS)/ensure-engine
	@$(TOOLS)/build >/dev/null
	@$(TOOLS)/compose-oracle >/dev/null
	@cargo bench --locked --profile dev --bench compare

lint:
	@cargo clippy --locked --all-targets -- -D warnings

fmt:
	@cargo fmt
