#!/bin/busybox sh
# The first process of the guest: mounts, limits, the job, its files back over the fourth serial line, power off.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TMPDIR=/tmp TERM=dumb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
exec </dev/null >/dev/ttyS0 2>&1
exec 5>/dev/ttyS1 6>/dev/ttyS2 7>/dev/ttyS3
for t in 1 2 3; do stty -F /dev/ttyS$t raw -echo; done
ifconfig lo 127.0.0.1 netmask 255.0.0.0 up
hostname guest
set_() { echo "$2" >/proc/sys/$1 || echo "init: cannot set $1"; }
pages=$(awk '/MemTotal/ {print int($2 / 4)}' /proc/meminfo)
set_ fs/nr_open 1048576
set_ fs/file-max 4194304
set_ fs/epoll/max_user_watches 4194304
set_ net/core/somaxconn 65535
set_ net/core/netdev_max_backlog 65535
set_ net/ipv4/tcp_max_syn_backlog 65535
set_ net/ipv4/ip_local_port_range "10240 65535"
set_ net/ipv4/tcp_max_orphans 262144
set_ net/ipv4/tcp_mem "$((pages / 4)) $((pages / 3)) $((pages / 2))"
ulimit -n 1048576
echo "start $(cut -d' ' -f1 /proc/uptime)" >&7
# Progress goes through a pipe: on a terminal it would be one line that changes.
{ sh /job/command </dev/null 2>&1 >&5 5>&- 6>&- 7>&-; echo $? >/tmp/code; } | cat >&6
code=$(cat /tmp/code)
echo "end after $(cut -d' ' -f1 /proc/uptime) s by the guest's clock, code=$code" >&7
echo OUT >&7
tar -C /out -cf - . >&7
exec 5>&- 6>&- 7>&-
poweroff -f
