import type { Command } from 'commander'

import type { ExitCode } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { addDlqCommands, type LetterFlags } from './dlq-command.ts'
import { dlqList } from './dlq-list.ts'
import { dlqPurge } from './dlq-purge.ts'
import { type DlqSetting, withQueue } from './dlq-queue.ts'
import { dlqReplay } from './dlq-replay.ts'
import { dlqShow } from './dlq-show.ts'

/** The commands for dead letters; `ended` is told how one came out. */
export function addDlq(program: Command, host: Host, ended: (code: ExitCode) => void): void {
  const action = <Flags extends LetterFlags>(command: (setting: DlqSetting, flags: Flags) => Promise<ExitCode>) => {
    return async (file: string, flags: Flags): Promise<void> => {
      ended(await withQueue(file, { flags, host }, (setting) => command(setting, flags)))
    }
  }
  addDlqCommands(program, {
    list: action(dlqList),
    show: action(dlqShow),
    replay: action(dlqReplay),
    purge: action(dlqPurge),
  })
}
