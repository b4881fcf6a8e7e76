import type { PipelineSnapshot, PipelineState } from '@connect-run/core/runtime'

import type { Style } from './style.ts'
import { amount } from './table.ts'

const barWidth = 20
/** Sign, state, the blanks between, and the last column, which stays empty. */
const besideNameAndFacts = 16
const shortestName = 8
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

export interface LiveLook {
  readonly style: Style
  /** Of the terminal. */
  readonly columns: number
  /** Of the longest name. */
  readonly nameWidth: number
  /** Counts the pictures, for what moves. */
  readonly frame: number
  /** Records a second. */
  readonly rate: number
}

/** One pipeline on a terminal: how it is, how far it is, and below that what is wrong. */
export function liveLines(pipeline: PipelineSnapshot, look: LiveLook): string[] {
  const { style, columns } = look
  const { state, problem } = pipeline
  const { sign, paint } = looks[state]
  const shownSign = sign === '' ? spinner[look.frame % spinner.length]! : sign
  const { name, bar, facts } = fitted(pipeline, look)
  const shownState = style[paint](state.padEnd(10))
  const line = `${style[paint](shownSign)} ${style.bold(name)}  ${shownState} ${style.cyan(bar)}${facts}`.trimEnd()
  if (problem === undefined || state === 'ended') return [line]
  return [line, style.yellow(clipped(`  ${' '.repeat(name.length)}  ${problem}`, columns - 1))]
}

/** Where not everything has room, the counts stay longest: the bar goes first, then the end of the name. */
function fitted(pipeline: PipelineSnapshot, look: LiveLook): { name: string; bar: string; facts: string } {
  const facts = words(pipeline, look.rate).join(' · ')
  const bar = progressBar(pipeline)
  const room = look.columns - besideNameAndFacts
  const nameRoom = Math.max(shortestName, room - facts.length)
  const name = clipped(pipeline.name, nameRoom).padEnd(Math.min(look.nameWidth, nameRoom))
  const left = room - name.length
  return { name, bar: bar.length + facts.length <= left ? bar : '', facts: clipped(facts, left) }
}

/** The same in one plain line for a pipe. */
export function plainLine(pipeline: PipelineSnapshot, rate: number): string {
  const { name, state, problem, total } = pipeline
  const [read, ...others] = words(pipeline, rate)
  const first = total === undefined ? read : read?.replace(' read', ` of ${amount(total)} read`)
  const facts = first === undefined ? [] : [first, ...others]
  const trouble = problem === undefined || state === 'ended' ? '' : `; ${problem}`
  return `${[`${name}: ${state}`, ...facts].join(', ')}${trouble}`
}

/** What became of the records so far; what is zero is not said. */
function words({ state, ledger }: PipelineSnapshot, rate: number): string[] {
  const counts: readonly [string, number][] = [
    ['read', ledger.read],
    ['written', ledger.written],
    ['filtered', ledger.filtered],
    ['skipped', ledger.skipped],
    ['parked', ledger.parked],
    ['dead-lettered', ledger.deadLettered],
    ['dropped', ledger.dropped],
  ]
  const some = counts.filter(([, count]) => count > 0).map(([word, count]) => `${amount(count)} ${word}`)
  return state === 'running' && rate >= 1 ? [...some, `${amount(Math.round(rate))}/s`] : some
}

/** Empty where nobody knows how many records there are. */
function progressBar({ total, ledger }: PipelineSnapshot): string {
  if (total === undefined) return ''
  const done = ledger.read - ledger.inFlight - ledger.released
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const full = Math.floor(share * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${String(Math.floor(share * 100)).padStart(3)}%  `
}

/** An empty sign moves. */
const looks: Readonly<Record<PipelineState, { sign: string; paint: 'cyan' | 'yellow' | 'green' | 'red' }>> = {
  starting: { sign: '', paint: 'cyan' },
  running: { sign: '', paint: 'cyan' },
  retrying: { sign: '!', paint: 'yellow' },
  restarting: { sign: '!', paint: 'yellow' },
  stopping: { sign: '', paint: 'yellow' },
  ended: { sign: '✓', paint: 'green' },
  stopped: { sign: '!', paint: 'yellow' },
  failed: { sign: '✗', paint: 'red' },
}

function clipped(text: string, width: number): string {
  if (text.length <= width) return text
  return width < 2 ? '' : `${text.slice(0, width - 1)}…`
}
