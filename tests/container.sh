#!/usr/bin/env bash
# The image, under a container engine: made by its Containerfile and by deploy/container/build.sh, and run with podman as compose.yaml has it run:
# read-only, without a capability, as user 65532 and process 1, between the two chains of a devnet.
#
# Of the Containerfile one thing is not done: compiling. The images that it begins with are not fetched, either: both are made of the Debian root of
# `tests/setup.sh --only package`, and in the one that has Rust `cargo` gives the program of this test run.
#
# Not among the steps of tests/run.sh, because it wants an engine: `apt-get install --no-install-recommends podman buildah crun`, and root.
#
# usage: tests/container.sh DIRECTORY    where the binaries tim3d and tim3-devnet are; anvil is on PATH
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
if [[ -z ${TIM3_CONTAINER_ALONE-} ]]; then
  # crun knows the unified hierarchy alone.
  TIM3_CONTAINER_ALONE=1 exec unshare --mount bash -euc '
    mount --make-rprivate /
    if [[ $(stat -f -c %T /sys/fs/cgroup) != cgroup2fs ]]; then
      umount --recursive --lazy /sys/fs/cgroup
      mount -t cgroup2 cgroup2 /sys/fs/cgroup
    fi
    exec "$@"' container "$repo/tests/container.sh" "$@"
fi
binaries=$(realpath -- "$1")
cache=${TIM3_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tim3}
say() { printf 'container: %s\n' "$*"; }
die() { printf 'container: %s\n' "$*" >&2; exit 1; }
# Without systemd podman complains that nobody will ask after health; it is asked here.
podman() { command podman --log-level=fatal "$@"; }

work=$(mktemp -d)
devnet= container=
end() {
  if [[ $container ]]; then podman rm --force --time 0 "$container" >/dev/null 2>&1 || true; fi
  if [[ $devnet ]]; then kill "$devnet"; fi
  umount --recursive "$work/storage" 2>/dev/null || true
  rm -rf --one-file-system -- "$work"
}
trap end EXIT
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$work" "$work" >"$work/storage.conf"
mkdir "$work/tmp"
# TMPDIR: what `RUN --mount=type=cache` keeps.
export TMPDIR=$work/tmp CONTAINERS_STORAGE_CONF=$work/storage.conf STORAGE_DRIVER=overlay BUILDAH_ISOLATION=chroot

deploy() { "$repo/deploy/container/build.sh" --binary "$binaries/tim3d" localhost/tim3d:buildah >"$work/build.log" 2>&1; }
deploy || { tail "$work/build.log"; die "build.sh makes no image"; }

podman import --quiet "$cache/package/debian.tar" docker.io/library/debian:bookworm-slim >/dev/null
mkdir "$work/rust"
cp -- "$binaries/tim3d" "$work/rust/"
cat >"$work/rust/cargo" <<'CARGO'
#!/bin/sh
[ "$*" = "build --release --locked -p tim3d" ] && [ -f Cargo.lock ] && [ -f crates/tim3d/Cargo.toml ] && [ -f contracts/vectors.json ] &&
  install -D /usr/local/share/tim3d target/release/tim3d
CARGO
chmod +x "$work/rust/cargo"
printf 'FROM docker.io/library/debian:bookworm-slim\nCOPY cargo /usr/local/bin/cargo\nCOPY tim3d /usr/local/share/tim3d\n' >"$work/rust/Containerfile"
podman build --quiet --pull-never --isolation=chroot --tag docker.io/library/rust:1.95-bookworm "$work/rust" >/dev/null
# Health checks are Docker's, and not in the images of the OCI.
podman build --pull-never --isolation=chroot --format docker --tag localhost/tim3d:containerfile \
  --ignorefile "$repo/deploy/container/Containerfile.dockerignore" --file "$repo/deploy/container/Containerfile" "$repo" >"$work/podman.log" 2>&1 ||
  { tail -n 20 "$work/podman.log"; die "the Containerfile makes no image"; }
say "images of $(podman image inspect --format '{{.Size}}' localhost/tim3d:buildah localhost/tim3d:containerfile | paste -sd ' ') bytes"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binaries/tim3-devnet" --dir "$work/etc" --api-port "$port" --block-time 300 >"$work/devnet.log" 2>&1 &
devnet=$!
until grep -q Ctrl-C "$work/devnet.log"; do
  kill -0 "$devnet" || { cat "$work/devnet.log"; die "no devnet"; }
  sleep 0.2
done
mv -- "$work/etc/tim3d.toml" "$work/devnet.toml"
sed 's|path = "journal.redb"|path = "/var/lib/tim3d/journal.redb"|' "$work/devnet.toml" >"$work/etc/tim3d.toml"
chown -R 65532:65532 "$work/etc"

# As compose.yaml: read_only, cap_drop, security_opt; what an engine here may not raise, its limits, stay what they are.
flags=(--read-only --cap-drop=all --security-opt=no-new-privileges --network=host --cgroups=disabled --log-driver=k8s-file
  --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit nproc=4096:4096 --ulimit core=0:0)
for image in buildah containerfile; do
  podman run --rm "${flags[@]}" "localhost/tim3d:$image" --version >/dev/null || die "the image of $image does not run"
done
container=$(podman run --detach "${flags[@]}" --volume "$work/etc:/etc/tim3d:ro" --volume tim3d-journal:/var/lib/tim3d localhost/tim3d:containerfile)
ready() { curl --silent --fail "http://127.0.0.1:$port/readyz" >/dev/null; }
for ((i = 0; i < 300; i++)); do ready && break; sleep 0.2; done
ready || { podman logs "$container"; die "it does not become ready"; }
pid=$(podman inspect --format '{{.State.Pid}}' "$container")
grep -q '^Uid:[[:space:]]65532[[:space:]]' "/proc/$pid/status" || die "it does not run as user 65532"
grep -q '^CapEff:[[:space:]]0*$' "/proc/$pid/status" || die "it has capabilities"
grep -qE '^NSpid:[[:space:]]+[0-9]+[[:space:]]+1$' "/proc/$pid/status" || die "it is not process 1"
grep -qE '^[0-9]+ [0-9]+ [0-9:]+ \S+ / ro[, ]' "/proc/$pid/mountinfo" || die "its root can be written"
podman healthcheck run "$container" || die "its health check fails while it is ready"
podman stop --time 40 "$container" >/dev/null
[[ $(podman inspect --format '{{.State.ExitCode}}' "$container") == 0 ]] || { podman logs "$container"; die "SIGTERM did not end it well"; }
podman logs "$container" 2>&1 | tail -n 1 | grep -q stopped || die "its last word is another"
say "made by its Containerfile, it runs read-only as user 65532 and process 1, is healthy, and ends on SIGTERM"
