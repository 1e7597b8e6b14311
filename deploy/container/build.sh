#!/usr/bin/env bash
# Makes the image without an engine's daemon and without an image from anywhere: buildah, over a base that mmdebstrap makes of Debian's packages.
# The same program, user, volume and entry point as the Containerfile's. As root; buildah, mmdebstrap and a Rust toolchain are needed.
#
# usage: deploy/container/build.sh [--binary FILE] [IMAGE]    after a release build, as `tim3d`, unless told otherwise
#
# BUILDAH_ISOLATION and STORAGE_DRIVER, as for buildah: chroot and vfs work nearly everywhere.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$repo"
binary=
if [[ ${1-} == --binary ]]; then binary=$(realpath -- "$2"); shift 2; fi
image=${1:-tim3d}
if [[ -z $binary ]]; then
  cargo build --release --locked -p tim3d
  binary=${CARGO_TARGET_DIR:-$repo/target}/release/tim3d
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$work"' EXIT
# What it links to, certificates, and nothing that installs or runs anything else.
mmdebstrap --quiet --mode=root --variant=extract --include=base-files,libc6,libgcc-s1,ca-certificates \
  --customize-hook='cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"' \
  --customize-hook='rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/var/lib/apt/* "$1"/var/cache/*' \
  bookworm "$work/base.tar" "${TIM3_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
install -D -m 0755 -- "$binary" "$work/root/usr/bin/tim3d"
strip --strip-unneeded -- "$work/root/usr/bin/tim3d"
install -d -m 0700 -o 65532 -g 65532 -- "$work/root/var/lib/tim3d"

container=$(buildah from scratch)
buildah add --quiet "$container" "$work/base.tar" / >/dev/null
buildah copy --quiet "$container" "$work/root" / >/dev/null
buildah config --user 65532:65532 --volume /var/lib/tim3d --port 9180 --stop-signal SIGTERM --env PATH=/usr/bin \
  --entrypoint '["/usr/bin/tim3d"]' --cmd 'run --config /etc/tim3d/tim3d.toml' "$container"
buildah commit --quiet --rm "$container" "$image"
