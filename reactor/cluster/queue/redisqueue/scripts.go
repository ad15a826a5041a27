package redisqueue

import "github.com/redis/go-redis/v9"

// All scripts have the stream and the count of its bytes as keys. Both have one hash tag, for clusters of Redis.

// pushing adds jobs while there is room: ARGV is the most messages, the most bytes, and the jobs. It returns for each
// whether it is in.
var pushing = redis.NewScript(`
local messages, bytes, added = redis.call('XLEN', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or '0'), {}
for i = 3, #ARGV do
  if messages >= tonumber(ARGV[1]) or bytes + #ARGV[i] > tonumber(ARGV[2]) then
    added[i-2] = 0
  else
    redis.call('XADD', KEYS[1], '*', 'j', ARGV[i])
    messages, bytes, added[i-2] = messages + 1, bytes + #ARGV[i], 1
  end
end
redis.call('SET', KEYS[2], bytes)
return added`)

// doing forgets jobs: ARGV are pairs of an id and the bytes of its job. One that another worker has done meanwhile, or
// that was dropped for its age, frees nothing.
var doing = redis.NewScript(`
local freed = 0
for i = 1, #ARGV, 2 do
  redis.call('XACK', KEYS[1], 'workers', ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then freed = freed + tonumber(ARGV[i+1]) end
end
redis.call('DECRBY', KEYS[2], freed)`)

// keeping says that the consumer ARGV[1] still works on the jobs of the other ids, unless they are another's by now.
var keeping = redis.NewScript(`
for i = 2, #ARGV do
  if #redis.call('XPENDING', KEYS[1], 'workers', ARGV[i], ARGV[i], 1, ARGV[1]) > 0 then
    redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], 0, ARGV[i], 'JUSTID')
  end
end`)

// looking drops what is older than ARGV[1] milliseconds, and returns how many messages and bytes there are.
var looking = redis.NewScript(`
local now = redis.call('TIME')
local before = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(ARGV[1])
local old, freed = redis.call('XRANGE', KEYS[1], '-', string.format('%.0f', before), 'COUNT', 1000), 0
for _, entry in ipairs(old) do
  if redis.call('XDEL', KEYS[1], entry[1]) == 1 then freed = freed + #entry[2][2] end
end
if freed > 0 then redis.call('DECRBY', KEYS[2], freed) end
return {redis.call('XLEN', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or '0')}`)
