#!/usr/bin/env python3
"""Debian's Prometheus scrapes real daemons by the configuration of deploy/, and answers every expression of its rules and dashboards.

Two daemons: `tim3d demo`, where much happens on simulated chains, and `tim3d run` between the two real chains of a devnet, because only
those have endpoints. What is checked:

* both scrapes are clean (`promtool check metrics`) and are taken by Prometheus;
* every rule evaluates, and none of the alerts fires on the daemon that nothing is wrong with;
* every metric and label that rules and dashboards name is in a scrape, or stands in ON_EVENT below;
* every expression of a dashboard evaluates, and has an answer unless it is about something in ON_EVENT;
* dashboards have stable ids, titles, descriptions and units, and take their data source from a variable.

usage: tests/monitoring.py DIRECTORY    where the binaries tim3d and tim3-devnet are; prometheus, promtool and anvil are on PATH
"""

import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

REPO = pathlib.Path(__file__).resolve().parent.parent
PROMETHEUS = REPO / "deploy/prometheus"
DASHBOARDS = REPO / "deploy/grafana/dashboards"
TELEMETRY = REPO / "crates/telemetry/src/metrics"
PATIENCE = 180.0

# Metrics without a series until what they count happens, with their labels. The script of the demo makes most of them happen, but what the
# interleaving of its tasks decides is not relied on.
ON_EVENT = {
    "ALERTS": {"alertname", "alertstate", "severity", "job", "instance", "chain", "asset", "endpoint"},
    "tim3_anchor_last_timestamp_seconds": set(),
    "tim3_anchor_interval_seconds": set(),
    "tim3_chain_errors_total": {"chain", "class"},
    "tim3_chain_proof_failures_total": {"chain"},
    "tim3_chain_reorg_events_sum": {"chain"},
    "tim3_keeper_decisions_total": {"mode", "decision"},
    "tim3_keeper_missed": {"rule"},
    "tim3_keeper_result_usd": {"mode"},
    "tim3_payouts_overdue": {"chain", "state"},
    "tim3_submitter_escalations_total": {"chain"},
    "tim3_submitter_simulation_rejections_total": {"chain", "action"},
    "tim3_v1_findings": {"chain", "finding"},
    "tim3_v1_halted": {"chain"},
    "tim3_v1_operations": {"chain", "state"},
    "tim3_v1_round_timestamp_seconds": {"chain"},
}
# What is recorded from them.
ON_EVENT_RECORDED = {"chain:tim3_chain_errors:rate5m": {"chain", "class"}}
TARGET_LABELS = {"job", "instance"}

NAME = re.compile(r"(?<![\w:$\"])((?:\w+:)?(?:tim3|process)_[\w:]+|up|ALERTS)\b(?!\()")
SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\s*\{([^}]*)\}")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
QUOTED = re.compile(r"\"[^\"]*\"")


class Failed(Exception):
    """A check that did not hold."""


