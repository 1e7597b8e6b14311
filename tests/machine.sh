#!/usr/bin/env bash
# Boots a Debian root with its own systemd as process 1, in namespaces of its own; it shares the network of this machine. Ends with it; whoever
# kills this process ends the machine. Needs root and a cgroup2 hierarchy.
#
# usage: tests/machine.sh ROOT CGROUP    CGROUP: a fresh directory of a cgroup2 hierarchy, for everything that runs in it
set -euo pipefail

root=$(realpath -- "$1")
echo $$ >"$2/cgroup.procs"
exec unshare --mount --pid --fork --uts --ipc --cgroup --kill-child bash -euc '
  root=$1
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t tmpfs tmpfs "$root/dev/shm"
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  cd /
  # As systemd wants it of whoever boots it in a namespace: it hands credentials to services by mounts.
  mount --make-rshared /
  exec env -i container=tim3 PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --show-status=0
' boot "$root"
