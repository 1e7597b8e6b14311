#!/usr/bin/env python3
"""The operations guide (docs/) says what is true of the program and the rules beside it.

* every link of the guide and of the README resolves, with its heading, every file they name exists, and the contents list every page;
* every alert has a severity, a summary, a description and its runbook, and is tested both ways; every runbook has an alert and all its parts;
* every metric of crates/telemetry is in docs/metrics.md with its labels, and nothing else is;
* every key of the configuration is in docs/configure.md with its default, and nothing else is; every piece of configuration there is accepted;
* every `tim3d` command that is shown exists, with its options.

usage: tests/docs.py BINARY    the tim3d to compare with
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

REPO = pathlib.Path(__file__).resolve().parent.parent
DOCS = REPO / "docs"
RUNBOOKS = DOCS / "runbooks"
RULES = REPO / "deploy/prometheus"
EXAMPLE = REPO / "config/tim3d.example.toml"
PARTS = ["What it means", "How to check", "What to do", "What not to do"]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")


def rows(text):
    """The cells of every row of every table."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def check_links():
    problems = []
    for page in [*DOCS.rglob("*.md"), REPO / "README.md"]:
        name = page.relative_to(REPO)
        for link in LINK.findall(without_code(page.read_text())):
            if link.startswith(("http://", "https://")):
                continue
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                problems.append(f"{name}: {link} leads nowhere")
            elif heading:
                headings = {slug(found) for found in re.findall(r"^#+ (.*)$", FENCE.sub("", target.read_text()), re.M)}
                if heading not in headings:
                    problems.append(f"{name}: {link}: there is no such heading")
        # What is outside the guide has no link, because the built book does not have it.
        for path in re.findall(r"`((?:config|contracts|crates|deploy|tests)/[\w./-]+)`", page.read_text()):
            if not (REPO / path).exists():
                problems.append(f"{name}: there is no {path}")
        if page.is_relative_to(DOCS):
            out = [link for link in LINK.findall(without_code(page.read_text())) if not (page.parent / link).resolve().is_relative_to(DOCS)]
            problems += [f"{name}: {link} leads out of the book" for link in out if "://" not in link]
    listed = {(DOCS / link).resolve() for link in LINK.findall((DOCS / "SUMMARY.md").read_text())}
    pages = set(DOCS.rglob("*.md")) - {DOCS / "SUMMARY.md"}
    problems += [f"SUMMARY.md does not list {page.relative_to(DOCS)}" for page in pages - listed]
    return problems


def check_alerts():
    text = (RULES / "rules/alerts.yml").read_text()
    tests = "".join(file.read_text() for file in (RULES / "tests").glob("*.yml"))
    alerts = {re.match(r"\w+", part)[0]: part for part in re.split(r"- alert: ", text)[1:]}
    problems = [] if alerts else ["no alerts were found"]
    index = (RUNBOOKS / "index.md").read_text()
    for name, rule in alerts.items():
        severity = re.search(r"severity: (critical|warning)\b", rule)
        wanted = {"a severity": severity, "a summary": "summary: " in rule, "a description": "description: " in rule}
        wanted["its runbook"] = f"runbook: docs/runbooks/{name}.md" in rule
        wanted["a test that it fires"] = re.search(rf"alertname: {name}\n +exp_alerts:\n", tests)
        wanted["a test that it does not"] = re.search(rf"alertname: {name}\n +exp_alerts: \[\]\n", tests)
        problems += [f"alert {name} lacks {what}" for what, there in wanted.items() if not there]
        page = RUNBOOKS / f"{name}.md"
        if not page.exists() or not severity:
            problems.append(f"alert {name} has no page {page.relative_to(REPO)}")
            continue
        text = page.read_text()
        if not text.startswith(f"# {name}\n\nSeverity: {severity[1]}\n"):
            problems.append(f"{page.name} does not begin with its name and severity")
        if re.findall(r"^## (.*)$", text, re.M) != PARTS:
            problems.append(f"{page.name} does not have the parts {', '.join(PARTS)}")
        if f"| [{name}]({name}.md) | {severity[1]} |" not in index:
            problems.append(f"the list of runbooks lacks {name}, {severity[1]}")
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"index"}
    return problems + [f"runbooks/{name}.md has no alert" for name in pages - alerts.keys()]


def check_metrics():
    source = "".join(file.read_text() for file in (REPO / "crates/telemetry/src").rglob("*.rs") if file.name != "tests.rs")
    register = r'register\s*\.\w+\(\s*"(\w+)",\s*(?:amount!\()?"(?:[^"\\]|\\.)*"\)?,\s*(?:&\[([^\]]*)\]|(\w+))?'
    declared = {}
    for name, labels, shared in re.findall(register, source):
        if shared and (list_of := re.search(rf"let {shared} = &\[([^\]]*)\]", source)):
            labels = list_of[1]
        declared[name] = set(re.findall(r'"(\w+)"', labels))
    documented = {
        cells[0].strip("`"): set(re.findall(r"`(\w+)`", cells[2]))
        for cells in rows((DOCS / "metrics.md").read_text())
        if cells[0].startswith("`tim3_") and len(cells) == 4
    }
    problems = [] if declared else ["no metrics were found in crates/telemetry"]
    problems += [f"docs/metrics.md lacks {name}" for name in declared.keys() - documented.keys()]
    problems += [f"docs/metrics.md has {name}, which is no metric" for name in documented.keys() - declared.keys()]
    for name in declared.keys() & documented.keys():
        if declared[name] != documented[name]:
            problems.append(f"docs/metrics.md: {name} has the labels {', '.join(sorted(declared[name])) or 'none'}")
    return problems


