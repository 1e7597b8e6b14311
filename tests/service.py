#!/usr/bin/env python3
"""The daemon as systemd runs it, with a stand-in for systemd, on endpoints as providers have them.

A daemon between the three real chains of a devnet, under a user of its own where this runs as root. Chain b and the Solana chain are behind TLS with
an authority of their own, a user and password and a key in the URL, and a proxy that wants a password; every secret is a credential, the API's token
a file. While a user locks without pause:

* it says READY, how it does, and that it lives;
* a reload with mistakes, and one with endpoints of another chain, change nothing and say why; one with another endpoint and a lower limit
  takes both, and what needs a restart is named; no operation is lost;
* another API token is taken up, and the old one is good for nothing;
* frozen (SIGSTOP), it gives no sign of life;
* SIGTERM ends it within its stated time, and the next start finds everything.

No secret is in anything that any of this printed, logged, answered, exported or wrote to the journal, down to the level trace.

usage: tests/service.py DIRECTORY    where the binaries tim3d and tim3-devnet are; anvil, cast, solana-test-validator and openssl are on PATH
"""

import base64
import http.server
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from monitoring import Failed, free_port, get, play, readiness, start_devnet, until

NOBODY = 65534
WATCHDOG = 2.0
# daemon.shutdown_timeout, and what it takes to notice.
DRAIN = 20


class Manager:
    """systemd's end of sd_notify."""

    def __init__(self, address):
        self.address, self.told = address, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        if not address.startswith("@"):
            os.chmod(address, 0o666)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.told.append(dict(line.partition("=")[::2] for line in self.socket.recv(8192).decode().splitlines()))

    def count(self, key):
        return sum(told.get(key) == "1" for told in self.told)

    def status(self):
        return next((told["STATUS"] for told in reversed(self.told) if "STATUS" in told), "")


class Provider(http.server.BaseHTTPRequestHandler):
    """An endpoint that wants a user, a password and a key in the path."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        if self.headers.get("authorization") == server.authorization and self.path == server.path:
            request = urllib.request.Request(server.upstream, body, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, body = 200, answer.read()
        else:
            status, body = 401, b"{}"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy that wants a password, for tunnels only."""

    def do_CONNECT(self):
        if self.headers.get("proxy-authorization") != self.server.authorization:
            return self.send_error(407)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.server.tunnels += 1
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=relay, args=(upstream, self.connection), daemon=True)
            back.start()
            relay(self.connection, upstream)
            back.join()

    def log_message(self, *_):
        pass


