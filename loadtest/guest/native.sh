#!/usr/bin/env bash
# native.sh WEIR OUT [SERVERS] [EACH]: SERVERS processes (6) behind one port (reuse_port), holding EACH connections
# (17000) on average, on this machine as it is: no process needs more than 20,000 descriptors. OUT gets weir load's
# report, servers.txt with what each process held and weighed, and the servers' logs. The exit code is weir load's.
set -euo pipefail
weir=$(realpath "$1") servers=${3:-6} each=${4:-17000}
mkdir -p "$2"
out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
port=7777 admin=9091
pids=()
cleanup() {
  for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null || :; done
  for p in ${pids[@]+"${pids[@]}"}; do wait "$p" 2>/dev/null || :; done
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for ((i = 0; i < servers; i++)); do
  "$weir" serve --config "$here/shared.yaml" --tcp 127.0.0.1:$port --admin 127.0.0.1:$((admin + i)) \
    </dev/null >/dev/null 2>"$out/server-$i.log" &
  pids+=($!)
done
for ((i = 0; i < servers; i++)); do
  for ((tries = 0; ; tries++)); do
    ! grep -q serving "$out/server-$i.log" || break
    [ $tries -lt 100 ] && kill -0 "${pids[i]}" 2>/dev/null || { cat "$out/server-$i.log" >&2; exit 3; }
    sleep 0.1
  done
done

# look keeps, for each server, the most that it was seen to hold and weigh.
held=() weight=() routines=()
look() {
  local i text n
  for ((i = 0; i < servers; i++)); do
    text=$({ exec 3<>"/dev/tcp/127.0.0.1/$((admin + i))" &&
      printf 'GET /status HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3 && timeout 5 cat <&3; } 2>/dev/null) || continue
    n=$(sed -n 's/.*"open": *\([0-9]*\).*/\1/p' <<<"$text" | head -n 1)
    [ "${n:-0}" -le "${held[i]:-0}" ] || held[i]=$n
    n=$(sed -n 's/.*"goroutines": *\([0-9]*\).*/\1/p' <<<"$text" | head -n 1)
    [ "${n:-0}" -le "${routines[i]:-0}" ] || routines[i]=$n
    n=$(awk '/^VmHWM/ {print $2}' "/proc/${pids[i]}/status" 2>/dev/null) || continue
    weight[i]=$n
  done
}

cd "$out" # the report quotes its command, and no folder of this machine belongs into it
timeout -k 10 400 "$weir" load run hundred-k --target tcp://127.0.0.1:$port --admin 127.0.0.1:$admin --time-scale 0.4 \
  --connections $((servers * each)) --json report.json --html report.html >report.txt &
load=$!
pids+=("$load")
while kill -0 "$load" 2>/dev/null; do
  look
  sleep 2
done
code=0
wait "$load" || code=$?
pids=("${pids[@]:0:servers}")
cat "$out/report.txt"
{
  printf "%-8s%10s%14s%14s%12s\n" server pid connections "RSS peak KiB" goroutines
  total=0 sum=0
  for ((i = 0; i < servers; i++)); do
    printf "%-8s%10s%14s%14s%12s\n" "$i" "${pids[i]}" "${held[i]:-0}" "${weight[i]:-0}" "${routines[i]:-0}"
    total=$((total + ${held[i]:-0})) sum=$((sum + ${weight[i]:-0}))
  done
  printf "%-8s%10s%14s%14s%12s\n" all - "$total" "$sum" -
} | tee "$out/servers.txt"
exit "$code"
