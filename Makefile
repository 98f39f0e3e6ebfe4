# Two commands matter: `make try` and `make test`. Both install what is missing, and can be run again.
.PHONY: try test setup build model lint evals metrics clean

CARGO ?= cargo

try: build model ## A real edit by the embedded model in a small example repository
	@scripts/try.sh

test: setup lint ## Every test
	@CARGO="$(CARGO)" scripts/test.sh

lint: setup ## Formatting, clippy, and the project's own rules
	@echo "lint: format, clippy, tidy"
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings
	@$(CARGO) xtask tidy

setup: ## Install what the build needs and is missing
	@scripts/setup.sh

build: setup ## The release binary
	@echo "build: the release binary (the first time takes some minutes: it compiles the embedded model's engine)"
	@$(CARGO) build --release --locked --package brisk
	@ls -l target/release/brisk | awk '{printf "build: target/release/brisk, %.1f MB\n", $$5/1e6}'

model: build ## Fetch the default model (1.1 GB, once, resumable, checksummed)
	@target/release/brisk model pull

evals: build ## Run the edit tasks through the product and print pass rate, invalid rate, churn
	@$(CARGO) xtask evals

metrics: build ## Print every figure of speed and memory, with the machine named
	@$(CARGO) build --release --locked --quiet --package brisk-testkit --bins
	@$(CARGO) xtask metrics

clean: ## Remove what was built
	@$(CARGO) clean