def relay(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(handler, **attributes):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    vars(server).update(attributes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def give(path):
    """To the daemon's user."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Scene:
    """A devnet, what is in front of it, and the daemon with what it says."""

    def __init__(self, binaries, directory, processes):
        self.directory, self.processes = directory, processes
        self.binaries = binaries
        self.said, self.secrets = [], {}
        self.guide, devnet, self.address = start_devnet(processes, binaries, directory, "--solana")
        self.devnet = devnet.parent
        self.state, self.credentials = directory / "state", directory / "credentials"
        for made in (self.state, self.credentials):
            made.mkdir(mode=0o700)
        # Where nobody may look is where its program cannot be.
        self.program = directory / "tim3d"
        shutil.copy(binaries / "tim3d", self.program)
        directory.chmod(0o711)
        self.overlay, self.log = directory / "service.toml", None
        self.make_keys()
        self.proxy = serve(Proxy, authorization=basic("proxy", self.secret("proxy password")), tunnels=0)
        self.make_certificate()
        self.solana = self.provider("solana", "s")
        self.locks, self.stop_locking, self.locker = 0, threading.Event(), None

    def secret(self, what, text=None):
        """A text that nobody is to see."""
        self.secrets[what] = text or secrets.token_hex(12)
        return self.secrets[what]

    def credential(self, name, text):
        (self.credentials / name).write_text(f"{text}\n")
        (self.credentials / name).chmod(0o600)
        give(self.credentials / name)

    def make_keys(self):
        """The keystore that the daemon pays with is of a key that is in no other file's name."""
        password = self.directory / "password"
        password.write_text(self.secret("keystore password"))
        password.chmod(0o600)
        for name in ("carol", "guardian", "attester-one", "attester-two", "attester-three"):
            self.secret(f"key of {name}", (self.devnet / f"keys/{name}.key").read_text().strip())
        self.tim3d(
            "keys", "import", "paying", "--key-file", self.devnet / "keys/carol.key", "--password-file", password,
            "--dir", self.devnet / "keys",
        )
        keypair = self.directory / "id.json"
        keypair.write_text(self.solana_key("carol"))
        keypair.chmod(0o600)
        self.tim3d(
            "keys", "import", "paying-solana", "--kind", "solana", "--key-file", keypair, "--password-file", password,
            "--dir", self.devnet / "keys",
        )
        keypair.unlink()
        password.unlink()
        self.credential("paying", self.secrets["keystore password"])
        self.token = self.devnet / "api.token"
        self.token.write_text(self.secret("API token"))

    def solana_key(self, name):
        """The key as solana-keygen writes it: the seed and the public key, as numbers."""
        seed = bytes.fromhex(self.secrets[f"key of {name}"])
        private = bytes.fromhex("302e020100300506032b657004220420") + seed
        public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=private, check=True, capture_output=True)
        keypair = seed + public.stdout[-32:]
        number, text = int.from_bytes(keypair, "big"), ""
        while number:
            number, digit = divmod(number, 58)
            text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
        self.secret(f"key of {name} on Solana in base58", text)
        self.secret(f"key of {name} on Solana, spaced", ", ".join(map(str, seed)))
        return f"[{self.secret(f'key of {name} on Solana', ','.join(map(str, seed)))},{','.join(map(str, keypair[32:]))}]"

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-keyout", self.directory / "tls.key", "-out", self.directory / "tls.pem", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
            check=True, capture_output=True,
        )
        (self.directory / "tls.pem").chmod(0o644)

    def node(self, chain):
        return re.search(rf"^  {chain}  \w+:\w+  (\S+)", self.guide.read_text(), re.M)[1]

    def provider(self, name, chain):
        """An endpoint of `chain` behind TLS; gives where the configuration finds its URL."""
        password, key = self.secret(f"password of {name}"), self.secret(f"key in the URL of {name}")
        server = serve(Provider, authorization=basic("tim3", password), path=f"/rpc/{key}", upstream=self.node(chain))
        self.secrets[f"authorization of {name}"] = server.authorization.split()[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "tls.pem", self.directory / "tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.credential(name, f"https://tim3:{password}@localhost:{server.server_address[1]}{server.path}")
        if chain == "s":
            return f'{{ url = {{ credential = "{name}" }}, name = "{name}" }}'
        # A websocket is a hint only, and goes around TLS and proxy here.
        news = self.secret(f"key in the websocket URL of {name}")
        self.credential(f"{name}-news", f"{self.node(chain).replace('http', 'ws', 1)}/{news}")
        return f'{{ url = {{ credential = "{name}" }}, ws = {{ credential = "{name}-news" }}, name = "{name}" }}'

    def write(self, endpoint, limit, more=""):
        """What this operator lays over the devnet's configuration."""
        self.overlay.write_text(f"""
[journal]
path = "state/journal.redb"
[daemon]
shutdown_timeout = "{DRAIN}s"
[log]
filter = "trace"
[assets.TIM3]
limit = {{ amount = "{limit}", period = "1d" }}
t_max = "5d"
[chains.b]
endpoints = [{endpoint}]
[chains.s]
endpoints = [{self.solana}]
[chains.a.submit]
signer = {{ keystore = "devnet/keys/paying.json", password = {{ credential = "paying" }} }}
[chains.b.submit]
signer = {{ keystore = "devnet/keys/paying.json", password = {{ credential = "paying" }} }}
[chains.s.submit]
signer = {{ keystore = "devnet/keys/paying-solana.json", password = {{ credential = "paying" }} }}
{more}
""")

    def files(self):
        return "--config", self.devnet / "tim3d.toml", "--config", self.overlay

    def start(self, manager):
        for path in [self.state, self.credentials, *self.credentials.iterdir(), *self.devnet.rglob("*"), self.devnet]:
            give(path)
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
        environment = {
            "PATH": os.environ["PATH"],
            "NOTIFY_SOCKET": manager.address,
            "WATCHDOG_USEC": str(int(WATCHDOG * 1_000_000)),
            "CREDENTIALS_DIRECTORY": str(self.credentials),
            "SSL_CERT_FILE": str(self.directory / "tls.pem"),
            "HTTPS_PROXY": f"http://proxy:{self.secrets['proxy password']}@127.0.0.1:{self.proxy.server_address[1]}",
        }
        self.log = self.processes.start("tim3d", *user, self.program, *self.files(), "run", env=environment)
        until("the daemon to be ready", lambda: self.processes.check() or manager.count("READY"))
        self.pid = self.processes.process("tim3d").pid

    def tim3d(self, *arguments, code=0, environment=None):
        """What a command says, which no secret is in."""
        files = self.files() if self.overlay.exists() else ()
        credentials = {"CREDENTIALS_DIRECTORY": str(self.credentials)}
        answer = subprocess.run(
            [str(part) for part in (self.program, *files, *arguments)], capture_output=True, text=True, cwd=self.directory,
            env={"PATH": os.environ["PATH"], **credentials, **(environment or {})},
        )
        self.said.append((f"tim3d {arguments[0]} {arguments[1] if len(arguments) > 1 else ''}", answer.stdout + answer.stderr))
        if answer.returncode != code:
            raise Failed(f"tim3d {arguments}: {answer.returncode}, expected {code}: {answer.stdout}{answer.stderr}")
        return answer.stdout + answer.stderr

    def query(self, *arguments):
        return json.loads(self.tim3d(*arguments, "--json"))

    def metric(self, series):
        """The value of a series, or None; and of a series without its labels, all of them."""
        text = get(f"http://{self.address}/metrics")
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.M)
        return float(found[1]) if found else None

    def endpoints(self, chain):
        chains = json.loads(get(f"http://{self.address}/api/v1/chains"))
        return [endpoint["name"] for found in chains if found["name"] == chain for endpoint in found["endpoints"]]

    def hash(self):
        return re.search(r'^tim3_config_info\{hash="(\w+)"\} 1$', get(f"http://{self.address}/metrics"), re.M)[1]

    def reload_by_signal(self, manager, result):
        """SIGHUP; waits until it came to `result`, and the manager was told of beginning and end."""
        series = f'tim3_config_reloads_total{{result="{result}"}}'
        before, begun, done = self.metric(series), manager.count("RELOADING"), manager.count("READY")
        os.kill(self.pid, signal.SIGHUP)
        until(f"the reload to be {result}", lambda: self.processes.check() or self.metric(series) == before + 1)
        until("the manager to be told", lambda: manager.count("RELOADING") == begun + 1 and manager.count("READY") == done + 1)

    def begin_locking(self):
        """What the devnet says somebody could do next, again and again until `end_locking`."""
        commands = re.search(r"^Lock 100 USDA.*?:\n(.*?)\n\n", self.guide.read_text(), re.M | re.S)[1]
        approve, lock = re.findall(r"  cast send (?:.*\\\n)*.*", commands)
        approve = re.sub(r"\d+$", str(2**200), approve)
        subprocess.run(["bash", "-ec", approve], check=True, capture_output=True)

        def again():
            while not self.stop_locking.is_set():
                subprocess.run(["bash", "-ec", lock], check=True, capture_output=True)
                self.locks += 1

        self.stop_locking.clear()
        self.locker = threading.Thread(target=again)
        self.locker.start()

    def end_locking(self):
        self.stop_locking.set()
        if self.locker:
            self.locker.join()

    def completed(self):
        items = self.query("ops", "list", "--limit", "1000")["items"]
        return sum(item["phase"] == "completed" for item in items)

    def held(self):
        return self.query("ops", "list", "--phase", "held")["items"]


