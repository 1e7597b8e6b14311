#!/usr/bin/env python3
"""A newcomer follows the guide from nothing to a dashboard: docs/install.md, its commands, in their order, as they stand there.

In a copy of the sources, with an empty home, a network and an /etc, /usr/local and /var/lib that are thrown away afterwards. Each block goes into a
shell of its own. Then what the devnet printed is copied, the first lock and redemption come through, no alert is red, and the panels of the
dashboards, found where the guide put them for Grafana and asked of the Prometheus that it named to it, have data.

What is not as for the newcomer: `cargo` gives the programs of this test run instead of compiling them, what tests/setup.sh installs is there already, the
scrapes are a second apart instead of 15, and Grafana itself, which is in no registry of this test run, is not there: `systemctl restart` of it does nothing.

usage: tests/guide.py DIRECTORY    where the binaries tim3d and tim3-devnet are; needs root
"""

import json
import os
import pathlib
import re
import subprocess
import sys

from monitoring import REPO, Failed, Names, Prometheus, concrete, get, play, readiness, tail, until

GUIDE = REPO / "docs/install.md"
FENCE = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.M | re.S)
OVERLAID = ["/etc", "/usr/local", "/var/lib"]
CARGO = """#!/bin/bash
case "$*" in
  "build --release --locked -p tim3d") exec install -D {binaries}/tim3d target/release/tim3d ;;
  "run -p tim3-devnet") exec {binaries}/tim3-devnet ;;
  "run -p tim3d -- "*) shift 4; exec {binaries}/tim3d "$@" ;;
esac
echo "the guide has a command that its test does not know: cargo $*" >&2
exit 1
"""
# What goes on until Ctrl-C, with what shows that it works.
SERVERS = {
    "tim3-devnet": lambda log: "Ctrl-C" in log,
    "tim3d run": lambda _: readiness("127.0.0.1:9180")["ready"],
    "prometheus --config": lambda _: "Ready" in get("http://127.0.0.1:9090/-/ready"),
}


def alone():
    """Begins again in namespaces of its own: mounts with overlays, a network, and processes, which all end with this one."""
    scratch = pathlib.Path("/tmp/tim3-guide-overlay")
    mounts = [f"mkdir -p {scratch} && mount -t tmpfs tmpfs {scratch}"]
    for number, path in enumerate(OVERLAID):
        upper, work = scratch / f"{number}/upper", scratch / f"{number}/work"
        mounts.append(f"mkdir -p {upper} {work} && mount -t overlay overlay -o lowerdir={path},upperdir={upper},workdir={work} {path}")
    script = " && ".join(["mount --make-rprivate /", "mount -t proc proc /proc", *mounts, "ip link set lo up", 'exec "$@"'])
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-ec", script, "guide", sys.executable, *sys.argv]
    os.execvpe(command[0], command, {**os.environ, "TIM3_GUIDE_ALONE": "1"})