def run(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, cwd=REPO)


def general(key):
    """A key of a configuration as the guide names it: without the operator's own names."""
    key = re.sub(r"\[\d+\]", "[]", key)
    key = re.sub(r"^(chains|markets|attesters)\.\w+\.", r"\1.NAME.", key)
    key = re.sub(r"^keeper\.(chains|markets|prices|venues)\.\w+\.", r"keeper.\1.NAME.", key)
    key = re.sub(r"^keeper\.inventory\.\w+\.(chains\.\w+\.)?", lambda found: "keeper.inventory.SYMBOL." + ("chains.NAME." if found[1] else ""), key)
    key = re.sub(r"^(keeper\.)?assets\.\w+\.", r"\1assets.SYMBOL.", key)
    # What a place of a secret or a key is made of, is not a key of its own.
    return re.sub(r"\.(env|file|credential|keystore|password)\b.*$", "", key)


def check_configuration(binary, directory):
    text = (DOCS / "configure.md").read_text()
    prefixes = ("journal.", "daemon.", "log.", "api.", "audit.", "anchor.", "chains.", "assets.", "markets.", "attesters.", "keeper.")
    documented = {cells[0].strip("`"): cells[1] for cells in rows(text) if cells[0].strip("`").startswith(prefixes)}
    pieces = [(kind, body) for _, kind, body in FENCE.findall(text) if kind == "toml"]
    problems = [] if pieces and documented else ["docs/configure.md shows no key or no configuration"]
    shown = {}
    for number, (_, piece) in enumerate([("toml", ""), *pieces]):
        file = directory / f"piece-{number}.toml"
        file.write_text(piece)
        answer = run(binary, "--config", EXAMPLE, "--config", file, "config", "check")
        if answer.returncode:
            problems.append(f"docs/configure.md, configuration {number}: {answer.stderr.strip()}")
            continue
        answer = run(binary, "--config", EXAMPLE, "--config", file, "config", "show", "--json")
        for setting in json.loads(answer.stdout):
            shown.setdefault(general(setting["key"]), []).append(setting)
    problems += [f"docs/configure.md lacks {key}" for key in shown.keys() - documented.keys()]
    for key, default in documented.items():
        if is_unknown(binary, directory, key):
            problems.append(f"docs/configure.md has {key}, which does not exist")
        defaults = {one["value"] for one in shown.get(key, []) if one["source"] == "default"}
        if default.startswith("`") and defaults and defaults != set(re.findall(r"`([^`]*)`", default)):
            problems.append(f"docs/configure.md: the default of {key} is {', '.join(defaults)}, not {default}")
    return problems


def is_unknown(binary, directory, key):
    """Whether the program knows no such key on any kind of chain: asked with a value that is wrong for every key."""
    forms = [key.replace("chains.NAME", f"chains.{chain}") for chain in ("base", "solana", "ao", "ao_v1")]
    names = {"SYMBOL": "TIM3", "NAME": "usda" if key.startswith("markets") else "one"}
    for word, name in names.items():
        forms = [form.replace(word, name) for form in forms]
    return all(is_unknown_on(binary, directory, form) for form in set(forms))


def is_unknown_on(binary, directory, key):
    table, _, last = key.partition("[].")
    file = directory / "wrong.toml"
    profile = 'chains.ao_v1.profile = "tim3-v1"\n' if key.startswith("chains.ao_v1") else ""
    file.write_text(profile + (f"{table} = [{{ {last} = [] }}]\n" if last else f"{table} = []\n"))
    return "found an unknown key" in run(binary, "--config", EXAMPLE, "--config", file, "config", "check").stderr


def commands():
    """Every shown `tim3d …`, with where it stands."""
    for page in [*DOCS.rglob("*.md"), REPO / "README.md"]:
        text = page.read_text()
        lines = [line.strip() for _, kind, body in FENCE.findall(text) if kind == "sh" for line in body.splitlines()]
        lines += re.findall(r"`(tim3d [^`]*)`", re.sub(r"\s*\n\s*", " ", FENCE.sub("", text)))
        for line in lines:
            # Of alternatives, `approve\|void`, the first.
            line = re.sub(r"(\\?\|\w+)+", "", re.split(r" [|>#]", line)[0])
            if match := re.match(r"(?:\./)?tim3d(?:-new)? (.*)", line):
                yield page.relative_to(REPO), match[1]


def check_commands(binary):
    problems, helps = [], {}
    found = sorted(set(commands()))
    for page, command in found:
        words = command.split()
        subcommands = []
        for word in words:
            if not re.fullmatch(r"[a-z][a-z0-9]*", word) or len(subcommands) == 2:
                break
            subcommands.append(word)
        # A word such as the shell of `completions bash` is an argument and no command.
        for path in (subcommands, subcommands[:1]):
            key = tuple(path)
            if key not in helps:
                helps[key] = run(binary, *path, "--help")
            answer = helps[key]
            if not answer.returncode or path[1:] and "\nCommands:\n" in run(binary, *path[:1], "--help").stdout:
                break
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if answer.returncode:
            problems.append(f"{page}: `tim3d {command}`: no such command")
        problems += [f"{page}: `tim3d {command}` has no {o}" for o in options if f"{o}" not in answer.stdout.split()]
    return problems if found else ["no commands were found"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="tim3-docs-") as directory:
        problems = check_links() + check_alerts() + check_metrics() + check_commands(binary)
        problems += check_configuration(binary, pathlib.Path(directory))
    if problems:
        sys.exit("docs: " + "\ndocs: ".join(problems))
    print(f"docs: {len(list(DOCS.rglob('*.md')))} pages agree with program, rules and each other")


main()
