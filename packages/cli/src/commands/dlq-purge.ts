import { type DeadLetter, isSelected, type Marks, purgeFile, systemClock } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { counted } from '../output/table.ts'
import type { PurgeFlags } from './dlq-command.ts'
import type { DlqSetting } from './dlq-queue.ts'

/** Removes letters from a file; says of a topic how that can be done. */
export async function dlqPurge(setting: DlqSetting, flags: PurgeFlags): Promise<ExitCode> {
  const { target, out, stopping: signal } = setting
  if (flags.dryRun === true || target.kind !== 'file') return count(setting, flags)
  const journal = await setting.journal.open(setting.stopping)
  try {
    const isPurged = chooses(setting, flags, journal.marks)
    const purge = await purgeFile(target.path, { isPurged, nowMs: systemClock.now(), signal })
    await journal.forget(purge)
    out.line(`Purged ${counted(purge.purged, 'letter')}, ${counted(purge.left.size, 'letter')} left.`)
    return exitCodes.ok
  } finally {
    await journal.close()
  }
}

function chooses({ selection }: DlqSetting, { unreplayed = false }: PurgeFlags, marks: Marks) {
  return (letter: DeadLetter): boolean => {
    return isSelected(selection, letter, marks) && (unreplayed || marks.of(letter.id).replayedMs !== undefined)
  }
}

/** How much it would be, and of a topic up to where all of it could go. */
async function count(setting: DlqSetting, flags: PurgeFlags): Promise<ExitCode> {
  const { queue, journal, target, out, err, stopping: signal } = setting
  const isPurged = chooses(setting, flags, await journal.read())
  const upTo = new Map<string, Removable>()
  let letters = 0
  for await (const page of queue.read(signal)) {
    for (const letter of page.letters) {
      const isGone = isPurged(letter)
      if (isGone) letters++
      note(upTo, letter, isGone)
    }
  }
  out.line(`${flags.dryRun === true ? 'Would purge' : 'To be purged:'} ${counted(letters, 'letter')}.`)
  if (target.kind === 'file') return exitCodes.ok
  err.line(err.style.red(`Nothing was removed: from ${target.describe} only all that is before an offset can be.`))
  const partitions = [...upTo.values()]
    .filter(({ offset }) => offset > 0)
    .map(({ topic, partition, offset }) => ({ topic, partition, offset }))
  if (partitions.length > 0) {
    err.line('kafka-delete-records.sh --offset-json-file takes this, up to the first letter that is to stay:')
    out.line(JSON.stringify({ partitions, version: 1 }))
  } else err.line('Let the retention of the topic remove what is old.')
  return flags.dryRun === true ? exitCodes.ok : exitCodes.runtime
}

/** As `kafka-delete-records.sh` wants it. */
interface Removable {
  readonly topic: string
  readonly partition: number
  /** All before it can go. */
  offset: number
  /** Until a letter is met that is to stay. */
  isOpen: boolean
}

function note(upTo: Map<string, Removable>, { place }: DeadLetter, isGone: boolean): void {
  const { container: topic, partition = 0, number } = place
  const key = `${topic}/${partition}`
  const removable = upTo.get(key) ?? { topic, partition, offset: 0, isOpen: true }
  upTo.set(key, removable)
  if (!isGone) removable.isOpen = false
  if (removable.isOpen) removable.offset = number + 1
}
