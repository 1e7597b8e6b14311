#!/usr/bin/env python3
"""The journal is lost: a daemon with an empty one finishes what was open, and doubles nothing that was done.

Between the two real chains of a devnet, 500 operations run to their end. Of 20 more, half are on their way when the daemon is killed, and half
are begun while it is away. Its journal is deleted, and it is started again: it reads the gateways from their birth, the 20 are finished, the 500
appear as what they are, and every recipient has what it was sent, once, by the tokens' own books.

usage: tests/recovery.py DIRECTORY    where the binaries tim3d and tim3-devnet are; anvil and cast are on PATH
"""

import json
import re
import shlex
import subprocess
import urllib.request

from monitoring import Failed, play, readiness, start_devnet, until

PAST, OPEN = 500, 20
# What the devnet's printed command locks, and how much of that is one token.
AMOUNT = 100 * 10**6


class Chain:
    """One chain, asked directly."""

    def __init__(self, guide, name):
        self.url, self.gateway = re.search(rf"^  {name}  eip155:\d+  (\S+)  gateway (\S+)", guide, re.M).groups()

    def ask(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.loads(answer.read())
        if "error" in said:
            raise Failed(f"{method}: {said['error']}")
        return said["result"]


class Scene:
    def __init__(self, binaries, directory, processes):
        self.binaries, self.processes = binaries, processes
        guide, self.configuration, self.address = start_devnet(processes, binaries, directory)
        guide = guide.read_text()
        self.a, self.b = Chain(guide, "a"), Chain(guide, "b")
        self.user = json.loads((self.configuration.parent / "devnet.json").read_text())["accounts"]["alice"]
        self.token = re.search(rf"cast call --rpc-url {re.escape(self.b.url)} (\S+) 'balanceOf", guide)[1]
        commands = re.search(r"^Lock 100 USDA.*?:\n(.*?)\n\n", guide, re.M | re.S)[1].replace("\\\n", " ")
        approve, lock = map(shlex.split, commands.splitlines())
        at = approve.index("approve(address,uint256)")
        self.send(approve[at - 1], [*approve[at:-1], str(2**200)], 1)
        self.lock_call = lock[lock.index(next(word for word in lock if word.startswith("lock("))):]

    def send(self, to, call, count):
        """The user sends the same call so many times."""
        data = subprocess.run(["cast", "calldata", *call], check=True, capture_output=True, text=True).stdout.strip()
        self.a.ask("anvil_impersonateAccount", self.user)
        nonce = int(self.a.ask("eth_getTransactionCount", self.user, "pending"), 16)
        for number in range(nonce, nonce + count):
            transaction = {"from": self.user, "to": to, "data": data, "nonce": hex(number), "gas": hex(1_000_000)}
            self.a.ask("eth_sendTransaction", transaction)
        mined = lambda: int(self.a.ask("eth_getTransactionCount", self.user, "latest"), 16) == nonce + count
        until(f"{count} transactions to be included", mined)

    def lock(self, count):
        self.send(self.a.gateway, self.lock_call, count)

    def start(self):
        self.processes.start("tim3d", self.binaries / "tim3d", "run", "--config", self.configuration)
        until("the daemon to be ready", lambda: self.processes.check() or readiness(self.address)["ready"])

    def query(self, *arguments):
        command = [str(self.binaries / "tim3d"), *arguments, "--json", "--config", str(self.configuration)]
        answer = subprocess.run(command, capture_output=True, text=True)
        return json.loads(answer.stdout) if answer.stdout.strip() else {}

    def phases(self):
        found = {}
        for item in self.query("ops", "list", "--limit", "10000").get("items", []):
            found[item["phase"]] = found.get(item["phase"], 0) + 1
        return found

    def received(self):
        """What the user got on the other chain, by the token itself."""
        call = subprocess.run(
            ["cast", "call", "--rpc-url", self.b.url, self.token, "balanceOf(address)(uint256)", self.user],
            check=True, capture_output=True, text=True,
        )
        return int(call.stdout.split()[0])


def check(binaries, directory, processes):
    scene = Scene(binaries, directory, processes)
    scene.start()
    scene.lock(PAST)
    until("the past operations to complete", lambda: processes.check() or scene.phases() == {"completed": PAST})
    scene.lock(OPEN // 2)
    until("some more to be seen", lambda: processes.check() or sum(scene.phases().values()) > PAST)
    processes.kill("tim3d")
    scene.lock(OPEN - OPEN // 2)
    before = scene.received()
    if not PAST * AMOUNT <= before < (PAST + OPEN) * AMOUNT:
        raise Failed(f"{before} were received, so nothing is open")
    journal = scene.configuration.parent / "journal.redb"
    journal.unlink()

    scene.start()
    all_done = {"completed": PAST + OPEN}
    until("every operation to complete", lambda: processes.check() or scene.phases() == all_done)
    supply = str((PAST + OPEN) * AMOUNT)
    exact = lambda: (audit := scene.query("audit")).get("exact") and audit["assets"][0]["supply"] == supply
    until("an exact audit", exact)
    if scene.received() != (PAST + OPEN) * AMOUNT:
        raise Failed(f"{scene.received()} were received, expected {(PAST + OPEN) * AMOUNT}")
    print(f"recovery: with an empty journal, {OPEN} open operations were finished and none of {PAST} past ones was doubled")


if __name__ == "__main__":
    play("recovery", __doc__, check)