def get(url, **parameters):
    data = urllib.parse.urlencode(parameters, doseq=True).encode() if parameters else None
    try:
        with urllib.request.urlopen(url, data=data, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def until(what, condition):
    """Polls `condition` until it gives something, and fails with what it is about when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = condition()
        except (OSError, ValueError) as error:
            found, last = None, error
        else:
            last = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {PATIENCE:.0f} s ({last})")
        time.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processes:
    """What was started, and is ended again by its id; a log file each."""

    def __init__(self, directory):
        self.directory, self.running = directory, []

    def start(self, name, *command, env=None):
        log = self.directory / f"{name}.log"
        with log.open("wb") as out:
            command = [str(part) for part in command]
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.directory, env=env)
        self.running.append((name, process, log))
        return log

    def check(self):
        for name, process, log in self.running:
            if process.poll() is not None:
                raise Failed(f"{name} ended with {process.returncode}:\n{tail(log)}")

    def process(self, name):
        return next(process for found, process, _ in self.running if found == name)

    def kill(self, name):
        """Ends it without a chance to say so, and forgets it."""
        self.process(name).kill()
        self.process(name).wait()
        self.running = [one for one in self.running if one[0] != name]

    def end(self):
        for _, process, _ in reversed(self.running):
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


class Prometheus:
    def __init__(self, url):
        self.url = url

    def ask(self, path, **parameters):
        answer = json.loads(get(f"{self.url}/api/v1/{path}", **parameters))
        if answer["status"] != "success":
            raise Failed(f"{path} {parameters}: {answer['error']}")
        return answer["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def labels(self, name):
        """The labels that the series of a name have; none where there is no series."""
        series = self.ask("series", **{"match[]": f'{{__name__="{name}"}}'})
        return set().union(*(one.keys() for one in series)) - {"__name__"} if series else None


def start_devnet(processes, binaries, directory, *more):
    """Gives the file of its guide, the configuration it wrote, and the address at which that has the daemon listen."""
    devnet, port = directory / "devnet", free_port()
    guide = processes.start(
        "devnet", binaries / "tim3-devnet", "--dir", devnet, "--api-port", port, "--block-time", "300", *more
    )
    until("the devnet", lambda: processes.check() or "Ctrl-C" in guide.read_text())
    return guide, devnet / "tim3d.toml", f"127.0.0.1:{port}"


def readiness(address):
    return json.loads(get(f"http://{address}/readyz"))


def start_daemons(processes, binaries, directory):
    """Gives the log of the demo, and the addresses of its daemon and of the devnet's."""
    demo = processes.start("demo", binaries / "tim3d", "demo", "--seed", "1", "--operations", "40", "--plain", "--keep")
    _, configuration, address = start_devnet(processes, binaries, directory)
    keeper = configuration.with_name("keeper.toml")
    processes.start("tim3d", binaries / "tim3d", "run", "--config", configuration, "--config", keeper)
    url = until("the demo's API", lambda: processes.check() or re.search(r"http://([\d.:]+)/api", demo.read_text()))
    addresses = [url.group(1), address]
    for address in addresses:
        until(f"{address} to be ready", lambda: processes.check() or readiness(address)["ready"])
    return demo, addresses


def start_prometheus(processes, directory, addresses, change=lambda rules: rules):
    """The configuration of deploy/, with a quicker pace, these targets, and rules that `change` may have changed."""
    etc = directory / "prometheus"
    (etc / "rules").mkdir(parents=True)
    for rules in (PROMETHEUS / "rules").glob("*.yml"):
        (etc / "rules" / rules.name).write_text(change(rules.read_text()))
    configuration = (PROMETHEUS / "prometheus.yml").read_text()
    configuration, paced = re.subn(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s", r"\1: 1s", configuration)
    if paced != 3:
        raise Failed("prometheus.yml does not state the three paces that are quickened here")
    (etc / "prometheus.yml").write_text(configuration)
    (etc / "targets.yml").write_text(json.dumps([{"targets": addresses}]))
    port = free_port()
    processes.start(
        "prometheus", "prometheus", f"--config.file={etc / 'prometheus.yml'}", f"--storage.tsdb.path={etc / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    up = lambda: processes.check() or prometheus.query('up{job="tim3d"} == 1')
    until("Prometheus to scrape both daemons", lambda: len(up()) == len(addresses))
    return prometheus


def check_scrapes(addresses):
    for address in addresses:
        metrics = get(f"http://{address}/metrics")
        checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
        if checked.returncode or checked.stdout or checked.stderr:
            raise Failed(f"promtool check metrics of {address}: {checked.stdout}{checked.stderr}")


def rules_of(prometheus):
    """Every rule as Prometheus has it, once all of them were evaluated."""

    def evaluated():
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    return until("every rule to be evaluated", evaluated)


def check_rules(rules, healthy):
    problems = []
    for rule in rules:
        if rule["health"] != "ok":
            problems.append(f"rule {rule['name']}: {rule.get('lastError')}")
        firing = [alert for alert in rule.get("alerts", []) if alert["labels"].get("instance") == healthy]
        if any(alert["state"] == "firing" for alert in firing):
            problems.append(f"alert {rule['name']} fires on a daemon that nothing is wrong with")
    return problems


def names_of(expression):
    return set(NAME.findall(QUOTED.sub('""', expression)))


class Names:
    """What metrics there are, and which labels they have."""

    def __init__(self, prometheus):
        self.prometheus, self.known = prometheus, {}
        self.rare = {**ON_EVENT, **ON_EVENT_RECORDED}

    def labels(self, name):
        if name not in self.known:
            self.known[name] = self.prometheus.labels(name)
        if self.known[name] is not None or name in self.rare:
            return (self.known[name] or set()) | self.rare.get(name, set()) | TARGET_LABELS
        return None

    def is_rare(self, expression):
        return bool(names_of(expression) & self.rare.keys())

    def check(self, where, expression):
        """What the expression names that is not there."""
        problems, all_labels = [], set()
        for name in names_of(expression):
            labels = self.labels(name)
            if labels is None:
                problems.append(f"{where}: there is no metric {name}")
            else:
                all_labels |= labels
        for name, matchers in SELECTOR.findall(expression):
            wrong = set(MATCHER.findall(matchers)) - (self.labels(name) or set()) - {"__name__"}
            problems += [f"{where}: {name} has no label {label}" for label in wrong]
        for group in GROUPING.findall(expression):
            wrong = {label.strip() for label in group.split(",") if label.strip()} - all_labels
            problems += [f"{where}: nothing there has a label {label}" for label in wrong]
        return problems


def concrete(expression):
    """The expression with Grafana's variables replaced as for `All`."""
    expression = expression.replace("$__rate_interval", "1m")
    return re.sub(r"\$(instance|chain|asset)\b", ".*", expression)


def check_dashboard(file, prometheus, names):
    dashboard = json.loads(file.read_text())
    problems, expressions = [], 0
    ids = [panel["id"] for panel in dashboard["panels"]]
    if ids != list(range(1, len(ids) + 1)):
        problems.append(f"{file.name}: panel ids are not 1, 2, 3, …")
    leftovers = {"__inputs", "__requires", "__elements", "id", "iteration", "gnetId"} & dashboard.keys()
    problems += [f"{file.name}: {key} is left of an export" for key in leftovers]
    if dashboard["uid"] != f"tim3d-{file.stem}":
        problems.append(f"{file.name}: its uid is {dashboard['uid']}")
    for variable in dashboard["templating"]["list"]:
        if query := re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", "")):
            where = f"{file.name}, variable {variable['name']}"
            problems += names.check(where, concrete(f"sum by ({query[2]}) ({query[1]})"))
    for panel in dashboard["panels"]:
        where = f"{file.name}, panel {panel['title']!r}"
        if panel["type"] == "row":
            continue
        if not panel["description"] or not panel["fieldConfig"]["defaults"]["unit"]:
            problems.append(f"{where}: it lacks a description or a unit")
        if panel["datasource"]["uid"] != "${datasource}":
            problems.append(f"{where}: its data source is not the variable")
        for target in panel["targets"]:
            expressions += 1
            expression = concrete(target["expr"])
            problems += names.check(where, expression)
            labels = set().union(*(names.labels(name) or set() for name in names_of(expression)))
            wrong = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - labels
            problems += [f"{where}: its legend names {label}, which no series has" for label in wrong]
            if not prometheus.query(expression) and not names.is_rare(expression):
                problems.append(f"{where}: no answer to {expression}")
    return expressions, problems


def check_rare():
    """Names that are excused are metrics of the daemon, and are not excused for being misspelt."""
    source = "".join(file.read_text() for file in TELEMETRY.glob("*.rs"))
    stems = {re.sub(r"_(sum|count|bucket)$", "", name) for name in ON_EVENT if name != "ALERTS"}
    return [f"{name} is in ON_EVENT, but not in crates/telemetry" for name in stems if f'"{name}"' not in source]


def check(binaries, directory, processes):
    demo, addresses = start_daemons(processes, binaries, directory)
    prometheus = start_prometheus(processes, directory, addresses)
    until("the demo to be played to its end", lambda: processes.check() or "staying up" in demo.read_text())
    # What was counted last has been scraped twice, so that there are rates of it.
    for address in addresses:
        scrapes = f'count_over_time(up{{instance="{address}"}}[10m])'
        count = lambda: float(prometheus.query(scrapes)[0]["value"][1])
        before = count()
        until("two further scrapes", lambda: count() >= before + 2)
    check_scrapes(addresses)
    rules = rules_of(prometheus)
    names = Names(prometheus)
    problems = check_rare() + check_rules(rules, addresses[1])
    for rule in rules:
        problems += names.check(f"rule {rule['name']}", rule["query"])
    expressions = 0
    dashboards = sorted(DASHBOARDS.glob("*.json"))
    for file in dashboards:
        count, found = check_dashboard(file, prometheus, names)
        expressions, problems = expressions + count, problems + found
    processes.check()
    if problems or not rules or not expressions:
        raise Failed("\n".join(problems) or "no rules or no expressions were found")
    print(f"monitoring: {len(rules)} rules and {expressions} expressions of {len(dashboards)} dashboards hold on real scrapes")


def play(name, usage, check):
    """Runs `check` with the binaries' directory, a directory of its own and processes that end with it."""
    if len(sys.argv) != 2:
        sys.exit(usage)
    with tempfile.TemporaryDirectory(prefix=f"tim3-{name}-") as directory:
        directory = pathlib.Path(directory)
        processes = Processes(directory)
        try:
            check(pathlib.Path(sys.argv[1]).resolve(), directory, processes)
        except Failed as failure:
            sys.exit(f"{name}: {failure}")
        finally:
            processes.end()


if __name__ == "__main__":
    play("monitoring", __doc__, check)
