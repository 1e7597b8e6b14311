#!/usr/bin/env bash
# Writes what the daemon and the devnet deploy to crates/ethereum/artifacts: name, ABI, creation bytecode and where it is to be linked.
#   ./export.sh           builds and writes
#   ./export.sh --check   builds and fails when a committed file is stale
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
target=../../crates/ethereum/artifacts
[[ -f ${TIM3_CACHE:-$HOME/.cache/tim3}/env.sh ]] && source "${TIM3_CACHE:-$HOME/.cache/tim3}/env.sh"

check=0
case ${1-} in
  '') ;;
  --check) check=1 ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac

# Folders of its own: what a test run leaves in out/ is not complete, and the code depends on which sources are compiled together.
export FOUNDRY_OUT=cache/export/out FOUNDRY_CACHE_PATH=cache/export/cache
forge build src dev >&2

EXPORT_CHECK=$check node - "$target" <<'JS'
const fs = require('fs');
const path = require('path');

// In the order of deployment: the libraries, the gateway that links them, then what is told the gateway's address, what keepers have, and what devnets have.
const contracts = ['Actions', 'Orders', 'Governance', 'Gateway', 'Synthetic', 'ChainlinkOracle', 'Executor', 'TestToken', 'TestAggregator'];
const limit = 24576; // EIP-170
const target = process.argv[2];
const check = process.env.EXPORT_CHECK === '1';
const stale = [];

fs.mkdirSync(target, { recursive: true });
for (const name of contracts) {
  const built = JSON.parse(fs.readFileSync(path.join(process.env.FOUNDRY_OUT, `${name}.sol`, `${name}.json`), 'utf8'));
  const size = (built.deployedBytecode.object.length - 2) / 2;
  if (size > limit) throw new Error(`${name} has ${size} bytes, more than the ${limit} of EIP-170`);
  const artifact = {
    contractName: name,
    abi: built.abi,
    bytecode: built.bytecode.object,
    linkReferences: built.bytecode.linkReferences,
  };
  const text = `${JSON.stringify(artifact, null, 1)}\n`;
  const file = path.join(target, `${name}.json`);
  if (check) {
    if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) stale.push(file);
  } else {
    fs.writeFileSync(file, text);
  }
  console.error(`${name}: ${size} bytes`);
}
if (stale.length > 0) {
  console.error(`stale, run contracts/ethereum/export.sh: ${stale.join(', ')}`);
  process.exit(1);
}
JS
