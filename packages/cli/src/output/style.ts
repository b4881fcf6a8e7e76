export type Paint = (text: string) => string

/** Colours where there is a terminal that wants them; elsewhere the text as it is. */
export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

const paint =
  (open: number, close: number): Paint =>
  (text) =>
    `\u001B[${open}m${text}\u001B[${close}m`

const coloured: Style = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  cyan: paint(36, 39),
}

const same: Paint = (text) => text

const plain: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }

/** `NO_COLOR` (any value) takes colours away, `FORCE_COLOR` gives them to a pipe. */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return plain
  const forced = env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0'
  return forced || (isTerminal && env['TERM'] !== 'dumb') ? coloured : plain
}
