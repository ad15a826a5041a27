#!/bin/sh
# After a removal. A purge (deb alone) has taken the configuration that is the package's; what an operator put beside
# it, such as tokens, stays, and with it the folder.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
if [ "${1:-}" = purge ]; then
  rmdir "${DPKG_ROOT:-}/etc/weir" 2>/dev/null || :
fi
