// Stands in for connect-run in tests of the torture: copies in-*.jsonl to out.jsonl, goes on after a kill where it was,
// and has the defect that FAKE_DEFECT names.
import { appendFileSync, existsSync, readFileSync, readdirSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'

const defect = process.env.FAKE_DEFECT
const { pipelines } = parse(readFileSync(process.argv[2], 'utf8'))
const [{ source, sink }] = Object.values(pipelines)
const folder = dirname(source.path)

if (defect === 'ends at once') process.exit(3)
process.on('SIGTERM', () => process.exit(defect === 'ends badly' ? 1 : 0))

/** The next number of each lane. */
const next = []
if (existsSync(sink.path)) {
  const text = readFileSync(sink.path, 'utf8')
  const whole = text.lastIndexOf('\n') + 1
  truncateSync(sink.path, whole)
  for (const line of text
    .slice(0, whole)
    .split('\n')
    .filter((each) => each.startsWith('{'))) {
    const { lane, seq } = JSON.parse(line)
    next[lane] = Math.max(next[lane] ?? 0, seq + 1)
  }
}

function copies(lines, from) {
  if (from > 20 || from + lines.length <= 22) return lines
  const [one, other] = [20 - from, 21 - from]
  if (defect === 'loses') return lines.toSpliced(one, 1)
  if (defect === 'doubles') return lines.toSpliced(one, 0, lines[one])
  if (defect === 'reorders') return lines.with(one, lines[other]).with(other, lines[one])
  if (defect === 'adds') return [...lines, 'nobody sent this']
  return lines
}

setInterval(() => {
  for (const file of readdirSync(folder).filter((name) => /^in-\d/.test(name))) {
    const lane = Number(/\d+/.exec(file)[0])
    const from = next[lane] ?? 0
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').slice(from, -1)
    if (lines.length === 0 || (lane === 0 && from <= 20 && from + lines.length <= 22 && defect !== undefined)) continue
    if (defect === 'stalls' && from > 0) continue
    appendFileSync(sink.path, [...(lane === 0 ? copies(lines, from) : lines), ''].join('\n'))
    next[lane] = from + lines.length
    if (defect === 'ends' && lane === 0 && from < 100 && next[lane] >= 100) process.exit(0)
  }
}, 20)
