#!/bin/sh
# job.sh FILES OUT CONNECTIONS: one weir serve and one weir load run against it, on this machine. FILES holds weir,
# server.yaml and scenario.yaml; OUT gets report.json, report.html, report.txt, server.log and tuned.txt, what weir
# doctor says. The exit code is weir load's; 3: the server did not start, or the connections do not fit.
set -u
files=$1 out=$2 connections=$3
"$files/weir" doctor --config "$files/server.yaml" >"$out/tuned.txt" 2>&1 || { cat "$out/tuned.txt" >&2; exit 3; }
"$files/weir" serve --config "$files/server.yaml" </dev/null >/dev/null 2>"$out/server.log" &
server=$!
trap 'kill $server 2>/dev/null' EXIT
tries=0
until grep -q serving "$out/server.log"; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ] || ! kill -0 $server 2>/dev/null; then
    cat "$out/server.log" >&2
    exit 3
  fi
  sleep 0.2
done
cp "$files/scenario.yaml" "$out/" && cd "$out" || exit 3 # the report quotes its command, which should name no folder
"$files/weir" load run scenario.yaml --target tcp://127.0.0.1:7777 --admin 127.0.0.1:9090 --pid $server \
  --connections "$connections" --grace 90s --json report.json --html report.html >report.txt
code=$?
cat report.txt
exit $code
