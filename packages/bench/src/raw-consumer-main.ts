// Reads a topic to its end by the Kafka client alone, as the kafka connector is built on it, and prints what it saw.
import Kafka from '@connect-run/connector-kafka/client'
import { addArrival, emptyTally } from './tally.ts'

const [bootstrap = '', topic = '', partitions = ''] = process.argv.slice(2)
const BATCH = 2000

const settings = {
  'metadata.broker.list': bootstrap,
  'group.id': `bench-raw-${process.pid}`,
  'enable.auto.commit': false,
  'enable.partition.eof': true,
  'fetch.queue.backoff.ms': 10,
  'queued.min.messages': 50_000,
}
const consumer = new Kafka.KafkaConsumer(settings, { 'auto.offset.reset': 'earliest' })
let tally = emptyTally
let open = Number(partitions)

function next(): void {
  consumer.consume(BATCH, (error, messages) => {
    if (error as unknown) throw new Error(error.message)
    tally = addArrival(tally, messages.length, Date.now())
    if (open > 0) next()
    else consumer.disconnect(() => process.stdout.write(JSON.stringify(tally)))
  })
}

consumer.on('partition.eof', () => open--)
consumer.setDefaultConsumeTimeout(10)
consumer.connect({}, (error) => {
  if (error as unknown) throw new Error(error.message)
  consumer.assign(Array.from({ length: open }, (_, partition) => ({ topic, partition, offset: 0 })))
  next()
})
