#!/usr/bin/env bash
# run.sh WEIR OUT [CONNECTIONS]: holds so many connections (100,000) in one server process and writes the report to
# OUT. sizes.sh says what they need.
#
# Where a process may have a fifth more descriptors it runs right here. Elsewhere (containers and build machines often
# stop at 20,000, and only the machine's owner can change that) it boots a Linux of its own, in which it is root:
# Debian's cloud kernel under qemu's software emulation, which needs no privilege but that to install packages, once.
# Nothing on this machine is raised or changed, and the guest has no network but its loopback. WEIR must be static.
#
# GUEST=always and GUEST=never overrule the choice. Kernel and initramfs are kept in ~/.cache/weir-guest.
# The guest looks twice at its kernel with weir doctor: as it comes (untuned.txt), when the connections must not fit,
# and with docs/deploy/99-weir.conf and what sizes.sh adds (tuned.txt), when they must.
#
# Exit codes are those of weir load; 4: an untuned kernel did not fail where docs/SYSCTL.md says; 124: over the time
# limit; 125: no guest, or one that died.
set -euo pipefail
weir=$(realpath "$1") out=$2 connections=${3:-100000}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(realpath "$out")
say() { echo "guest: $*" >&2; }
. "$here/sizes.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/weir-guest.XXXXXX")
guest='' readers=()
cleanup() {
  [ -z "$guest" ] || { kill -- "-$guest" 2>/dev/null || :; wait "$guest" 2>/dev/null || :; }
  for p in ${readers[@]+"${readers[@]}"}; do kill "$p" 2>/dev/null || :; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

files=$work/job
mkdir -p "$files"
cp -L "$weir" "$files/weir"
cp "$here/job.sh" "$files/"
sizes "$files" "$connections"

have=$(ulimit -Hn)
if [ "${GUEST:-}" != always ] &&
  { [ "$have" = unlimited ] || [ "$have" -ge $((connections * 6 / 5)) ] || [ "${GUEST:-}" = never ]; }; then
  say "a process may have $have descriptors: no guest is needed"
  code=0
  timeout -k 10 "$limit" sh "$files/job.sh" "$files" "$out" "$connections" || code=$?
  exit "$code"
fi
free=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
say "a process may have $have descriptors here: booting a guest with $memory_mib MiB"
[ "$free" -gt "$memory_mib" ] || { say "this machine has $free MiB available: free some, or hold fewer"; exit 125; }

# 1. What it needs: qemu, busybox, cpio, and a kernel, which stays out of /boot.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir-guest
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq "$@" >&2; }
need=()
command -v qemu-system-x86_64 >/dev/null || need+=(qemu-system-x86)
command -v cpio >/dev/null || need+=(cpio)
busybox=/bin/busybox
{ [ -x $busybox ] && ! ldd $busybox >/dev/null 2>&1; } || need+=(busybox-static)
if [ ${#need[@]} -gt 0 ]; then
  say "installing ${need[*]}"
  apt install -y --no-install-recommends "${need[@]}" ||
    { apt update && apt install -y --no-install-recommends "${need[@]}"; }
fi
kernel=$cache/vmlinuz
if [ ! -s "$kernel" ]; then
  say "fetching a kernel (linux-image-cloud-amd64)"
  package() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}'; }
  [ -n "$(package)" ] || apt update
  deb=$(mktemp -d "$cache/deb.XXXXXX")
  fetch() { apt -o APT::Sandbox::User=root download "$(package)"; }
  (cd "$deb" && { fetch || { apt update && fetch; }; })
  mkdir "$deb/x"
  dpkg-deb --fsys-tarfile "$deb"/*.deb | tar -x -C "$deb/x" --wildcards './boot/vmlinuz-*'
  cp "$deb"/x/boot/vmlinuz-* "$kernel.new"
  mv "$kernel.new" "$kernel"
  rm -rf "$deb"
fi
flock -u 9
exec 9>&-

# 2. The guest's files: busybox, init, and the job. One P for each of the two processes, as there are two processors:
# threads that look for work on an emulated processor take it from those that have some.
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,tmp,out,etc}
mv "$files" "$root/job"
cp $busybox "$root/bin/busybox"
cp "$here/init.sh" "$root/init"
chmod 755 "$root/init" "$root/job/weir"
echo "127.0.0.1 localhost guest" >"$root/etc/hosts"
echo "export GOMAXPROCS=1; exec sh /job/job.sh /job /out '$connections'" >"$root/job/command"
(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$work/initrd"
rm -rf "$root"

# 3. Boot. The clock's rate is given: calibrating it against an emulated timer on a busy machine fails now and then.
khz=$(awk '/^cpu MHz/ {printf "%d", $4 * 1000; exit}' /proc/cpuinfo)
append="console=ttyS0 quiet loglevel=4 panic=-1 nokaslr mitigations=off init_on_alloc=0 lsm= audit=0 nowatchdog"
append+=" thash_entries=$hash random.trust_cpu=on"
[ -z "$khz" ] || append+=" tsc_early_khz=$khz tsc=reliable"
mkfifo "$work/out" "$work/err"
boot() {
  : >"$work/control"
  cat "$work/out" & readers=($!)
  cat "$work/err" >&2 & readers+=($!)
  # Westmere: the oldest processor whose instructions the JSON library knows, and the cheapest to emulate.
  setsid qemu-system-x86_64 -M q35 -accel tcg,thread=multi,tb-size=256 -cpu Westmere -smp 2 -m $memory_mib \
    -nodefaults -no-user-config -display none -monitor none -no-reboot \
    -chardev file,id=k,path="$work/kernel.log" -device isa-serial,chardev=k,index=0 \
    -chardev file,id=o,path="$work/out" -device isa-serial,chardev=o,index=1 \
    -chardev file,id=e,path="$work/err" -device isa-serial,chardev=e,index=2,irq=5 \
    -chardev file,id=c,path="$work/control" -device isa-serial,chardev=c,index=3,irq=7 \
    -kernel "$kernel" -initrd "$work/initrd" -append "$append" </dev/null 2>"$work/qemu.err" &
  guest=$!
  local began=$SECONDS
  up=0 over=0
  while kill -0 "$guest" 2>/dev/null; do
    sleep 0.2
    if [ $up = 0 ]; then
      if grep -aq '^start ' "$work/control"; then
        up=1
        say "the guest is up after $((SECONDS - began)) s"
      elif [ $((SECONDS - began)) -ge 90 ]; then
        kill -- "-$guest" 2>/dev/null || :
      fi
    fi
    if [ $((SECONDS - began)) -ge $limit ]; then
      over=1
      kill -- "-$guest" 2>/dev/null || :
    fi
  done
  wait "$guest" 2>/dev/null || :
  guest=''
  wait "${readers[@]}" 2>/dev/null || :
  readers=()
}
boot
if [ $up = 0 ]; then
  say "the guest did not come up, one more try"
  tail -n 5 "$work/qemu.err" "$work/kernel.log" >&2
  boot
fi
end=$(grep -a '^end ' "$work/control" | head -n 1 || :)
if [ -z "$end" ]; then
  [ $over = 0 ] || { say "over the limit of $limit s"; exit 124; }
  say "the guest ended without an exit code"
  tail -n 25 "$work/qemu.err" "$work/kernel.log" >&2
  exit 125
fi
grep -aE 'Out of memory|oom-kill|out of memory|too many orphaned|possible SYN flooding' "$work/kernel.log" >&2 || :
LC_ALL=C sed '1,/^OUT$/d' "$work/control" | tar -x -C "$out"
say "the report is in $out ($end)"
exit "$(sed -n 's/.* code=\([0-9]*\).*/\1/p' <<<"$end")"
