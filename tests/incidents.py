#!/usr/bin/env python3
"""What happens to an operator: exactly the alerts of deploy/prometheus that are about it come up, and go away when it is over.

A daemon between the two real chains of a devnet, watched by Debian's Prometheus. One after another:

* the signer of one chain has no coins, and a lock made by the devnet's printed commands is held: two alerts, which end when
  coins come and the operation is approved;
* the books are broken: tokens are minted that the gateway knows nothing of; two alerts, until they are burned and an operator resumes;
* one chain's node stops (SIGSTOP): the chain is stale and has no quorum, `/readyz` says so, and nothing is said of the other chain;
* the daemon is killed: it is down until it is started again;
* the directory of its journal is read-only: it refuses to start and says so, and is down until the directory can be written.

`/readyz` and `tim3_ready` say the same as the alerts each time, with the reason.

An alert counts from when its condition holds; for how long it must hold before somebody is called is tested in deploy/prometheus/tests.

usage: tests/incidents.py DIRECTORY    where the binaries tim3d and tim3-devnet are; prometheus, anvil and cast are on PATH
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.request

from monitoring import Failed, play, readiness, start_devnet, start_prometheus, tail, until

# What follows from a signer without coins, which deploy/prometheus/alertmanager.yml inhibits.
UNSENT = {"Tim3FeesEscalating", "Tim3OrdersWaiting", "Tim3TransactionsStuck"}
# What the failures of a dead node leave behind in rates over some minutes.
LINGERING = {"Tim3EndpointFailing", "Tim3EndpointSlow", "Tim3ChainErrors"}
# True of a disk that other tests write to at the same time, and of nothing that happens here.
BUSY = {"Tim3JournalSlow"}


def quickened(rules):
    """A stale chain is seen after seconds instead of minutes."""
    changed, found = re.subn(r"tim3_chain_head_age_seconds > 300", "tim3_chain_head_age_seconds > 10", rules)
    if "Tim3ChainStale" in rules and found != 1:
        raise Failed("the rule Tim3ChainStale is not the one that is quickened here")
    return changed


class Scene:
    """A devnet, its daemon, and the Prometheus that watches it."""

    def __init__(self, binaries, directory, processes):
        self.binaries, self.directory, self.processes = binaries, directory, processes
        self.guide, self.configuration, self.address = start_devnet(processes, binaries, directory)
        # Without a guardian's key: gateways that it froze would be thawed by their admin alone.
        text = re.sub(r"^guardian = .*\n", "", self.configuration.read_text(), flags=re.M)
        self.configuration.write_text(text)
        # The first incident: the daemon looks at its signers when it starts, and then every half a minute.
        self.set_balance("b", 1)
        self.start_daemon()
        self.prometheus = start_prometheus(processes, directory, [self.address], quickened)

    def command(self):
        flags = ["--set", "assets.TIM3.value_hold=50", "--set", "chains.b.request_timeout=1s"]
        return [self.binaries / "tim3d", "run", "--config", self.configuration, *flags]

    def start_daemon(self):
        self.log = self.processes.start("tim3d", *self.command())
        until("the daemon to answer", lambda: self.processes.check() or readiness(self.address))

    def tim3d(self, *arguments):
        command = [self.binaries / "tim3d", *arguments, "--config", self.configuration, "--json"]
        answer = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if answer.returncode:
            raise Failed(f"tim3d {' '.join(arguments)}: {answer.stderr}")
        return json.loads(answer.stdout)

    def alerts(self):
        """Those whose condition holds now, with the chain they are about."""
        found = self.prometheus.query('ALERTS{alertname=~"Tim3.*"}')
        return {(one["metric"]["alertname"], one["metric"].get("chain")) for one in found}

    def expect(self, what, wanted, allowed=frozenset()):
        """Waits until the alerts are these, apart from those that are allowed."""
        def are_there():
            self.processes.check()
            found = self.alerts()
            return wanted <= found and all(name in allowed | BUSY for name, _ in found - wanted)

        try:
            until(what, are_there)
        except Failed as failure:
            raise Failed(f"{failure}\nwanted {wanted}, found {self.alerts()}\n{tail(self.log)}") from None

    def not_ready(self, subject, reason, besides=frozenset()):
        """Waits until `/readyz` and its metric say that it is not, because of this and of nothing else but what follows from it."""
        def says_so():
            found = readiness(self.address)
            is_said = any(one["subject"] == subject and reason in one["reason"] for one in found["reasons"])
            return not found["ready"] and is_said and {one["subject"] for one in found["reasons"]} <= {subject, *besides}

        until(f"/readyz to say {reason!r} of {subject}", says_so)
        until("tim3_ready to be 0", lambda: self.prometheus.query("tim3_ready == 0"))

    def ready(self):
        until("/readyz to be true again", lambda: readiness(self.address)["ready"])
        until("tim3_ready to be 1", lambda: self.prometheus.query("tim3_ready == 1"))

    def rpc(self, chain, method, *params):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(
            self.node(chain)[1], json.dumps(call).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            if "error" in (said := json.loads(answer.read())):
                raise Failed(f"{method}: {said}")
        return said["result"]

    def node(self, chain):
        """The process id of a chain's node, and its URL."""
        chain_id, url = re.search(rf"^  {chain}  eip155:(\d+)  (\S+)", self.guide.read_text(), re.M).groups()
        devnet = self.processes.process("devnet").pid
        for directory in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == devnet and f"--chain-id={chain_id}" in (directory / "cmdline").read_text():
                    return int(directory.name), url
            except OSError:
                continue
        raise Failed(f"the devnet has no node for chain {chain}")

    def set_balance(self, chain, wei):
        account = json.loads((self.configuration.parent / "devnet.json").read_text())["accounts"]["submitter"]
        self.rpc(chain, "anvil_setBalance", account, hex(wei))

    def lock(self):
        """Does what the devnet says somebody could do next."""
        commands = re.search(r"^Lock 100 USDA.*?:\n(.*?)\n\n", self.guide.read_text(), re.M | re.S)[1]
        done = subprocess.run(["bash", "-ec", commands], capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"the devnet's commands for a lock: {done.stderr}")


