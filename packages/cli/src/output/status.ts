import type { Partition, Positions } from '@connect-run/core'
import type { Ledger, LedgerEntry, PipelineConfig, StoredState, WorkerConfig } from '@connect-run/core/runtime'
import { addTally, emptyTally, settledIn, stateLocation } from '@connect-run/core/runtime'

import { addsUp, ledgerColumns, withVerdict } from './ledger.ts'
import type { Style } from './style.ts'
import { type Column, amount, table } from './table.ts'

/** Shown even where there are none: with more, what a kill leaves would not fit into 80 columns. */
const ALWAYS = ['written', 'deadLettered'] as const

/** What is stored of a pipeline. */
export interface PipelineStatus {
  readonly pipeline: string
  readonly source: string
  readonly sink: string
  /** Of all partitions, since the pipeline first ran. */
  readonly ledger: Ledger
  readonly addsUp: boolean
  /** What was stored last, as ISO 8601; undefined where nothing is stored. */
  readonly savedAt: string | undefined
  /** One for each worker that has a part in it. */
  readonly states: readonly StoredState[]
  readonly partitions: readonly PartitionStatus[]
  /** Of partitions that have ended, such as files that are gone. */
  readonly ended: Ledger | undefined
}

export interface PartitionStatus {
  readonly stream: string
  readonly partition: number
  /** Undefined where the source keeps its positions itself. */
  readonly offset: number | undefined
  /** Undefined where nothing was counted of it. */
  readonly ledger: Ledger | undefined
}

/** Adds up what several workers have stored of one pipeline. */
export function statusOf(pipeline: PipelineConfig, states: readonly StoredState[]): PipelineStatus {
  const entries = states.flatMap(({ ledger }) => ledger)
  const ledger = sumOf(entries)
  const ended = entries.filter(({ stream }) => stream === '')
  const savedAtMs = Math.max(...states.map((state) => state.savedAtMs))
  return {
    pipeline: pipeline.name,
    source: pipeline.source.plugin.name,
    sink: pipeline.sink.plugin.name,
    ledger,
    addsUp: addsUp(ledger) && entries.every((entry) => addsUp(sumOf([entry]))),
    savedAt: states.length === 0 ? undefined : new Date(savedAtMs).toISOString(),
    states,
    partitions: partitionsOf(
      entries.filter(({ stream }) => stream !== ''),
      states.flatMap(({ positions }) => positions),
    ),
    ended: ended.length === 0 ? undefined : sumOf(ended),
  }
}

function sumOf(entries: readonly LedgerEntry[]): Ledger {
  const tally = emptyTally()
  let read = 0
  let released = 0
  for (const entry of entries) {
    addTally(tally, entry)
    read += entry.read
    released += entry.released
  }
  return { read, ...tally, released, inFlight: read - settledIn(tally) - released }
}

function partitionsOf(entries: readonly LedgerEntry[], positions: Positions): PartitionStatus[] {
  const counted = new Map<string, LedgerEntry[]>()
  for (const entry of entries) counted.set(keyOf(entry), [...(counted.get(keyOf(entry)) ?? []), entry])
  const offsets = new Map(positions.map((entry) => [keyOf(entry), entry.position.offset]))
  const all = new Map<string, Partition>([...entries, ...positions].map((entry) => [keyOf(entry), entry]))
  return [...all]
    .map(([key, { stream, partition }]): PartitionStatus => {
      const own = counted.get(key)
      return { stream, partition, offset: offsets.get(key), ledger: own === undefined ? undefined : sumOf(own) }
    })
    .toSorted((a, b) => a.stream.localeCompare(b.stream) || a.partition - b.partition)
}

function keyOf({ stream, partition }: Partition): string {
  return `${partition} ${stream}`
}

/** What became of the records of a worker's pipelines, and who runs them; with `partitions` a table for each pipeline too. */
export function statusLines(
  { name, file, state }: WorkerConfig,
  pipelines: readonly PipelineStatus[],
  { partitions, style }: { readonly partitions: boolean; readonly style: Style },
): string[] {
  const counted = pipelines.filter(({ states }) => states.length > 0)
  const { columns, cells } = ledgerColumns(
    counted.map(({ ledger }) => ledger),
    ALWAYS,
  )
  const rows = counted.map(({ pipeline, ledger }) => [pipeline, ...cells(ledger)])
  const holders = pipelines.map(({ pipeline, states, savedAt = 'nothing yet' }) => [pipeline, savedAt, heldBy(states)])
  const ledgers = table([{ title: 'pipeline' }, ...columns], rows, style).map((line) => withVerdict(line, style))
  return [
    `${style.bold(name)}  ${file}, state in ${stateLocation(state)}`,
    '',
    ...(counted.length === 0 ? [] : [...ledgers, '']),
    ...table([{ title: 'pipeline' }, { title: 'stored at' }, { title: 'run by' }], holders, style),
    ...(partitions ? pipelines.flatMap((status) => ['', ...partitionLines(status, style)]) : []),
  ]
}

function heldBy(states: readonly StoredState[]): string {
  if (states.length === 0) return ''
  const holders = states.flatMap((state) => state.heldBy ?? [])
  return holders.length === 0 ? 'nobody' : holders.join(', ')
}

function partitionLines({ pipeline, partitions, ended }: PipelineStatus, style: Style): string[] {
  if (partitions.length === 0 && ended === undefined) return [`${style.bold(pipeline)}  no partitions`]
  const ledgers = [...partitions.flatMap(({ ledger }) => ledger ?? []), ...(ended === undefined ? [] : [ended])]
  const { columns, cells } = ledgerColumns(ledgers, ALWAYS)
  // Where the source keeps them itself there are none here.
  const hasPositions = partitions.some(({ offset }) => offset !== undefined)
  const rows = partitions.map(({ stream, partition, offset, ledger }) => [
    `${stream}/${partition}`,
    ...(hasPositions ? [offset === undefined ? '' : amount(offset)] : []),
    ...(ledger === undefined ? [] : cells(ledger)),
  ])
  if (ended !== undefined) rows.push(['(ended)', ...(hasPositions ? [''] : []), ...cells(ended)])
  const position: Column = { title: 'position', align: 'right' }
  const head: Column[] = [{ title: 'partition' }, ...(hasPositions ? [position] : []), ...columns]
  return [style.bold(pipeline), ...table(head, rows, style).map((line) => withVerdict(line, style))]
}
