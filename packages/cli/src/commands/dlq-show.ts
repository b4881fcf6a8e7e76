import { type DeadLetter, type EndConfig, isSelected } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { letterJson, letterLines, type LetterView } from '../output/letter.ts'
import type { ShowFlags } from './dlq-command.ts'
import type { DlqSetting } from './dlq-queue.ts'

/** Prints the first letters that are selected. */
export async function dlqShow(setting: DlqSetting, { format, limit }: ShowFlags): Promise<ExitCode> {
  const { journal, pipeline, out, err } = setting
  const { key, value } = pipeline.source
  const decoders = { key: decoder(key), value: decoder(value) }
  const view: LetterView = { marks: await journal.read(), decoders }
  const found = await firstLetters(setting, view, limit + 1)
  const letters = found.slice(0, limit)
  if (format === 'json') {
    out.line(
      JSON.stringify(
        letters.map((letter) => letterJson(letter, view)),
        null,
        2,
      ),
    )
    return exitCodes.ok
  }
  letters.forEach((letter, i) => {
    if (i > 0) out.line()
    for (const line of letterLines(letter, view, out.style)) out.line(line)
  })
  if (letters.length === 0) err.line('There is no such dead letter.')
  if (found.length > limit) {
    err.line(err.style.dim(`\nThe first ${limit}. More with --limit, others with --offsets.`))
  }
  return exitCodes.ok
}

async function firstLetters(
  { queue, selection, stopping }: DlqSetting,
  { marks }: LetterView,
  limit: number,
): Promise<DeadLetter[]> {
  const found: DeadLetter[] = []
  for await (const { letters } of queue.read(stopping)) {
    for (const letter of letters) {
      if (found.length === limit) return found
      if (isSelected(selection, letter, marks)) found.push(letter)
    }
  }
  return found
}

function decoder(converter: EndConfig['value']): (bytes: Buffer) => unknown {
  return (bytes) => {
    const made = converter.decode(bytes, 0, bytes.length)
    return converter.schemas ? (made as { value: unknown }).value : made
  }
}
