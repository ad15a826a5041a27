#!/usr/bin/env bash
# Installs the pinned npm clients beside this file, once per lock file. Tests of several packages may call it at once.
set -euo pipefail
cd "$(dirname "$0")"
exec 9<package-lock.json
flock 9
stamp=node_modules/.installed-from
sum=$(sha256sum package-lock.json)
if [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ]; then
  # Engine warnings are about the npm's own node; the clients run on the pinned one.
  npm ci --omit=dev --no-audit --no-fund --ignore-scripts
  echo "$sum" >"$stamp"
fi
