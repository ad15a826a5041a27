#!/bin/sh
# After an installation or an upgrade. Nothing is enabled or started that was not: that is the operator's to say. A
# service that runs is restarted with the new binary. deb says "configure", rpm a number.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  systemctl try-restart weir.service || :
fi
