#!/bin/busybox sh
# The first process of the guest: mounts, a look at the kernel as it comes, limits, the job, its files back over the
# fourth serial line, power off.
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
# As the kernel comes the connections do not fit, where docs/SYSCTL.md says.
untuned=/out/untuned.txt wrong=""
/job/weir doctor --config /job/server.yaml >$untuned 2>&1
echo "doctor: exit code $?" >>$untuned
timeout 20 /job/weir serve --config /job/server.yaml >>$untuned 2>&1
echo "serve: exit code $?" >>$untuned
. /job/sizes
# Fewer than 100,000 may fit as it comes.
[ "$connections" -lt 100000 ] || for line in '^MUST  *RLIMIT_NOFILE ' '^MUST  *net.ipv4.tcp_mem (max) ' \
  '^doctor: exit code 1$' 'above the limit on open files' '^serve: exit code 2$'; do
  grep -q "$line" $untuned || wrong="$wrong; untuned.txt has no $line"
done
# As docs/SYSCTL.md sets it they do; job.sh asks doctor.
while read -r key _ value; do
  case $key in '' | '#'*) continue ;; esac
  echo "$value" >"/proc/sys/$(echo "$key" | tr . /)" || wrong="$wrong; $key cannot be set"
done </job/kernel.conf
ulimit -n "$descriptors"
echo "start $(cut -d' ' -f1 /proc/uptime)" >&7
# Progress goes through a pipe: on a terminal it would be one line that changes.
{ sh /job/command </dev/null 2>&1 >&5 5>&- 6>&- 7>&-; echo $? >/tmp/code; } | cat >&6
code=$(cat /tmp/code)
[ -z "$wrong" ] || { echo "the kernel before the run$wrong" >&6; [ "$code" != 0 ] || code=4; }
echo "end after $(cut -d' ' -f1 /proc/uptime) s by the guest's clock, code=$code" >&7
echo OUT >&7
tar -C /out -cf - . >&7
exec 5>&- 6>&- 7>&-
poweroff -f
