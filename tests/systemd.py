#!/usr/bin/env python3
"""The package under systemd itself: a Debian root boots with its own systemd as process 1, and the guide's first hour is gone through in it.

tim3d's package is installed on the root of `tests/setup.sh --only package`, which then boots (tests/machine.sh) on the network of this machine, where
a devnet runs. Keystores, credentials and configuration are as docs/service.md says, and then:

* `systemctl enable --now` comes back when the daemon is ready, with its status; the sandbox is worth what is said of it, and no secret is in anything
  that systemd shows or the log has;
* `systemctl reload` takes a changed key and refuses a mistake; the daemon stays what it was;
* frozen (SIGSTOP), it is ended by the watchdog, leaves no core, and is started again;
* an operation goes through all of this;
* a wrong configuration is not tried again and again; `systemctl stop` ends it well within its time; an upgrade of the package restarts it, and removing
  the package stops it.

usage: tests/systemd.py DIRECTORY    where the binaries tim3d and tim3-devnet are; anvil and cast are on PATH; needs root
"""

import os
import pathlib
import re
import secrets
import subprocess

from monitoring import REPO, Failed, play, readiness, start_devnet, tail, until

CACHE = pathlib.Path(os.environ.get("TIM3_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tim3")
# Seconds; a busy machine keeps a daemon from saying that it lives for some of them.
WATCHDOG = 10
KEYS = {"submitter": "carol", "attester-one": "attester-one", "attester-two": "attester-two", "attester-three": "attester-three"}


def hierarchy():
    """Where cgroup2 is mounted, if it is."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    return next((pathlib.Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)


class Machine:
    """A Debian root that has booted."""

    def __init__(self, root, processes):
        self.root, self.processes, self.pid = root, processes, None
        self.cgroup = hierarchy() / f"tim3-test-{os.getpid()}"
        self.cgroup.mkdir()
        self.console = processes.start("machine", REPO / "tests/machine.sh", root, self.cgroup)

    def boot(self):
        self.pid = until("the machine to boot", lambda: self.processes.check() or self.booted())
        state = self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        if state not in ("running", "degraded"):
            raise Failed(f"the machine is {state}: {self.console.read_text(errors='replace')}")

    def booted(self):
        """The id of its process 1, once that is systemd and listens."""
        outer = self.processes.process("machine").pid
        for child in pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split():
            if pathlib.Path(f"/proc/{child}/root/run/systemd/private").exists():
                return int(child)
        return None

    def run(self, *command, check=True, input=None):
        """Runs a command in it; what it says, in one."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--pid", "--cgroup"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]
        command = [*enter, *clean, *map(str, command)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, input=input)
        if check and answer.returncode:
            raise Failed(f"{' '.join(command[len(enter) + len(clean):])}: {answer.returncode}: {answer.stdout}")
        return answer

    def say(self, *command):
        return self.run(*command).stdout

    def show(self, name):
        return self.say("systemctl", "show", "tim3d", f"--property={name}", "--value").strip()

    def log(self):
        return self.say("journalctl", "--unit=tim3d", "--output=cat", "--no-pager")

    def end(self):
        self.processes.kill("machine")

        def removed():
            for directory, _, _ in os.walk(self.cgroup, topdown=False):
                os.rmdir(directory)
            return not self.cgroup.exists()

        # Its processes end a moment after process 1.
        until(f"{self.cgroup} to be empty", removed)


def unpack(directory, binaries):
    """A Debian root with the package in it, not installed."""
    root = directory / "root"
    root.mkdir()
    subprocess.run(["tar", "--extract", "--file", CACHE / "package/debian.tar", "--directory", root], check=True)
    build = subprocess.run(
        [REPO / "deploy/deb/build.sh", "--binary", binaries / "tim3d", directory / "package"],
        check=True, capture_output=True, text=True, env={**os.environ, "DPKG_DEB_COMPRESSOR_TYPE": "none"},
    )
    (root / "tim3d.deb").write_bytes(pathlib.Path(build.stdout.strip()).read_bytes())
    # Wherever the network is, the daemon needs no more of it than this.
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    return root


