import { describe, expect, it } from '@jest/globals'
import { recordingLogger } from '@connect-run/testkit/conformance'
import type { ProducerClient } from '../src/client/producer-client.ts'
import { KafkaError } from '../src/kafka-error.ts'
import { TopicCreation } from '../src/topic-creation.ts'

const ALREADY_EXISTS = 36

/** Brokers that tell of some topics, and have others as well. */
function creation(told: string[], untold: string[]): { created: string[]; of: TopicCreation } {
  const created: string[] = []
  const client: Partial<ProducerClient> = {
    topics: async () => new Map(told.map((name) => [name, 1])),
    createTopic: async ({ name }) => {
      if (untold.includes(name)) throw new KafkaError(ALREADY_EXISTS, 'it exists')
      created.push(name)
    },
  }
  const topic = { partitions: 1, replicationFactor: 1 }
  return { created, of: new TopicCreation(client as ProducerClient, topic, recordingLogger()) }
}

describe('the creation of topics', () => {
  it('says whether it has made one', async () => {
    const { created, of } = creation(['there'], [])
    expect(await of.ensure(['there'])).toBe(false)
    expect(await of.ensure(['there', 'new'])).toBe(true)
    expect(await of.ensure(['new'])).toBe(false)
    expect(created).toEqual(['new'])
  })

  it('does not take for new what a broker had not yet told of', async () => {
    expect(await creation([], ['there']).of.ensure(['there'])).toBe(false)
  })
})
