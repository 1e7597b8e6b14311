#!/usr/bin/env bash
# Makes the Debian package of tim3d, with the list of what is in it (SBOM), from the work tree. Nothing but dpkg-deb and a Rust toolchain is
# needed, and the same sources with the same toolchain give the same package, byte for byte.
#
# usage: deploy/deb/build.sh [--binary FILE] [OUTPUT_DIRECTORY]    into target/debian, after a release build, unless told otherwise
#
# DPKG_DEB_COMPRESSOR_TYPE, as for dpkg-deb, where xz is too slow.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$repo"
export LC_ALL=C TZ=UTC
umask 022

binary=
if [[ ${1-} == --binary ]]; then binary=$(realpath -- "$2"); shift 2; fi
output=${1:-target/debian}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Every file is of this time, whenever it was made.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH

if [[ -z $binary ]]; then
  target=${CARGO_TARGET_DIR:-$repo/target}
  # Where it is built is not in it.
  RUSTFLAGS="--remap-path-prefix=$repo=/tim3d --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo ${RUSTFLAGS-}" \
    cargo build --release --locked -p tim3d
  binary=$target/release/tim3d
fi

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/root
put() { install -D -m "$1" -- "$2" "$root/$3"; }

put 755 "$binary" usr/bin/tim3d
strip --strip-unneeded --remove-section=.comment "$root/usr/bin/tim3d"
put 644 deploy/systemd/tim3d.service usr/lib/systemd/system/tim3d.service
for shell in bash:usr/share/bash-completion/completions/tim3d zsh:usr/share/zsh/vendor-completions/_tim3d \
  fish:usr/share/fish/vendor_completions.d/tim3d.fish; do
  mkdir -p -- "$(dirname -- "$root/${shell#*:}")"
  "$root/usr/bin/tim3d" completions "${shell%%:*}" >"$root/${shell#*:}"
done
mkdir -p -- "$root/usr/share/man/man1"
"$root/usr/bin/tim3d" manual "$root/usr/share/man/man1"
gzip -9n -- "$root"/usr/share/man/man1/*
doc=usr/share/doc/tim3d
for file in README.md config/tim3d.example.toml config/deployment.example.toml; do put 644 "$file" "$doc/${file##*/}"; done
gzip -9nc CHANGELOG.md >"$root/$doc/changelog.gz"
printf 'tim3d may be used under the MIT or the Apache 2.0 licence, as you like.\n\n' | cat - LICENSE-MIT LICENSE-APACHE >"$root/$doc/copyright"
for folder in docs deploy/prometheus deploy/grafana; do
  to=$([[ $folder == docs ]] && echo "$doc/guide" || echo "usr/share/tim3d/${folder#deploy/}")
  (cd -- "$folder" && find . -type f) | while read -r file; do put 644 "$folder/$file" "$to/$file"; done
done
install -d -m 755 -- "$root/etc/tim3d"
install -d -m 700 -- "$root/etc/tim3d/credentials"

# Of what it was linked with, the newest symbol says which C library it needs.
glibc=$(readelf --version-info "$root/usr/bin/tim3d" | grep -oE 'GLIBC_[0-9]+\.[0-9]+' | sort -Vu | tail -n 1)
# As Debian reckons it, by the files themselves: what they take on this disk is another matter, and not the same twice.
kib=$(find "$root" -printf '%y %s\n' | awk '{ kib += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print kib }')
mkdir -p -- "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: tim3d
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: the tim3d project <tim3d@localhost>
Section: net
Priority: optional
Depends: libc6 (>= ${glibc#GLIBC_}), libgcc-s1, ca-certificates, passwd
Suggests: prometheus, prometheus-alertmanager
Installed-Size: $kib
Description: relays TIM3, a token backed by locked collateral, between chains
 One long-running daemon sees what is locked on one chain, waits for finality, has it
 signed by a threshold of attesters, has it minted on another, and proves all the time
 that no more is minted than is locked.
CONTROL
for script in postinst prerm postrm; do install -m 755 -- "deploy/deb/$script" "$root/DEBIAN/$script"; done
(cd -- "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

mkdir -p -- "$output"
package=$output/tim3d_${version}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
python3 deploy/deb/sbom.py >"$output/tim3d.cdx.json"
printf '%s\n' "$package"
