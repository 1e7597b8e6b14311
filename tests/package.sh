#!/usr/bin/env bash
# The Debian package: made twice it is the same; on a bare Debian root, where nothing of Rust is, it installs, works, is upgraded, and leaves
# what is its operator's when it goes. Needs root, and the root that `tests/setup.sh --only package` makes.
#
# usage: tests/package.sh BINARY    the tim3d to package
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${TIM3_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tim3}
say() { printf 'package: %s\n' "$*"; }
die() { printf 'package: %s\n' "$*" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$work"' EXIT
# The packed size is nothing to a test.
export DPKG_DEB_COMPRESSOR_TYPE=none
for run in one two; do "$repo/deploy/deb/build.sh" --binary "$1" "$work/$run" >/dev/null; done
diff -r -- "$work/one" "$work/two" || die "two packages of the same sources differ"
package=$(echo "$work"/one/*.deb)
say "$(basename -- "$package") and its SBOM are the same twice"

root=$work/root
mkdir -- "$root"
((EUID == 0)) || { say "not root: it is not installed here"; exit 0; }
tar --extract --file "$cache/package/debian.tar" --directory "$root"
cp -- "$package" "$root/tim3d.deb"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }

inside dpkg --install tim3d.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; die "it does not install"; }
inside tim3d --version
inside getent passwd tim3d | grep -q ':/var/lib/tim3d:/usr/sbin/nologin$' || die "there is no user tim3d"
[[ $(stat -c '%a %u' "$root/etc/tim3d/credentials") == '700 0' ]] || die "others can look into /etc/tim3d/credentials"
for file in usr/share/man/man1/tim3d-ops-list.1.gz usr/share/bash-completion/completions/tim3d usr/share/doc/tim3d/changelog.gz \
  usr/share/doc/tim3d/guide/runbooks/index.md usr/share/tim3d/prometheus/rules/alerts.yml usr/lib/systemd/system/tim3d.service; do
  [[ -s $root/$file ]] || die "it brings no /$file"
done
# As its own user, and to its end: nothing is missing that it needs.
inside setpriv --reuid=tim3d --regid=tim3d --clear-groups tim3d demo --seed 1 --operations 12 --plain >"$work/demo.log" ||
  { tail -n 20 "$work/demo.log"; die "it does not work there"; }
inside tim3d config init /etc/tim3d/tim3d.toml
inside tim3d config check
inside dpkg --install tim3d.deb >>"$work/dpkg.log" 2>&1 || die "it cannot be upgraded"
inside dpkg --purge tim3d >>"$work/dpkg.log" 2>&1 || die "it cannot be removed"
[[ -s $root/etc/tim3d/tim3d.toml && ! -e $root/usr/bin/tim3d ]] || die "removing it took the configuration, or left the program"
say "installed, upgraded and removed on a bare root"
