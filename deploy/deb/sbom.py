#!/usr/bin/env python3
"""Prints what is in the program tim3d, as CycloneDX 1.6 in JSON: every crate that it links on Linux, as Cargo.lock fixes it.

usage: deploy/deb/sbom.py
"""

import datetime
import json
import os
import pathlib
import subprocess
import tomllib

REPO = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", "x86_64-unknown-linux-gnu"]


def linked(nodes, root):
    """What `root` is made of, without what only its tests or its building need."""
    found, waiting = {}, [root]
    while waiting:
        package = waiting.pop()
        if package not in found:
            normal = lambda dependency: any(kind["kind"] is None for kind in dependency["dep_kinds"])
            found[package] = sorted(dependency["pkg"] for dependency in nodes[package]["deps"] if normal(dependency))
            waiting += found[package]
    return found


def component(package, checksums):
    name, version = package["name"], package["version"]
    made = {"type": "library", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    if package["license"]:
        made["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if package["source"]:
        made["purl"] = f"pkg:cargo/{name}@{version}"
        made["hashes"] = [{"alg": "SHA-256", "content": checksums[name, version]}]
    return made


def main():
    metadata = json.loads(subprocess.run(COMMAND, check=True, capture_output=True, cwd=REPO).stdout)
    lock = tomllib.loads((REPO / "Cargo.lock").read_text())
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    root = next(package["id"] for package in metadata["packages"] if package["name"] == "tim3d")
    found = linked({node["id"]: node for node in metadata["resolve"]["nodes"]}, root)
    reference = lambda package: f"{packages[package]['name']}@{packages[package]['version']}"
    time = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.UTC)
    subject = {**component(packages[root], checksums), "type": "application"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": subject},
        "components": [component(packages[package], checksums) for package in sorted(found, key=reference) if package != root],
        "dependencies": [
            {"ref": reference(package), "dependsOn": sorted(map(reference, found[package]))} for package in sorted(found, key=reference)
        ],
    }
    print(json.dumps(document, indent=1))


main()