def starts(scene):
    manager = Manager(f"@tim3-service-{os.getpid()}")
    scene.write(scene.provider("first", "b"), 1_000_000)
    scene.tim3d("config", "check", "--keys")
    scene.start(manager)
    until("it to say that it relays", lambda: manager.status().startswith("relaying between 3 chains"))
    until("signs of life", lambda: manager.count("WATCHDOG") > 2)
    if not scene.proxy.tunnels:
        raise Failed("the endpoint behind the proxy was not asked through it")
    check = json.loads(scene.tim3d("config", "check", "--json"))
    if scene.hash() != check["hash"]:
        raise Failed(f"the hash in force is {scene.hash()}, and of the file {check['hash']}")
    limits = pathlib.Path(f"/proc/{scene.pid}/limits").read_text()
    if not re.search(r"^Max core file size +0 +0 ", limits, re.M):
        raise Failed(f"core dumps are possible:\n{limits}")
    # Of a process that others cannot look into, the files are root's, whoever's process it is.
    if os.stat(f"/proc/{scene.pid}/environ").st_uid != 0:
        raise Failed("others of its user can look into the process")
    if not scene.metric("process_open_fds") or not scene.metric("process_start_time_seconds"):
        raise Failed("it cannot see itself any more")
    scene.begin_locking()
    return manager


