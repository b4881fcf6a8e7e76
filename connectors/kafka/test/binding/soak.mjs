// Writes and reads by packed calls while members of a group come and go in the middle of calls and the broker is killed
// and started again:  node --expose-gc soak.mjs --minutes 60
// Prints its counts as JSON at the end. Ends with 1 if a record was lost or doubled, or a callback was not called once.
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect, parseArgs } from 'node:util'
import Kafka from '@connect-run/connector-kafka/client'
import { pollUntil } from '@connect-run/testkit'
import { startKafka } from '@connect-run/testkit/services'

const { minutes } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } }).values
const PARTITIONS = 8
const MEMBERS = 3
/** A long run writes more slowly: nothing is deleted, as a broker that is killed all the time never gets to it. */
const PACE_MS = Math.max(2, Number(minutes))
const ASSIGN = -175
const ILLEGAL_GENERATION = 22
const UNKNOWN_MEMBER = 25
const ON_PURPOSE = 'thrown by a callback on purpose'

/** Read again is what a member had read when the group expelled it; doubled, what had been committed. */
const counts = { written: 0, read: 0, reread: 0, lost: 0, doubled: 0, failed: 0 }
const events = { joined: 0, left: 0, expelled: 0, restarts: 0, abandoned: 0, dropped: 0, thrown: 0 }
/** Callbacks of producePacked that are awaited. */
let open = 0
let miscalled = 0

/** The number of the next record, by partition. */
const toWrite = new Array(PARTITIONS).fill(0)
const toRead = new Array(PARTITIONS).fill(0)
const committed = new Array(PARTITIONS).fill(0)

// What a callback throws ends the process, unless something listens; the binding must stand it.
process.on('uncaughtException', (error) => {
  if (error.message === ON_PURPOSE) return void events.thrown++
  process.stderr.write(`${inspect(error)}\n`)
  process.kill(process.pid, 'SIGKILL') // an exit waits for calls that nobody answers any more
})

const cluster = await startKafka()
const [topic, aside] = ['soak', 'aside']
// What a killed broker has to look through is its last segment.
await cluster.createTopic(topic, { partitions: PARTITIONS, config: { 'segment.bytes': `${50 * 2 ** 20}` } })
await cluster.createTopic(aside)
const connection = { 'bootstrap.servers': cluster.bootstrap, 'reconnect.backoff.max.ms': 500 }

function call(start) {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(Object.assign(new Error(error.message), error)) : resolve(result)))
  })
}

async function connected(client) {
  await pollUntil(() => call((done) => client.connect({ allTopics: false, timeout: 5000 }, done)).then(() => true))
  return client
}

// Writing

function newProducer(properties) {
  return connected(new Kafka.Producer({ ...connection, 'enable.idempotence': true, ...properties }, {}))
}

/** Records of a partition with their numbers, small ones and a few large ones. */
function numbered(first, count) {
  const sizes = Array.from({ length: count }, () => (randomInt(2000) === 0 ? 200_000 : 4 + randomInt(400)))
  const valueEnd = Int32Array.from(sizes)
  for (let i = 1; i < count; i++) valueEnd[i] += valueEnd[i - 1]
  const valueStart = Int32Array.from(valueEnd, (end, i) => end - sizes[i])
  const buffer = Buffer.alloc(valueEnd[count - 1])
  for (let i = 0; i < count; i++) buffer.writeUInt32LE(first + i, valueStart[i])
  const timestamp = randomInt(2) === 0 ? new Float64Array(count).fill(Date.now()) : null
  const headers = randomInt(2) === 0 ? Int32Array.of(0, 0, 4, 0, -1, count - 1, 0, 2, 2, 4) : null
  return { n: count, buffer, valueStart, valueEnd, keyStart: valueStart, keyEnd: valueEnd, timestamp, headers }
}

/** Returns how many were taken; `settled` is called with the failures once, after which the callback may throw. */
function offer(producer, [name, partition], batch, { from, settled }) {
  let calls = 0
  const taken = producer.producePacked(name, partition, batch, { from }, (failed) => {
    open--
    if (++calls > 1) miscalled++
    settled(failed)
    if (randomInt(100) === 0) throw new Error(ON_PURPOSE)
  })
  if (taken > 0) open++
  return taken
}

