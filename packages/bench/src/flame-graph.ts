import type { CpuProfile } from './cpu-profile.ts'
import { microsOf, placeOf } from './cpu-profile.ts'

interface Frame {
  readonly place: string
  readonly micros: number
  readonly children: readonly Frame[]
}

interface Bar {
  readonly place: string
  readonly micros: number
  /** Where it begins, in microseconds. */
  readonly from: number
  /** 0 for what nobody called. */
  readonly depth: number
}

const SIZE = { width: 1400, row: 17, top: 40, letter: 6.6 } as const

/** Less than this share of the whole is not drawn. */
const LEAST = 0.0005

/** A profile as an SVG picture: callers below what they called, as wide as the time spent in them; waiting left out. */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = frameTree(profile)
  const bars = barsOf(root, root.micros * LEAST)
  const scale = SIZE.width / Math.max(root.micros, 1)
  const height = SIZE.top + SIZE.row * (1 + Math.max(0, ...bars.map(({ depth }) => depth)))
  const seconds = (micros: number): string => `${(micros / 1e6).toFixed(3)} s`
  const drawn = bars.map((bar) => barText(bar, { scale, height, label: `${bar.place}: ${seconds(bar.micros)}` }))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${height}" font-family="monospace" font-size="11">
<text x="4" y="16" font-size="14">${escaped(title)}: ${seconds(root.micros)} of the main thread</text>
${drawn.join('\n')}
</svg>
`
}

/** The call tree with the same function's calls by the same caller put together. */
function frameTree(profile: CpuProfile): Frame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const micros = microsOf(profile)
  const join = (place: string, ids: readonly number[]): Frame => {
    const callees = new Map<string, number[]>()
    for (const child of ids.flatMap((id) => nodes.get(id)?.children ?? [])) {
      const name = placeOf(nodes.get(child)!.callFrame)
      callees.set(name, [...(callees.get(name) ?? []), child])
    }
    callees.delete('(idle)')
    const children = [...callees].map(([name, calls]) => join(name, calls)).sort((one, two) => two.micros - one.micros)
    const own = ids.reduce((sum, id) => sum + (micros.get(id) ?? 0), 0)
    return { place, micros: children.reduce((sum, child) => sum + child.micros, own), children }
  }
  return join('all', [profile.nodes[0]!.id])
}

function barsOf(frame: Frame, least: number, from = 0, depth = 0): Bar[] {
  const bars: Bar[] = [{ place: frame.place, micros: frame.micros, from, depth }]
  let at = from
  for (const child of frame.children) {
    if (child.micros >= least) bars.push(...barsOf(child, least, at, depth + 1))
    at += child.micros
  }
  return bars
}

interface Drawing {
  readonly scale: number
  readonly height: number
  readonly label: string
}

function barText({ place, micros, from, depth }: Bar, { scale, height, label }: Drawing): string {
  const width = micros * scale
  const y = height - (depth + 1) * SIZE.row
  const letters = Math.floor((width - 4) / SIZE.letter)
  const text =
    letters < 3 ? '' : `<text x="${px(from * scale + 2)}" y="${y + 12}">${escaped(place.slice(0, letters))}</text>`
  return `<g><title>${escaped(label)}</title><rect x="${px(from * scale)}" y="${y}" width="${px(width)}" height="${SIZE.row - 1}" fill="${colourOf(place)}"/>${text}</g>`
}

/** The same for the same place; the engine's own in grey. */
function colourOf(place: string): string {
  if (place.startsWith('(') && !place.startsWith('(anonymous)')) return '#ccc'
  const hash = Buffer.from(place).reduce((sum, byte) => (sum * 31 + byte) % 9973, 7)
  return `hsl(${10 + (hash % 45)} 85% ${62 + (hash % 13)}%)`
}

function px(value: number): string {
  return value.toFixed(1)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
