#!/usr/bin/env bash
# Installs what is missing (tests/setup.sh) and runs every test of the project up to the first that fails.
#
# usage: tests/run.sh            everything
#        tests/run.sh STEP...    only these steps, in this order; the tools must be installed
#        tests/run.sh --list     the steps
#
# Rust is built in CARGO_TARGET_DIR, or else in the cache beside the tools, so that a fresh clone finds what an earlier one built.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${TIM3_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tim3}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# What is kept for the next build of one clone is of no use to the next clone, and gigabytes.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-${CI:+0}}
[[ $CARGO_INCREMENTAL ]] || unset CARGO_INCREMENTAL
cd -- "$repo"

contracts() { (cd contracts/ethereum && "$@"); }
# The program and what runs it are workspaces of their own.
solana() { (cd contracts/solana && "$@" && cd tests && "$@"); }

step_setup() { tests/setup.sh; }

step_shell() { bash -n tests/*.sh deploy/*/*.sh deploy/deb/p* .ci/run contracts/ethereum/*.sh contracts/solana/*.sh; }
step_format() {
  cargo fmt --all --check
  solana cargo fmt --all --check
}
# Not `advisories`: it fetches its database.
step_dependencies() {
  cargo fetch --locked --quiet
  cargo deny --offline --locked --log-level error check bans licenses sources
}

step_forge_format() { contracts forge fmt --check; }
step_forge_build() {
  FOUNDRY_OUT=cache/strict/out FOUNDRY_CACHE_PATH=cache/strict/cache contracts forge build src --force --deny warnings
}
step_artifacts() { contracts/ethereum/export.sh --check; }
step_forge_test() { FOUNDRY_PROFILE=ci contracts forge test; }
step_halmos() { contracts halmos --function check_; }
step_slither() {
  FOUNDRY_OUT=cache/slither/out FOUNDRY_CACHE_PATH=cache/slither/cache \
    contracts slither . --foundry-out-directory cache/slither/out --filter-paths node_modules
}

# Two files at once, each with a network of its own.
step_ao_test() {
  node contracts/ao/gateway/build.mjs --check
  node --test --test-concurrency=2 --test-reporter=spec contracts/ao/test/*.test.mjs contracts/ao/v1/test/*.test.mjs
}

step_solana_build() { contracts/solana/build.sh --check; }
step_solana_clippy() { solana cargo clippy --workspace --all-targets --locked -- -D warnings; }
step_solana_test() { solana cargo nextest run --workspace --locked; }

step_clippy() { cargo clippy --workspace --all-targets --locked -- -D warnings; }
step_rustdoc() { RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked; }
step_rust_test() { cargo nextest run --workspace --locked --config-file tests/nextest.toml; }
step_doc_test() { cargo test --doc --workspace --locked; }
# The binary that the tests made: a release build would say the same and take minutes.
step_demo() { "$CARGO_TARGET_DIR/debug/tim3d" demo --seed 1 --plain; }

step_prometheus() {
  promtool check config deploy/prometheus/prometheus.yml
  promtool check rules deploy/prometheus/rules/*.yml
  promtool test rules deploy/prometheus/tests/*.yml
  amtool check-config deploy/prometheus/alertmanager.yml
  local route=(amtool config routes test --config.file=deploy/prometheus/alertmanager.yml)
  "${route[@]}" --verify.receivers=on-call severity=critical
  "${route[@]}" --verify.receivers=desk severity=warning
}
step_monitoring() { python3 tests/monitoring.py "$CARGO_TARGET_DIR/debug"; }
step_guide() { python3 tests/guide.py "$CARGO_TARGET_DIR/debug"; }
step_incidents() { python3 tests/incidents.py "$CARGO_TARGET_DIR/debug"; }
step_package() { tests/package.sh "$CARGO_TARGET_DIR/debug/tim3d"; }
step_systemd() { python3 tests/systemd.py "$CARGO_TARGET_DIR/debug"; }
step_service() { python3 tests/service.py "$CARGO_TARGET_DIR/debug"; }
step_units() {
  systemd-analyze security --offline=yes --threshold=20 --no-pager deploy/systemd/tim3d.service | tail -n 1
  # The program as it is here, in place of the one that is installed.
  local scratch; scratch=$(mktemp -d)
  sed "s|/usr/bin/tim3d|$CARGO_TARGET_DIR/debug/tim3d|" deploy/systemd/tim3d.service >"$scratch/tim3d.service"
  systemd-analyze verify "$scratch/tim3d.service"
  rm -r -- "$scratch"
}
step_recovery() { python3 tests/recovery.py "$CARGO_TARGET_DIR/debug"; }
step_docs() { python3 tests/docs.py "$CARGO_TARGET_DIR/debug/tim3d"; }

# One stage after the other, cheapest first. The lanes of a stage run at once, because they wait for time to pass; they share nothing but tools and
# what was built before. The steps of a lane are in order, and what each says is shown when it ends.
stages=(
  'setup'
  'shell format dependencies prometheus forge_format forge_build artifacts forge_test halmos slither ao_test
   solana_build solana_clippy solana_test clippy rustdoc rust_test'
  'incidents | monitoring guide | service recovery systemd | doc_test demo units package docs'
)

case ${1-} in
  --list) printf '%s\n' "${stages[@]}" | tr -s ' |' '\n'; exit 0 ;;
  -h | --help) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
if (($#)); then
  for step in "$@"; do
    declare -F "step_$step" >/dev/null || { echo "run: no step $step; tests/run.sh --list names them" >&2; exit 2; }
  done
  stages=("$*")
fi

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
touch "$scratch/summary"

# Runs STEP and notes how it ended.
run() {
  local step=$1 begun=$SECONDS status=0 ended=ok
  # Another shell, because `set -e` does not hold inside a condition.
  (set -e; "step_$step") & wait $! || status=$?
  if ((status)); then
    ended="FAILED with exit code $status"
    echo "$step $status" >>"$scratch/failed"
  fi
  printf '%-13s %5d s  %s\n' "$step" $((SECONDS - begun)) "$ended" >>"$scratch/summary"
}

# Runs steps in order until one fails, in this lane or in another one.
lane() {
  local step
  for step; do
    [[ ! -e $scratch/failed ]] || return 0
    # The set-up writes it; until then there is nothing to put on PATH.
    if [[ -f $cache/env.sh ]]; then source "$cache/env.sh"; fi
    if ((lanes > 1)); then
      run "$step" >"$scratch/$step" 2>&1
      { flock 9 && printf '\n== %s\n' "$step" && cat -- "$scratch/$step"; } 9<"$scratch/summary"
    else
      printf '\n== %s\n' "$step"
      run "$step"
    fi
  done
}

for stage in "${stages[@]}"; do
  IFS='|' read -rd '' -a parts <<<"$stage" || true
  lanes=${#parts[@]}
  # shellcheck disable=SC2086 # the steps of a lane are words
  for part in "${parts[@]}"; do lane $part & done
  wait
  [[ ! -e $scratch/failed ]] || break
done

printf '\n== summary\n'
cat -- "$scratch/summary"
if [[ -e $scratch/failed ]]; then
  read -r step status <"$scratch/failed"
  printf '\nrun: step %s failed after %d s; again alone: tests/run.sh %s\n' "$step" "$SECONDS" "$step" >&2
  exit "$status"
fi
printf '\nrun: all %d steps passed in %d s\n' "$(wc -l <"$scratch/summary")" "$SECONDS"
