import Kafka, { type KafkaConsumer, type Producer } from '../client.ts'

const consumer: Partial<KafkaConsumer> = Kafka.KafkaConsumer.prototype
const producer: Partial<Producer> = Kafka.Producer.prototype

/** Whether this installation of node-rdkafka has the patch (`patches/` of this package). */
export const hasPackedCalls: boolean =
  typeof consumer.consumePacked === 'function' && typeof producer.producePacked === 'function'
