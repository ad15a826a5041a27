#!/bin/sh
# Before a removal, and before the old version of an upgrade goes, which stops nothing: deb says "remove" or "upgrade",
# rpm 0 or 1.
set -e
case "${1:-}" in
  remove | 0)
    if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
      systemctl --no-reload disable --now weir.service || :
    fi
    ;;
esac