async function write(signal) {
  const producer = await newProducer({ 'linger.ms': 5, 'queue.buffering.max.messages': 5000 })
  const settled = (failed) => void (counts.failed += failed?.length ?? 0)
  while (!signal.aborted) {
    const partition = randomInt(PARTITIONS)
    const batch = numbered(toWrite[partition], 1 + randomInt(500))
    for (let from = 0; from < batch.n;) {
      const taken = offer(producer, [topic, partition], batch, { from, settled })
      if (taken === 0) await delay(5)
      from += taken
    }
    toWrite[partition] += batch.n
    counts.written += batch.n
    await delay(PACE_MS)
  }
  await pollUntil(() => open === 0, { what: 'all callbacks', timeoutMs: 120_000 })
  await call((done) => producer.disconnect(1000, done))
}

/** A producer that is disconnected with open deliveries, and one that nobody holds until they are delivered. */
async function abandonProducers() {
  const batch = numbered(0, 100)
  const abandoned = await newProducer() // which cannot send these when it is disconnected
  let failures = 0
  const settled = (failed) => void (failures += failed.length)
  for (let i = 0; i < 10; i++) offer(abandoned, ['missing', 0], batch, { from: 0, settled })
  await call((done) => abandoned.disconnect(0, done))
  if (failures !== 1000) miscalled++
  events.abandoned++
  const dropped = await newProducer({ 'linger.ms': 1000, event_cb: false })
  offer(dropped, [aside, 0], batch, { from: 0, settled: (failed) => void (counts.failed += failed?.length ?? 0) })
  events.dropped++
}

// Reading

class Member {
  /** What comes next, by partition: its offset and its number. */
  #owned = new Map()
  #outstanding = Promise.resolve()
  #rebalanced = Promise.resolve()
  /** Settles when the last commit is answered, by this. */
  #committed = Promise.resolve()
  #answer
  #leaving = false
  #closing = false

  static async join() {
    const member = new Member()
    const rebalance_cb = (event, partitions) => {
      member.#rebalanced = member.#rebalance(event.code, partitions).catch((error) => {
        if (!member.#closing) throw error
        member.#giveUpAll()
      })
    }
    const callbacks = { rebalance_cb, offset_commit_cb: (error) => member.#answer(error) }
    const group = { 'group.id': 'soak', 'partition.assignment.strategy': 'cooperative-sticky', ...callbacks }
    const fetching = {
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      'fetch.queue.backoff.ms': 10,
      'session.timeout.ms': 15_000,
      // What members who lag have fetched ahead, 64 MiB each by default, would look like a leak.
      'queued.max.messages.kbytes': 4096,
      'fetch.max.bytes': 4 * 2 ** 20,
    }
    const consumer = new Kafka.KafkaConsumer(
      { ...connection, ...group, ...fetching },
      { 'auto.offset.reset': 'earliest' },
    )
    member.consumer = await connected(consumer)
    consumer.subscribe([topic])
    void member.#read()
    events.joined++
    return member
  }

  /** Commits, and closes in the middle of a call: what calls bring meanwhile is not counted. */
  async leave() {
    this.#leaving = true
    await this.#commit(() => this.#owned, [UNKNOWN_MEMBER])
    await this.#rebalanced // which may commit as well
    this.#closing = true
    await call((done) => this.consumer.disconnect(done))
    events.left++
  }

