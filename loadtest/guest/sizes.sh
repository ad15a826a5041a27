# sizes.sh, read by run.sh: what so many connections need of guest, kernel, server and scenario, from their number.
# 100,000 and 1,000,000 are measured; the lines between them are straight. sizes FOLDER CONNECTIONS writes server.yaml,
# scenario.yaml, kernel.conf and sizes (for init.sh and job.sh) and says what it chose.

# power N: the least power of two that is at least N.
power() {
  local p=1
  while [ $p -lt "$1" ]; do p=$((p * 2)); done
  echo $p
}

# most A B
most() { echo $(($1 > $2 ? $1 : $2)); }

sizes() {
  local folder=$1 n=$2
  local allowed=$((n + n / 10))
  descriptors=$(most "$(power $((allowed + 1024)))" 1048576)
  # Both ends are in the kernel's table.
  hash=$(power $((2 * $(most "$n" 65536))))
  memory_mib=$(most $((1536 + n / 72)) 3072) # both ends in the kernel, both processes, room for bursts
  limit=$((600 + n * 3 / 1000))           # seconds for boot and run; a third of it where two processors are free
  # The server's own sum (448 MiB) would make the collector work for nothing where idle connections are the heap.
  local heap=0 pages
  pages=$(most "$n" 100000)
  [ "$n" -le 100000 ] || heap=$((n * 3221))
  local rate=$(($(most $((n * 42 / 10000)) 1800)))
  local weight=$(most $((n * 8 / 10000)) 350)

  cat "$here/server.yaml" - >"$folder/server.yaml" <<-END
	max_connections: $allowed
	first_byte_timeout: ${limit}s
	END
  [ $heap = 0 ] || echo "memory_limit_bytes: $heap" >>"$folder/server.yaml"

  # The later of two lines counts.
  cat "$here/../../docs/deploy/99-weir.conf" - >"$folder/kernel.conf" <<-END
	fs.nr_open = $descriptors
	fs.file-max = $((4 * descriptors))
	net.ipv4.tcp_mem = $((pages * 3 / 2)) $((pages * 2)) $((pages * 4))
	net.ipv4.tcp_max_orphans = $hash
	END

  # What the plan asks beyond a window of 1 is counted as never sent: a phase that is too much for the processor.
  local more=''
  [ "$n" -gt 100000 ] || more="
  - name: five a second
    duration: 60s
    connections: $n
    rate: 5
    overload: true"
  sed -e "s/CONNECTIONS/$n/g" -e "s/TOTAL_RATE/$rate/" -e "s/DURATION/$((n * 109 / 100 / rate + 1))s/" \
    -e "s/MEMORY/${weight}MiB/" -e "/^MORE$/{r /dev/stdin" -e 'd}' "$here/scenario.yaml" >"$folder/scenario.yaml" \
    <<<"${more#?}"
  sed -i '/^$/d' "$folder/scenario.yaml"
  printf '%s\n' "connections=$n" "descriptors=$descriptors" >"$folder/sizes"

  say "$n connections: max_connections $allowed, memory limit $([ $heap = 0 ] && echo "the server's own" ||
    echo "$((heap >> 20)) MiB"), descriptors and fs.nr_open $descriptors, fs.file-max $((4 * descriptors))"
  say "  tcp_max_orphans and thash_entries $hash, tcp_mem up to $((pages * 4)) pages, first_byte_timeout ${limit}s;" \
    "a call each at $rate/s; at most $weight MiB resident; at most $limit s in all"
}