def reload_changes_all_or_nothing(scene, manager):
    until("operations to complete", lambda: scene.processes.check() or scene.completed() >= 2)
    before = scene.hash(), scene.endpoints("b")
    good = scene.overlay.read_text()

    def refused(text, code, *words):
        """By signal and by command, which reads the configuration, too, to find the daemon."""
        scene.overlay.write_text(text)
        scene.reload_by_signal(manager, "refused")
        said = scene.tim3d("config", "reload", code=code)
        told = [json.loads(line) for line in scene.log.read_text().splitlines() if "configuration not reloaded" in line]
        for word in words:
            if word not in said or word not in told[-1]["why"]:
                raise Failed(f"a refused reload does not say {word!r}: {said}{told[-1]}")
        if (scene.hash(), scene.endpoints("b")) != before:
            raise Failed("a refused reload changed something")
        if scene.metric("tim3_config_reload_refused") != 1:
            raise Failed("the metric does not say that a reload was refused")
        scene.overlay.write_text(good)

    strange = good.replace('"1000000"', '"1"') + "\n[api]\nlisten = 7\n[chains.a]\nquorum = 9\n"
    refused(strange, 2, "2 mistakes", "api.listen", "chains.a.quorum", "service.toml:")
    elsewhere = good.replace('"1000000"', '"1"').replace(re.search(r"endpoints = .*", good)[0], f"endpoints = [{scene.provider('other', 'a')}]")
    refused(elsewhere, 1, "endpoints of chains.b", "serve chain id")
    count = scene.completed()
    until("operations to complete under the old limit", lambda: scene.processes.check() or scene.completed() > count + 1)

    second = scene.provider("second", "b")
    scene.write(second, 150)
    scene.reload_by_signal(manager, "applied")
    if scene.metric("tim3_config_reload_refused") != 0 or scene.hash() != json.loads(scene.tim3d("config", "check", "--json"))["hash"]:
        raise Failed("what is in force is not what the file says")
    if scene.metric('tim3_endpoint_usable{chain="b",endpoint="second"}') is None or scene.metric('tim3_endpoint_usable{chain="b",endpoint="first"}') is not None:
        raise Failed("metrics do not tell of the new endpoint alone")
    until("operations over the lower limit to be held", lambda: scene.processes.check() or scene.held())
    reasons = {item["reason"] for item in scene.held()}
    if reasons != {"the rolling limit is used up"}:
        raise Failed(f"held for {reasons}")

    scene.write(second, 1_000_000, '[audit]\ninterval = "3s"\n')
    answer = scene.query("config", "reload")
    changes = {change["key"]: change["applied"] for change in answer["changes"]}
    if changes != {"assets.TIM3.limit.amount": True, "audit.interval": False} or answer["hash"] != scene.hash():
        raise Failed(f"a reload answers {answer}")
    if scene.metric("tim3_config_keys_waiting_for_restart") != 1:
        raise Failed("the metric does not say that a key waits for a restart")
    scene.end_locking()
    until("every operation to complete", lambda: scene.processes.check() or scene.completed() == scene.locks)
    until("an exact audit", lambda: scene.query("audit")["assets"][0]["supply"] == str(scene.locks * 100 * 10**6))