class Scene:
    def __init__(self, binaries, directory, processes, machine):
        self.machine, self.etc = machine, machine.root / "etc/tim3d"
        self.guide, configuration, self.address = start_devnet(processes, binaries, directory)
        self.devnet = configuration.parent
        self.secrets = {"API token": secrets.token_hex(12)}
        self.locks = 0
        self.machine.say("dpkg", "--install", "/tim3d.deb")
        self.write_configuration(configuration)
        self.make_keys()
        self.edit()

    def write_configuration(self, devnet):
        """The devnet's, with keys and passwords where a service has them."""
        text = devnet.read_text()
        changes = [
            (r'path = "journal.redb"', 'path = "/var/lib/tim3d/journal.redb"'),
            (r'\{ file = "api.token" \}', '{ credential = "api-token" }'),
            (r'password = \{ file = "keys/password" \}', 'password = { credential = "submitter" }'),
            (r'key = \{ file = "keys/(.*)\.key" \}', r'key = { keystore = "keys/\1.json", password = { credential = "\1" } }'),
            (r'guardian = .*\n', ""),
        ]
        for pattern, replacement in changes:
            text, found = re.subn(pattern, replacement, text)
            if not found:
                raise Failed(f"the devnet's configuration has no {pattern}")
        self.machine.say("tim3d", "config", "init", "/etc/tim3d/tim3d.toml")
        (self.etc / "tim3d.toml").write_text(text)

    def make_keys(self):
        """As docs/service.md says, with the devnet's keys in place of new ones."""
        machine = self.machine
        machine.say("install", "-d", "-m", "0700", "-o", "tim3d", "-g", "tim3d", "/etc/tim3d/keys")
        self.credential("api-token", self.secrets["API token"])
        for name, account in KEYS.items():
            key = (self.devnet / f"keys/{account}.key").read_text().strip()
            self.secrets[f"key of {name}"] = key
            self.secrets[f"password of {name}"] = secrets.token_hex(12)
            self.credential(name, self.secrets[f"password of {name}"])
            (machine.root / "root/key").write_text(key)
            (machine.root / "root/key").chmod(0o600)
            machine.say(
                "tim3d", "keys", "import", name, "--dir", "/etc/tim3d/keys", "--key-file", "/root/key",
                "--password-file", f"/etc/tim3d/credentials/{name}",
            )
            (machine.root / "root/key").unlink()
            machine.say("chown", "tim3d:", f"/etc/tim3d/keys/{name}.json")

    def credential(self, name, text):
        file = self.etc / "credentials" / name
        file.write_text(f"{text}\n")
        file.chmod(0o600)

    def edit(self):
        """What `systemctl edit tim3d` writes: a line for each credential, and a watchdog that a test can wait for."""
        names = ["api-token", *KEYS]
        lines = [f"LoadCredential={name}:/etc/tim3d/credentials/{name}" for name in names]
        directory = self.machine.root / "etc/systemd/system/tim3d.service.d"
        directory.mkdir()
        (directory / "override.conf").write_text("\n".join(["[Service]", f"WatchdogSec={WATCHDOG}", "RestartSec=100ms", *lines, ""]))
        self.machine.say("systemctl", "daemon-reload")
        # The guide's own way to look at keys before the start.
        properties = [part for line in lines for part in ("--property", line)]
        self.machine.say("systemd-run", "--pipe", "--uid=tim3d", *properties, "tim3d", "config", "check", "--keys")

    def lock(self):
        """Does what the devnet says somebody could do next."""
        commands = re.search(r"^Lock 100 USDA.*?:\n(.*?)\n\n", self.guide.read_text(), re.M | re.S)[1]
        subprocess.run(["bash", "-ec", commands], check=True, capture_output=True)
        self.locks += 1

    def supply(self):
        audit = self.machine.run("tim3d", "audit", "--json", check=False)
        return audit.returncode == 0 and f'"supply": "{self.locks * 100 * 10**6}"' in audit.stdout


def starts(scene):
    machine = scene.machine
    machine.say("systemctl", "enable", "--now", "tim3d")
    if machine.show("ActiveState") != "active":
        raise Failed("systemd does not take it for started")
    until("/readyz to say so, too", lambda: readiness(scene.address)["ready"])
    until("systemd to show its status", lambda: machine.show("StatusText").startswith("relaying between 2 chains"))
    exposure = machine.say("systemd-analyze", "security", "--no-pager", "tim3d").splitlines()[-1]
    if not (level := re.search(r"tim3d\.service: (\d+\.\d)", exposure)) or float(level[1]) > 2.0:
        raise Failed(f"the sandbox: {exposure}")
    pid = machine.show("MainPID")
    process = pathlib.Path(f"/proc/{machine.pid}/root/proc/{pid}")
    if "Seccomp:\t2" not in (process / "status").read_text() or "CapEff:\t0000000000000000" not in (process / "status").read_text():
        raise Failed(f"it is not in its sandbox: {(process / 'status').read_text()}")
    scene.lock()
    until("the operation to complete", scene.supply)


