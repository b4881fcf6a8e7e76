// Produces readings at a steady rate, led by its parent over IPC: each says when it was produced, as its timestamp does.
import Kafka from '@connect-run/connector-kafka/client'
import type { ProducerAnswer, ProducerQuestion } from './steady-producer.ts'
import { timedValue } from './timed-value.ts'

const [bootstrap = '', topic = '', partitions = '', rate = ''] = process.argv.slice(2)
const TICK_MS = 1
const FLUSH_MS = 10_000

const producer = new Kafka.Producer({ 'metadata.broker.list': bootstrap, 'linger.ms': 0 }, {})
const perMs = Number(rate) / 1000
let sent = 0

function produceFrom(startedAt: number): NodeJS.Timeout {
  return setInterval(() => {
    const now = Date.now()
    for (const due = (now - startedAt) * perMs; sent < due; sent++) {
      producer.produce(topic, sent % Number(partitions), timedValue(now), null, now)
    }
  }, TICK_MS)
}

function say(answer: ProducerAnswer): void {
  process.send!(answer)
}

producer.connect({}, (error) => {
  if (error as unknown) throw new Error(error.message)
  let timer: NodeJS.Timeout | undefined
  process.on('message', (question: ProducerQuestion) => {
    if (question === 'start') timer = produceFrom(Date.now())
    else clearInterval(timer)
    if (question === 'start') say({ sent })
    else producer.flush(FLUSH_MS, () => say({ sent }))
  })
  process.on('disconnect', () => process.exit())
  say({ sent })
})
