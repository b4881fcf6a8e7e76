/**
 * All that changes a task's state, each in one atomic step. They are sent whole: a script that the server has forgotten
 * (restart, failover, SCRIPT FLUSH) is then no case of its own.
 *
 * The hash: `format`, `task`; `epoch`, higher with every claim; `owner`, the holder's claim or nothing; `holder`, who that
 * is; `until`, when the lease ends by the server's clock; `seq`, the number of the last write; `savedAt`, its time;
 * `p:…` and `l:…`, positions and ledger. No key expires: what expires may be evicted.
 */
const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
`

/**
 * Claims a task before anything of it is read, so that its former owner is fenced by then.
 * KEYS state, index. ARGV format, task, claim, holder, lease, claim to take over although its lease runs, epoch known.
 * -> claimed epoch [fields] | held claim holder ms | format it | behind (no claim as new as the epoch known is there).
 * The epoch follows the clock: it grows even where the former one is lost.
 */
export const CLAIM: string = `${now}
local state, index = KEYS[1], KEYS[2]
local old = redis.call('HMGET', state, 'format', 'owner', 'until', 'epoch', 'holder')
if old[1] and old[1] ~= ARGV[1] then return {'format', old[1]} end
local epoch = tonumber(old[4] or '0')
if epoch < tonumber(ARGV[7]) then return {'behind'} end
local left = tonumber(old[3] or '0') - now
if old[2] and old[2] ~= '' and old[2] ~= ARGV[6] and left > 0 then
  return {'held', old[2], old[5] or '', text(left), text(epoch)}
end
epoch = math.max(epoch + 1, now)
redis.call('HSET', state, 'format', ARGV[1], 'task', ARGV[2], 'owner', ARGV[3], 'holder', ARGV[4],
  'until', text(now + tonumber(ARGV[5])), 'epoch', text(epoch), 'seq', '0')
redis.call('SADD', index, ARGV[2])
return {'claimed', text(epoch), redis.call('HGETALL', state)}
`

/**
 * Writes changes, or nothing but a sign of life, as the holder of the claim.
 * KEYS state, index. ARGV format, task, claim, holder, lease, epoch, number of the last write, of this one, mode,
 * how many fields go; those; fields and values.
 * Mode \`changes\`: only on top of the last write. \`all\`: replaces everything, also where the claim is lost, unless a
 * newer one is there.
 * -> done | fenced holder | behind seq (the claim or the last write is not there).
 */
export const WRITE: string = `${now}
local state, index = KEYS[1], KEYS[2]
local claim, epoch, whole = ARGV[3], tonumber(ARGV[6]), ARGV[9] == 'all'
local old = redis.call('HMGET', state, 'owner', 'epoch', 'seq', 'holder')
if old[1] ~= claim then
  if tonumber(old[2] or '0') >= epoch then return {'fenced', old[4] or ''} end
  if not whole then return {'behind', ''} end
elseif old[3] ~= ARGV[7] and not whole then
  return {'behind', old[3]}
end
if whole then
  redis.call('DEL', state)
  redis.call('HSET', state, 'format', ARGV[1], 'task', ARGV[2], 'owner', claim, 'holder', ARGV[4], 'epoch', ARGV[6])
  redis.call('SADD', index, ARGV[2])
end
redis.call('HSET', state, 'until', text(now + tonumber(ARGV[5])), 'seq', ARGV[8])
if ARGV[7] ~= ARGV[8] then redis.call('HSET', state, 'savedAt', text(now)) end
local first = 11 + tonumber(ARGV[10])
for i = 11, first - 1 do redis.call('HDEL', state, ARGV[i]) end
for i = first, #ARGV, 1000 do redis.call('HSET', state, unpack(ARGV, i, math.min(i + 999, #ARGV))) end
return {'done'}
`

/** Gives a claim back. KEYS state. ARGV claim. */
export const RELEASE: string = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'owner', '', 'until', '0')
return 1
`