def reloads(scene):
    machine, file = scene.machine, scene.etc / "tim3d.toml"
    good, pid = file.read_text(), machine.show("MainPID")
    file.write_text(f'{good}\n[log]\nfilter = "debug"\n')
    machine.say("systemctl", "reload", "tim3d")
    until("the reload", lambda: "configuration reloaded" in machine.log())
    file.write_text(f"{good}\n[log]\nfilter = 7\n")
    machine.run("systemctl", "reload", "tim3d", check=False)
    until("the refusal", lambda: "configuration not reloaded" in machine.log())
    until("it to be what it was", lambda: (machine.show("ActiveState"), machine.show("MainPID")) == ("active", pid))
    file.write_text(good)


def frozen(scene):
    machine, pid = scene.machine, scene.machine.show("MainPID")
    machine.say("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "tim3d")
    restarted = lambda: machine.show("MainPID") not in ("0", pid) and machine.show("ActiveState") == "active"
    until("the watchdog to end it and systemd to start it again", restarted)
    if "Watchdog timeout" not in machine.say("journalctl", "--unit=tim3d", "--no-pager"):
        raise Failed(f"it was not the watchdog: {machine.log()[-4000:]}")
    if machine.say("find", "/var/lib/tim3d", "/tmp", "-name", "*core*"):
        raise Failed("it left a core")
    scene.lock()
    until("the next operation to complete", scene.supply)


def keeps_secrets(scene):
    machine = scene.machine
    said = machine.log() + machine.say("systemctl", "show", "tim3d") + machine.say("systemctl", "status", "--no-pager", "--full", "tim3d")
    said += machine.say("ps", "-eo", "args") if (machine.root / "bin/ps").exists() else ""
    environment = machine.say("cat", f"/proc/{machine.show('MainPID')}/environ")
    said += environment
    if leaks := [what for what, secret in scene.secrets.items() if secret in said]:
        raise Failed(f"{', '.join(leaks)} can be read")
    # Of another user nobody reads its credentials, and of its own nobody its environment.
    for user, file in [("nobody", "/run/credentials/tim3d.service/submitter"), ("tim3d", f"/proc/{machine.show('MainPID')}/environ")]:
        if machine.run("setpriv", f"--reuid={user}", "--clear-groups", "cat", file, check=False).returncode == 0:
            raise Failed(f"{user} reads {file}")


def stops_upgrades_and_goes(scene):
    machine = scene.machine
    before = machine.show("MainPID")
    machine.say("dpkg", "--install", "/tim3d.deb")
    if machine.show("ActiveState") != "active" or machine.show("MainPID") == before:
        raise Failed("an upgrade did not restart it")
    machine.say("systemctl", "stop", "tim3d")
    if (machine.show("ActiveState"), machine.show("Result"), machine.show("ExecMainStatus")) != ("inactive", "success", "0"):
        raise Failed(f"it did not stop well: {machine.say('systemctl', 'show', 'tim3d')}")
    file = scene.etc / "tim3d.toml"
    good = file.read_text()
    file.write_text("nonsense = 1\n")
    machine.run("systemctl", "start", "tim3d", check=False)
    if (machine.show("ActiveState"), machine.show("NRestarts"), machine.show("ExecMainStatus")) != ("failed", "0", "2"):
        raise Failed(f"a wrong configuration: {machine.say('systemctl', 'status', '--no-pager', 'tim3d')}")
    file.write_text(good)
    machine.say("systemctl", "start", "tim3d")
    until("the books to be exact after it all", scene.supply)
    machine.say("dpkg", "--remove", "tim3d")
    if machine.run("systemctl", "is-active", "tim3d", check=False).returncode == 0:
        raise Failed("removing the package left it running")
    if not (machine.root / "var/lib/tim3d/journal.redb").exists() or not file.exists():
        raise Failed("removing the package took the journal or the configuration")


def check(binaries, directory, processes):
    if os.geteuid() != 0 or hierarchy() is None:
        print("systemd: NOT run: it needs root and a cgroup2 hierarchy")
        return
    machine = Machine(unpack(directory, binaries), processes)
    try:
        machine.boot()
        scene = Scene(binaries, directory, processes, machine)
        for part in (starts, reloads, frozen, keeps_secrets, stops_upgrades_and_goes):
            part(scene)
            print(f"systemd: {part.__name__.replace('_', ' ')}", flush=True)
    except Failed as failure:
        status = machine.run("systemctl", "status", "--no-pager", "--full", "tim3d", check=False).stdout if machine.pid else ""
        raise Failed(f"{failure}\n{status}{tail(machine.console)}") from None
    finally:
        machine.end()


if __name__ == "__main__":
    play("systemd", __doc__, check)