class Newcomer:
    """Somebody with a copy of the sources and an empty home, who types what is written."""

    def __init__(self, binaries, directory, processes):
        self.directory, self.processes = directory, processes
        self.home, self.sources, self.typed = directory / "home", directory / "tim3d", 0
        (self.home / ".cache").mkdir(parents=True)
        cache = os.environ.get("TIM3_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "tim3")
        (self.home / ".cache/tim3").symlink_to(cache)
        self.sources.mkdir()
        files = subprocess.run(["git", "-C", REPO, "ls-files", "-z"], check=True, capture_output=True).stdout
        pack = subprocess.run(["tar", "-C", REPO, "--null", "-T", "-", "-c"], input=files, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-C", self.sources, "-x"], input=pack, check=True)
        stand_ins = directory / "bin"
        stand_ins.mkdir()
        for name, text in [("cargo", CARGO.format(binaries=binaries)), ("systemctl", '#!/bin/sh\n[ "$*" = "restart grafana-server" ]\n')]:
            (stand_ins / name).write_text(text)
            (stand_ins / name).chmod(0o755)
        self.environment = {"HOME": str(self.home), "USER": "root", "TERM": "dumb", "PATH": f"{stand_ins}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        # Of a file that nobody edits by hand: with the paces of a test.
        configuration = self.sources / "deploy/prometheus/prometheus.yml"
        configuration.write_text(re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s", r"\1: 1s", configuration.read_text()))

    def type(self, block):
        """Runs a block in a shell of its own; one that goes on, until it works."""
        self.typed += 1
        script = self.directory / f"block-{self.typed}.sh"
        script.write_text(f"set -e\ncd {self.sources}\n{block}")
        works = next((works for words, works in SERVERS.items() if words in block), None)
        if works:
            log = self.processes.start(f"block-{self.typed}", "bash", script, env=self.environment)
            until(block, lambda: self.processes.check() or works(log.read_text(errors="replace")))
            return log.read_text()
        done = subprocess.run(["bash", script], capture_output=True, text=True, env=self.environment)
        if done.returncode:
            raise Failed(f"the guide's commands fail:\n{block}\n{done.stdout}{done.stderr}")
        return done.stdout


def blocks():
    """The guide's commands, by heading."""
    found = {}
    for part in re.split(r"^## ", GUIDE.read_text(), flags=re.M)[1:]:
        heading, _, text = part.partition("\n")
        found[heading] = [re.sub(f"^{indent}", "", body, flags=re.M) for indent, body in FENCE.findall(text)]
    return found


def follow(newcomer):
    """Types everything; gives what the devnet printed."""
    printed, shown = None, ""
    for heading, commands in blocks().items():
        for block in commands:
            said = newcomer.type(block)
            if "cargo run -p tim3-devnet" in block:
                printed = said
            if "ops list" in block:
                shown = said
            if printed and "prometheus --config" in block:
                # The guide says what is to be seen now, and to copy what was printed.
                alerts = json.loads(get("http://127.0.0.1:9090/api/v1/alerts"))["data"]["alerts"]
                if red := [alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"]:
                    raise Failed(f"alerts are red: {red}")
                copy(newcomer, printed)
        print(f"guide: {heading}: {len(commands)} blocks", flush=True)
    if "completed" not in shown:
        raise Failed(f"the guide's own look at operations shows none that completed:\n{shown}")


def copy(newcomer, printed):
    """What the devnet says to do next, as it says it."""
    parts = re.findall(r"^([A-Z][^\n]*):\n((?:  .*\n)+)", printed, re.M)
    commands = {heading: body for heading, body in parts if "Start the daemon" not in heading and "gateway each" not in heading}
    if len(commands) < 3:
        raise Failed(f"the devnet printed other things than expected:\n{printed}")
    operations = 0
    for heading, body in commands.items():
        newcomer.type("source ~/.cache/tim3/env.sh\n" + body)
        if "cast send" in body:
            operations += 1
            finished = lambda: newcomer.type("cargo run -p tim3d -- ops list --config devnet/tim3d.toml").count("completed") >= operations
            until(f"what became of {heading!r}", finished)


def dashboards():
    """The dashboards and the Prometheus that Grafana would find where the guide put them."""
    etc = pathlib.Path("/etc/grafana/provisioning")
    where = re.search(r"^ +path: (\S+)$", (etc / "dashboards/tim3d.yml").read_text(), re.M)[1]
    if "url: ${PROMETHEUS_URL}" not in (etc / "datasources/prometheus.yml").read_text():
        raise Failed("the data source is not the one of the guide's variable")
    url = re.search(r"^PROMETHEUS_URL=(\S+)$", pathlib.Path("/etc/default/grafana-server").read_text(), re.M)[1]
    return sorted(pathlib.Path(where).glob("*.json")), Prometheus(url)


def panels_have_data():
    files, prometheus = dashboards()
    names = Names(prometheus)
    wanted = {file.name for file in (REPO / "deploy/grafana/dashboards").glob("*.json")}
    if {file.name for file in files} != wanted:
        raise Failed(f"Grafana would find {files}")
    for file in files:
        panels = [panel for panel in json.loads(file.read_text())["panels"] if panel["type"] != "row"]
        asked = lambda panel: [concrete(target["expr"]) for target in panel["targets"]]
        # What counts what did not happen has nothing to show.
        empty = lambda: {p["title"] for p in panels if not any(prometheus.query(one) or names.is_rare(one) for one in asked(p))}
        try:
            until(f"{file.stem}: every panel to have data", lambda: not empty())
        except Failed as failure:
            raise Failed(f"{failure}: {', '.join(sorted(empty()))}") from None
        full = sum(any(prometheus.query(one) for one in asked(panel)) for panel in panels)
        print(f"guide: dashboard {file.stem}: {full} of {len(panels)} panels have data, the others count what did not happen")


def check(binaries, directory, processes):
    newcomer = Newcomer(binaries, directory, processes)
    try:
        follow(newcomer)
        panels_have_data()
    except Failed as failure:
        logs = "\n".join(f"{name}: {tail(log)}" for name, _, log in processes.running)
        raise Failed(f"{failure}\n{logs}") from None


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("guide: NOT followed: it needs root")
    elif "TIM3_GUIDE_ALONE" in os.environ:
        play("guide", __doc__, check)
    else:
        alone()
