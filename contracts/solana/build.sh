#!/usr/bin/env bash
# Builds the gateway program and the pool of tests, contracts/solana/artifacts/tim3_{gateway,pool}.so, byte-identical from any directory:
#   ./build.sh            builds and writes the artifacts and their sha256
#   ./build.sh --check    builds and fails when a committed artifact is another; where the toolchain cannot be had, it only
#                         compares the artifacts with their sha256, and says so; where there is `cargo build-sbf`, builds with that, too
#   ./build.sh --sbf      builds with `cargo build-sbf`, into the cache only: another compiler makes other bytes
#   ./build.sh --install  makes the toolchain ready and builds nothing
#
# The toolchain is Debian 12's rustc-web, fetched as packages and unpacked into ${TIM3_CACHE:-~/.cache/tim3}, and ./linker, built once.
# On a machine where it cannot be had, --check and the plain build fall back to `cargo build-sbf` where that works.
set -euo pipefail

# What makes the bytes. Another version of any of these may make others: change them together with the artifact.
rust_version='1.96.0+dfsg1-1~deb12u2'
llvm_version='1:22.1.8-1~deb12u1'
packages=(
  "rustc-web=$rust_version" "libstd-rust-web-1.96=$rust_version" "libstd-rust-web-dev=$rust_version"
  "rust-web-src=$rust_version" "libllvm22=$llvm_version"
)
# Folder and library of each program.
programs=(program=tim3_gateway pool=tim3_pool)
target=bpfel-unknown-none

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
artifacts=$here/artifacts
cache=${TIM3_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tim3}
mkdir -p -- "$cache"
cache=$(cd -- "$cache" && pwd -P)
log=$cache/sbf/log

say() { printf 'solana: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
key() { sha256sum | cut -c1-16; }

mode=${1-build}
case $mode in
  build | --check | --sbf | --install) ;;
  -h | --help) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) die "unknown argument $mode (try --help)" ;;
esac

toolchain=$cache/sbf/toolchain-$(printf '%s\n' "${packages[@]}" | key)
linker_dir=$cache/sbf/linker-$(cat -- "$here"/linker/{Cargo.toml,Cargo.lock,src/main.rs} | key)
linker=$linker_dir/bin/tim3-sbpf-linker

# Whatever the caller's cargo is told must not reach this build: it decides the bytes.
clean() {
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET -u CARGO_BUILD_RUSTFLAGS -u RUSTC_WRAPPER \
    -u CARGO_INCREMENTAL -u CARGO_TARGET_DIR "$@"
}

# ---------------------------------------------------------------- toolchain
install_toolchain() {
  [[ -f $toolchain/.complete ]] && return
  if [[ $(uname -s)-$(uname -m) != Linux-x86_64 ]] || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    say "the toolchain cannot be had: it is Debian packages for x86_64"
    return 1
  fi
  say "fetching ${packages[*]} (140 MB)"
  local work=$toolchain.new
  rm -rf -- "$work"
  mkdir -p -- "$work/packages"
  fetch() { (cd -- "$work/packages" && apt-get -o APT::Sandbox::User=root -qq download "${packages[@]}") >"$log" 2>&1; }
  if ! fetch && ! { apt-get update -qq >"$log" 2>&1 && fetch; }; then
    tail -n 5 "$log" >&2
    rm -rf -- "$work"
    say "the toolchain cannot be had: apt-get has not these versions"
    return 1
  fi
  local file
  for file in "$work"/packages/*.deb; do
    # Of the sources only the library is compiled; the rest is half a gigabyte.
    dpkg-deb --fsys-tarfile "$file" |
      tar -x -C "$work" --anchored --no-wildcards-match-slash \
        --exclude='./usr/src/rustc-*/src' --exclude='./usr/src/rustc-*/compiler' --exclude='./usr/share'
  done
  rm -rf -- "$work/packages"
  mv -T -- "$work" "$toolchain"
  : >"$toolchain/.complete"
  say "unpacked $(rustc -vV | grep -E '^(release|LLVM)' | paste -sd ' ') into $toolchain"
}

rustc() { LD_LIBRARY_PATH=$toolchain/usr/lib/x86_64-linux-gnu "$toolchain/usr/bin/rustc" "$@"; }