def empty_signer_and_held_operation(scene):
    scene.lock()
    both = {("Tim3SignerFundsLow", "b"), ("Tim3OperationsHeld", None)}
    scene.expect("alerts about the signer without coins and the held operation", both, UNSENT)
    scene.not_ready("b", "its signer has too little left for fees")
    held = scene.tim3d("ops", "list", "--phase", "held")["items"]
    scene.set_balance("b", 10**22)
    scene.tim3d("ops", "approve", held[0]["id"], "--reason", "looked at")
    scene.expect("no alert once coins came and the operation was approved", set(), UNSENT)
    scene.ready()
    until("the approved operation", lambda: scene.tim3d("ops", "show", held[0]["id"])["phase"] == "completed")


def stopped_node(scene):
    node, _ = scene.node("b")
    os.kill(node, signal.SIGSTOP)
    try:
        stale = {("Tim3ChainStale", "b"), ("Tim3QuorumLost", "b"), ("Tim3EndpointUnusable", "b")}
        scene.expect("alerts about the stopped node's chain and no other", stale, LINGERING | UNSENT)
        # Whoever cannot read a chain cannot audit.
        scene.not_ready("b", "it has not answered for", besides={"TIM3"})
    finally:
        os.kill(node, signal.SIGCONT)
    scene.expect("no alert about the chain once its node goes on", set(), LINGERING | UNSENT)
    scene.ready()


def broken_books(scene):
    guide = scene.guide.read_text()
    gateway = re.search(r"^  b  eip155:\d+  \S+  gateway (\S+)", guide, re.M)[1]
    url, token = re.search(r"cast call --rpc-url (\S+) (\S+) 'balanceOf", guide).groups()
    account = json.loads((scene.configuration.parent / "devnet.json").read_text())["accounts"]["bob"]

    def as_gateway(signature):
        call = ["cast", "calldata", signature, account, "1"]
        data = subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()
        scene.rpc("b", "eth_sendTransaction", {"from": gateway, "to": token, "data": data})

    scene.rpc("b", "anvil_impersonateAccount", gateway)
    scene.rpc("b", "anvil_setBalance", gateway, hex(10**18))
    as_gateway("mint(address,uint256)")
    broken = {("Tim3AuditBreach", None), ("Tim3SigningStopped", None)}
    scene.expect("alerts about the broken books", broken, UNSENT)
    scene.not_ready("TIM3", "signing is stopped: audit breach: b: token supply")
    as_gateway("burn(address,uint256)")
    until("books that add up again", lambda: scene.prometheus.query("tim3_audit_breach == 0"))
    scene.expect("that signing stays stopped until an operator has looked", {("Tim3SigningStopped", None)}, UNSENT)
    scene.tim3d("resume", "TIM3", "--reason", "looked at")
    scene.expect("no alert once an operator resumed", set(), UNSENT)
    scene.ready()


def killed_daemon(scene):
    scene.processes.kill("tim3d")
    scene.expect("an alert about the killed daemon", {("Tim3Down", None)}, LINGERING | UNSENT)
    scene.start_daemon()
    scene.expect("no alert about the daemon once it runs again", set(), LINGERING | UNSENT)
    scene.ready()


def read_only_journal(scene):
    scene.processes.kill("tim3d")
    journals = scene.configuration.parent / "journals"
    journals.mkdir()
    command = [*scene.command(), "--set", f"journal.path={journals / 'journal.redb'}"]
    if os.geteuid() == 0:
        # Modes are nothing to root: the mount is read-only, for this process.
        mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-ec", mount, "sh", journals, *command]
    journals.chmod(0o500)
    refused = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    errors = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    if refused.returncode != 1 or len(errors) != 1 or "journals/journal.redb" not in errors[0]:
        raise Failed(f"with a read-only journal it ends with {refused.returncode}: {refused.stderr}")
    scene.expect("an alert about the daemon that does not start", {("Tim3Down", None)}, LINGERING | UNSENT)
    journals.chmod(0o700)
    scene.start_daemon()
    scene.expect("no alert about the daemon once it can write", set(), LINGERING | UNSENT)
    scene.ready()


def check(binaries, directory, processes):
    scene = Scene(binaries, directory, processes)
    for incident in (empty_signer_and_held_operation, broken_books, stopped_node, killed_daemon, read_only_journal):
        incident(scene)
        print(f"incidents: {incident.__name__.replace('_', ' ')}: the right alerts, and no other", flush=True)


if __name__ == "__main__":
    play("incidents", __doc__, check)
