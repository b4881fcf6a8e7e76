import type { ProbeResult } from '../commands/probe-ends.ts'
import { printable } from './printable.ts'
import type { Style } from './style.ts'

/** `ok          a.yaml:5:5  main sink (cnosdb)  CnosDB 2.4.3`; what is wrong has more to say, elsewhere. */
export function probeLine({ end, outcome, learned, place }: ProbeResult, style: Style): string {
  const { file, line, column } = place
  const mark = outcome === 'ok' ? style.green('ok        ') : style.yellow(outcome)
  const what = outcome === 'ok' ? printable(learned.join('; ')) : 'the connector has no probe'
  return `${mark}  ${style.bold(`${file}:${line}:${column}`)}  ${nameOf(end)}  ${what}`.trimEnd()
}

function nameOf({ pipeline, end, connector }: ProbeResult['end']): string {
  return `${pipeline === undefined ? '' : `${pipeline} `}${end} (${connector})`
}

/** For a program. */
export function probeRecord({
  worker,
  end: { pipeline, end, connector },
  outcome,
  learned,
  place,
}: ProbeResult): object {
  const { file, line, column } = place
  return { worker, pipeline, end, connector, outcome, learned, file, line, column }
}
