import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type ProducerQuestion = 'start' | 'stop'

export interface ProducerAnswer {
  /** Records so far. */
  readonly sent: number
}

/** Produces at a steady rate, in a process of its own. */
export interface SteadyProducer {
  start(): Promise<void>
  /** Resolves with how many records it has produced, all of them acknowledged. Stopping again does nothing. */
  stop(): Promise<number>
}

export interface ProducerOrder {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  /** Records a second. */
  readonly rate: number
}

/** Resolves when it is connected. */
export async function connectProducer({ bootstrap, topic, partitions, rate }: ProducerOrder): Promise<SteadyProducer> {
  const program = fileURLToPath(new URL('steady-producer-main.js', import.meta.url))
  const child = fork(program, [bootstrap, topic, String(partitions), String(rate)])
  const answer = async (): Promise<ProducerAnswer> => {
    const ended = new AbortController()
    const fail = (code: number | null): void => ended.abort(new Error(`the producer ended with ${code}`))
    child.once('exit', fail)
    const [message] = (await once(child, 'message', { signal: ended.signal })) as [ProducerAnswer]
    child.off('exit', fail)
    return message
  }
  const ask = (question: ProducerQuestion): Promise<ProducerAnswer> => {
    const answered = answer()
    child.send(question)
    return answered
  }
  await answer()
  const stop = async (): Promise<number> => {
    const { sent } = await ask('stop')
    const exited = once(child, 'exit')
    child.disconnect()
    await exited
    return sent
  }
  let stopped: Promise<number> | undefined
  return { start: async () => void (await ask('start')), stop: () => (stopped ??= stop()) }
}
