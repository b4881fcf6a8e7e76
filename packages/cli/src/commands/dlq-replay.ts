import { existsSync } from 'node:fs'

import {
  causeOf,
  type ChunkResult,
  planReplay,
  replayChunks,
  Replayer,
  type ReplayJournal,
  type ReplayPlan,
  systemClock,
} from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { printable } from '../output/printable.ts'
import { replayProgress } from '../output/replay-progress.ts'
import { counted } from '../output/table.ts'
import type { ReplayFlags } from './dlq-command.ts'
import type { DlqSetting } from './dlq-queue.ts'

/** Runs dead letters through the pipeline again. */
export async function dlqReplay(setting: DlqSetting, flags: ReplayFlags): Promise<ExitCode> {
  sayUnread(setting)
  if (flags.dryRun === true) return dryRun(setting, flags)
  const journal = await setting.journal.open(setting.stopping)
  try {
    return await replayAll(setting, flags, journal)
  } finally {
    await journal.close()
  }
}

/** What was replayed before the state was in Redis is remembered where nobody looks any more. */
function sayUnread({ journal, localJournal, err }: DlqSetting): void {
  if (journal.location === localJournal || !existsSync(localJournal)) return
  err.line(err.style.yellow(`${localJournal} is not looked at: replays are remembered in ${journal.location}.`))
}

async function dryRun(setting: DlqSetting, flags: ReplayFlags): Promise<ExitCode> {
  const plan = await planOf(setting, flags, await setting.journal.read())
  const letters = [...plan.records.values()].reduce((sum, ids) => sum + ids.length, 0)
  setting.out.line(`Would replay ${counted(plan.records.size, 'record')} (${counted(letters, 'letter')}).`)
  sayLeftOut(setting, plan)
  return exitCodes.ok
}

function planOf(
  { queue, selection, stopping: signal }: DlqSetting,
  { limit, again = false }: ReplayFlags,
  marks: ReplayJournal['marks'],
): Promise<ReplayPlan> {
  return planReplay(queue, { selection, marks, limit, again, signal })
}

function sayLeftOut({ err }: DlqSetting, { replayedBefore, damaged }: ReplayPlan): void {
  if (replayedBefore > 0)
    err.line(`${counted(replayedBefore, 'record')} replayed before: left out (--again takes them).`)
  if (damaged.length > 0) err.line(`${counted(damaged.length, 'line')} can't be read as dead letters: left out.`)
}

async function replayAll(setting: DlqSetting, flags: ReplayFlags, journal: ReplayJournal): Promise<ExitCode> {
  const { config, pipeline, logger, stopping, signal, err } = setting
  const runtime = { clock: systemClock, random: Math.random, logger, stopping, signal }
  // The sink first: it may know that the chunk of an interrupted replay is done.
  const replayer = await Replayer.open({ worker: config.name, pipeline, from: flags.from, journal, ...runtime })
  try {
    const plan = await planOf(setting, flags, journal.marks)
    sayLeftOut(setting, plan)
    const total = await runChunks(setting, plan, replayer)
    report(setting, plan, total)
    if (total.isStopped) err.line('Stopped. The same command goes on where it was.')
    return total.isStopped || total.failed + total.notPassed > 0 ? exitCodes.runtime : exitCodes.ok
  } finally {
    await replayer.close()
  }
}

interface Total {
  replayed: number
  filtered: number
  failed: number
  notPassed: number
  /** Why records failed again, by cause; the first few. */
  readonly reasons: Map<string, { readonly message: string; records: number }>
  isStopped: boolean
}

const MOST_REASONS = 10

async function runChunks(
  { queue, host, err, stopping }: DlqSetting,
  plan: ReplayPlan,
  replayer: Replayer,
): Promise<Total> {
  const total: Total = { replayed: 0, filtered: 0, failed: 0, notPassed: 0, reasons: new Map(), isStopped: false }
  const progress = replayProgress({
    screen: err,
    total: plan.records.size,
    now: host.now,
    look: () => ({ ...total, problem: replayer.problem }),
  })
  try {
    for await (const chunk of replayChunks(queue, plan, stopping)) {
      const result = stopping.aborted ? undefined : await replayer.run(chunk)
      total.isStopped = result === undefined
      // What was put of a chunk that was cut short must not become durable with the next one.
      if (result === undefined) break
      add(total, result)
    }
  } catch (error) {
    if (!isAbort(error, stopping)) throw error
    total.isStopped = true
  } finally {
    progress.stop()
  }
  return total
}

/** What reading ends with that was told to stop. */
function isAbort(error: unknown, { aborted, reason }: AbortSignal): boolean {
  return aborted && (error === reason || (error as Error).name === 'AbortError')
}

function add(total: Total, { replayed, filtered, failed, notPassed }: ChunkResult): void {
  total.replayed += replayed
  total.filtered += filtered
  total.failed += failed.length
  total.notPassed += notPassed
  for (const { failure } of failed) {
    const message = `${failure.error.code} in ${failure.stage}: ${failure.error.message}`
    const cause = causeOf(message)
    const reason = total.reasons.get(cause) ?? { message, records: 0 }
    reason.records++
    if (total.reasons.size < MOST_REASONS) total.reasons.set(cause, reason)
  }
}

function report(
  { out, err }: DlqSetting,
  plan: ReplayPlan,
  { replayed, filtered, failed, notPassed, reasons }: Total,
): void {
  const dropped = filtered === 0 ? '' : `, ${counted(filtered, 'record')} of them filtered`
  const again = failed === 0 ? '' : `; ${counted(failed, 'record')} failed again`
  out.line(`Replayed ${counted(replayed, 'record')} of ${counted(plan.records.size, 'record')}${dropped}${again}.`)
  for (const { message, records } of reasons.values())
    err.line(`  ${counted(records, 'record')}: ${printable(message)}`)
  if (notPassed > 0) {
    err.line(`${counted(notPassed, 'record')} left out: the pipeline has not passed them and reads them again itself.`)
  }
}