def token_is_replaced(scene, manager):
    """In the file that the configuration names: by signal, because a command already has the new one."""
    before = scene.secrets["API token"]
    scene.token.write_text(scene.secret("second API token"))
    give(scene.token)
    scene.tim3d("config", "reload", code=1)
    scene.reload_by_signal(manager, "applied")
    old = scene.directory / "old.token"
    old.write_text(before)
    old.chmod(0o600)
    scene.tim3d("config", "reload", "--token-file", old, code=1)
    if any(change["applied"] for change in scene.query("config", "reload")["changes"]):
        raise Failed("a reload of the same changed something")


def frozen(scene, manager):
    os.kill(scene.pid, signal.SIGSTOP)
    try:
        until("it to be stopped", lambda: "T (stopped)" in pathlib.Path(f"/proc/{scene.pid}/status").read_text())
        before = manager.count("WATCHDOG")
        # What it had said already is heard within no time; systemd would end it now.
        time.sleep(WATCHDOG)
        time.sleep(WATCHDOG)
        if manager.count("WATCHDOG") > before + 1:
            raise Failed("a frozen daemon gave signs of life")
    finally:
        os.kill(scene.pid, signal.SIGCONT)
    until("signs of life again", lambda: manager.count("WATCHDOG") > before + 1)
    until("it to be ready again", lambda: readiness(scene.address)["ready"])


def stops_and_starts_again(scene, manager):
    scene.begin_locking()
    count = scene.completed()
    until("something to be on its way", lambda: scene.processes.check() or scene.completed() > count)
    examine(scene)
    process = scene.processes.process("tim3d")
    scene.processes.running = [one for one in scene.processes.running if one[1] is not process]
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=DRAIN)
    scene.end_locking()
    if code != 0 or not manager.count("STOPPING"):
        raise Failed(f"it ended with {code} after {manager.told[-3:]}")
    scene.said.append(("service manager", json.dumps(manager.told)))
    scene.said.append(("log", scene.log.read_text(errors="replace")))
    scene.tim3d("journal", "verify")
    scene.tim3d("journal", "export")
    manager = Manager(str(scene.directory / "notify"))
    scene.start(manager)
    until("every operation to complete", lambda: scene.processes.check() or scene.completed() == scene.locks)
    supply = str(scene.locks * 100 * 10**6)
    until("an exact audit", lambda: scene.query("audit")["assets"][0]["supply"] == supply and scene.query("audit")["exact"])
    scene.said.append(("log of the second start", scene.log.read_text(errors="replace")))


def examine(scene):
    """Everything that can be asked of it."""
    paths = ["/metrics", "/healthz", "/readyz", "/api/v1/status", "/api/v1/chains", "/api/v1/operations", "/api/v1/positions", "/api/v1/audit"]
    for path in paths:
        scene.said.append((path, get(f"http://{scene.address}{path}")))
    some = scene.query("ops", "list", "--limit", "1")["items"][0]["id"]
    for arguments in (["ops", "explain", some], ["config", "show"], ["config", "check"], ["status"], ["positions"], ["keys", "list", "--dir", scene.devnet / "keys"]):
        scene.tim3d(*arguments)
        scene.tim3d(*arguments, "--json")
    scene.said.append(("ps", pathlib.Path(f"/proc/{scene.pid}/cmdline").read_text()))


def check_secrets(scene):
    if len(scene.said) < 30 or len(scene.secrets) < 15:
        raise Failed("too little was said or hidden for this to mean anything")
    if not all('"level":"TRACE"' in text and "hyper" in text for where, text in scene.said if where.startswith("log")):
        raise Failed("the log does not say everything")
    leaks = [f"{what} in {where}" for where, text in scene.said for what, secret in scene.secrets.items() if secret in text]
    if leaks:
        raise Failed("\n".join(sorted(set(leaks))))
    size = sum(len(text) for _, text in scene.said)
    print(f"service: none of {len(scene.secrets)} secrets in {size >> 10} KiB of output")


def check(binaries, directory, processes):
    scene = Scene(binaries, directory, processes)
    try:
        manager = starts(scene)
        reload_changes_all_or_nothing(scene, manager)
        token_is_replaced(scene, manager)
        frozen(scene, manager)
        stops_and_starts_again(scene, manager)
    finally:
        scene.end_locking()
    check_secrets(scene)
    print(f"service: ready, reloads, watchdog and stop as systemd wants them; {scene.locks} operations, none lost")


if __name__ == "__main__":
    play("service", __doc__, check)