install_linker() {
  [[ -x $linker ]] && return
  command -v cargo >/dev/null || { say "cargo is missing: a Rust toolchain is needed"; return 1; }
  say "building the linker (about 3 minutes)"
  clean nice cargo install --quiet --locked --no-track --path "$here/linker" --root "$linker_dir" \
    --target-dir "$cache/build/sbpf-linker" || { say "the linker does not build"; return 1; }
  rm -rf -- "$cache/build/sbpf-linker"
}

installed() { mkdir -p -- "$cache/sbf" && install_toolchain && install_linker; }

# ---------------------------------------------------------------- build
# Builds every program with the toolchain above.
build() {
  local out=$cache/target-sbf library_path=$toolchain/usr/lib/x86_64-linux-gnu flags
  flags="-C linker=$linker -C target-cpu=v2 -Z location-detail=line"
  flags+=" --remap-path-prefix=$here=/tim3 --remap-path-prefix=$toolchain=/rust --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  flags+=" --remap-path-prefix=$out=/target"
  (
    cd -- "$here"
    # LD_LIBRARY_PATH also tells the linker which LLVM to load.
    clean RUSTC="$toolchain/usr/bin/rustc" LD_LIBRARY_PATH="$library_path" RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" \
      CARGO_TARGET_DIR="$out" nice cargo build --quiet --locked --release -p tim3-solana-gateway -p tim3-solana-pool --target "$target" \
      -Z build-std=core,alloc >&2
  )
}

# Prints where the build put a library. A cdylib of this target has the name of an object file.
built() {
  local file
  for file in "$cache/target-sbf/$target/release"/{,lib}"$1".{o,so}; do
    [[ -f $file ]] && { printf '%s' "$file"; return; }
  done
  say "cargo made no $1"
  return 1
}

# Builds one program with `cargo build-sbf` and prints the file.
build_sbf() {
  command -v cargo-build-sbf >/dev/null || { say "cargo build-sbf is not on PATH"; return 1; }
  local folder=${1%%=*} library=${1##*=}
  (cd -- "$here/$folder" && clean nice cargo build-sbf --arch v3 --sbf-out-dir "$cache/target-sbf/sbf" -- --locked --target-dir "$cache/target-sbf" >&2) || return 1
  printf '%s' "$cache/target-sbf/sbf/$library.so"
}

build_all_sbf() {
  local one file
  for one in "${programs[@]}"; do
    file=$(build_sbf "$one") || return 1
    state_size "$file"
  done
}

# What a deployment takes: the loader keeps the program with a header of 45 bytes, and 36 bytes that point to it.
state_size() {
  local size
  size=$(stat -c %s -- "$1")
  say "$1: $size bytes; deployed, $((size + 45)) + 36 bytes of accounts, rent-exempt for $(((size + 45 + 128 + 36 + 128) * 6960)) lamports"
}

check_sum() {
  (cd -- "$artifacts" && sha256sum --quiet --strict -c SHA256SUMS) || die "a committed artifact is not that of artifacts/SHA256SUMS"
}

case $mode in
  --install) installed || exit 1; exit 0 ;;
  --sbf) build_all_sbf || die "cargo build-sbf failed"; exit 0 ;;
esac

if ! installed; then
  if build_all_sbf; then
    say "built with cargo build-sbf, whose bytes are not those of the toolchain of the artifacts"
  fi
  [[ $mode == --check ]] || die "the artifacts cannot be made here"
  check_sum
  say "NOT rebuilt: the committed artifacts have their sha256, and that is all that was checked"
  exit 0
fi

build || die "the programs do not build"
[[ $mode != --check ]] || check_sum
for one in "${programs[@]}"; do
  library=${one##*=} artifact=$artifacts/${one##*=}.so
  file=$(built "$library") || exit 1
  state_size "$file"
  if [[ $mode == --check ]]; then
    cmp -- "$file" "$artifact" || die "stale, run contracts/solana/build.sh: $artifact"
  else
    mkdir -p -- "$artifacts"
    cp -- "$file" "$artifact"
    say "wrote $artifact"
  fi
done
if [[ $mode == --check ]]; then
  say "the committed artifacts are what their sources make"
  if command -v cargo-build-sbf >/dev/null; then
    # Their bytes are others. That it takes the sources is what everybody else builds with.
    build_all_sbf || die "a program does not build with cargo build-sbf"
    say "cargo build-sbf takes their sources, too"
  fi
else
  (cd -- "$artifacts" && sha256sum -- *.so >SHA256SUMS)
fi