  /**
   * A consumer that is being closed takes no more partitions, and waits until it is told that it has none: which it
   * refuses to hear for as long as the call to close has not reached it, and when it is closed.
   */
  #giveUpAll() {
    const told = () => {
      this.consumer.unassign()
      return true
    }
    pollUntil(told, { what: 'a consumer that has nothing' }).catch((error) => {
      if (this.consumer.isConnected()) throw error
    })
  }

  async #read() {
    while (!this.#closing) {
      const limits = { maxRecords: 1 + randomInt(2000), maxBytes: 1_000_000, timeoutMs: randomInt(2000), lingerMs: 5 }
      this.#outstanding = call((done) => this.consumer.consumePacked(limits, done)).then(
        (batch) => this.#take(batch),
        (error) => {
          if (!this.#closing) throw error // one that had not begun when the consumer was closed is told so
        },
      )
      await this.#outstanding
    }
  }

  #take({ n, buffer, valueStart, keyStart, keyEnd, valueEnd, partition, offset }) {
    if (this.#leaving) return
    for (let i = 0; i < n; i++) {
      const of = partition[i]
      if (!this.#owned.has(of)) continue // given up during the call
      const number = buffer.readUInt32LE(valueStart[i])
      this.#owned.set(of, { offset: offset[i] + 1, number: number + 1 })
      if (buffer.readUInt32LE(keyStart[i]) !== number || keyEnd[i] - keyStart[i] !== valueEnd[i] - valueStart[i]) {
        throw new Error(`record ${number} of partition ${of} is damaged`)
      }
      if (number < committed[of]) counts.doubled++
      if (number < toRead[of]) {
        counts.reread++
        continue
      }
      counts.lost += number - toRead[of]
      toRead[of] = number + 1
      counts.read++
    }
  }

  async #rebalance(code, partitions) {
    const numbers = partitions.map(({ partition }) => partition)
    if (code === ASSIGN) {
      await this.#outstanding // which may bring rows of an earlier time that it had the same partitions
      for (const number of numbers) this.#owned.set(number, undefined)
      return void this.consumer.incrementalAssign(partitions)
    }
    const given = new Map(numbers.map((number) => [number, this.#owned.get(number)]))
    for (const number of numbers) this.#owned.delete(number)
    // The group waits for a member that gives up partitions: its generation is old only if it went on without it.
    if (!this.#closing) await this.#commit(() => given, [UNKNOWN_MEMBER, ILLEGAL_GENERATION])
    this.consumer.incrementalUnassign(partitions)
  }

  /** Tries until the group takes it, which it does not while it is told who has what, or has expelled the member. */
  async #commit(positions, expulsions) {
    const commit = async () => {
      const read = [...positions()].filter(([, next]) => next !== undefined)
      try {
        const offsets = read.map(([partition, { offset }]) => ({ topic, partition, offset }))
        if (offsets.length > 0) await this.#send(offsets)
      } catch (error) {
        if (!expulsions.includes(error.code)) throw error
        events.expelled++
        return true
      }
      for (const [partition, { number }] of read) committed[partition] = number
      return true
    }
    await pollUntil(commit, { what: 'a commit', intervalMs: 500, timeoutMs: 60_000 })
  }

  /**
   * One at a time, without blocking: a broker answers a member that joins only when all have joined, and a commit behind
   * that as late; the other members are served by this thread.
   */
  #send(offsets) {
    const sent = this.#committed.then(() =>
      call((done) => {
        this.#answer = done
        this.consumer.commit(offsets)
      }),
    )
    this.#committed = sent.catch(() => {})
    return sent
  }
}

// The course of it

const memory = []

async function disturb(end) {
  const members = []
  for (let turn = 0; Date.now() < end; turn++) {
    while (members.length < MEMBERS) members.push(await Member.join())
    await delay(Math.min(2000, Math.max(0, end - Date.now())))
    await members.splice(randomInt(MEMBERS), 1)[0].leave()
    if (turn % 4 === 1) await abandonProducers()
    if (turn % 4 === 2) {
      await cluster.brokers[0].kill()
      await cluster.brokers[0].start()
      events.restarts++
    }
    globalThis.gc?.()
    memory.push(Math.round(process.memoryUsage().rss / 2 ** 20))
  }
  return members
}

const stop = new AbortController()
const writing = write(stop.signal)
const members = await disturb(Date.now() + Number(minutes) * 60_000)
stop.abort()
await writing
const all = () => toRead.every((number, partition) => number === toWrite[partition])
await pollUntil(all, { what: `all records: ${toRead.join()} of ${toWrite.join()}`, timeoutMs: 120_000 })
for (const member of members) await member.leave()
await cluster.stop()
const rss = { start: memory[1], middle: memory[memory.length >> 1], end: memory.at(-1), most: Math.max(...memory) }
process.stdout.write(`${JSON.stringify({ ...counts, miscalled, open, events, rss })}\n`)
process.exit(counts.lost + counts.doubled + counts.failed + miscalled + open === 0 ? 0 : 1)
