// Draws demo.svg: runs the example in a pseudo-terminal (util-linux's `script`) and draws what is on its screen at the end.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const COLUMNS = 88
const root = fileURLToPath(new URL('../../..', import.meta.url))
const shown = 'npx connect-run configs/oceanic.yaml --embedded'
const COLOURS = { 31: 'red', 32: 'green', 33: 'yellow', 36: 'cyan', 90: 'dim' }
const PALETTE = {
  background: '#0d1117',
  text: '#d1d7e0',
  dim: '#8b949e',
  red: '#ff7b72',
  green: '#56d364',
  yellow: '#e3b341',
  cyan: '#56d4dd',
}
/** In pixels: the margin, the first line, a cell's width, a line's height, the font. */
const LAYOUT = { left: 18, top: 52, cell: 8.4, line: 20, size: 14 }

const terminal = `stty cols ${COLUMNS} rows 40; exec node packages/cli/bin/connect-run.cjs configs/oceanic.yaml --embedded`
const demo = spawnSync('script', ['-qec', terminal, '/dev/null'], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, TERM: 'xterm-256color' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
if (demo.status !== 0) throw new Error(`the example ended with ${demo.status ?? demo.error}\n${demo.stdout}`)

const prompt = `\u001B[32m$\u001B[39m \u001B[1m${shown}\u001B[22m\r\n\r\n`
writeFileSync(new URL('demo.svg', import.meta.url), svg(screen(prompt + demo.stdout)))

/** What is on the screen after the output: lines of cells `{ char, style }`. Knows the sequences that the command uses. */
function screen(output) {
  const lines = [[]]
  const style = { colour: undefined, bold: false, dim: false }
  let row = 0
  let column = 0
  // oxlint-disable-next-line no-control-regex -- terminals are controlled by control characters
  for (const [token, count, command] of output.matchAll(/\u001B\[([\d;]*)([A-Za-z])|[^]/gu)) {
    if (command === 'm') paint(style, Number(count || 0))
    else if (command === 'A') row = Math.max(0, row - Number(count || 1))
    else if (command === 'G') column = Number(count || 1) - 1
    else if (command === 'K') lines[row].length = Math.min(lines[row].length, column)
    else if (command === 'J') {
      lines.length = row + 1
      lines[row].length = Math.min(lines[row].length, column)
    } else if (command !== undefined) throw new Error(`the sequence ${JSON.stringify(token)} is not known here`)
    else if (token === '\r') column = 0
    else if (token === '\n') lines[++row] ??= []
    else lines[row][column++] = { char: token, ...style }
  }
  while (lines.at(-1).length === 0) lines.pop()
  return lines
}

function paint(style, code) {
  if (code === 0) Object.assign(style, { colour: undefined, bold: false, dim: false })
  else if (code === 1) style.bold = true
  else if (code === 2) style.dim = true
  else if (code === 22) Object.assign(style, { bold: false, dim: false })
  else if (code === 39) style.colour = undefined
  else if (COLOURS[code] !== undefined) style.colour = COLOURS[code]
  else throw new Error(`the style ${code} is not known here`)
}

function svg(lines) {
  const { left, top, cell, line, size } = LAYOUT
  const width = Math.round(COLUMNS * cell + 2 * left)
  const height = top + lines.length * line + 14
  const rows = lines.flatMap((cells, row) =>
    runs(cells).map(({ text, column, className }) => {
      const place = `x="${round(left + column * cell)}" y="${top + row * line}" textLength="${round(text.length * cell)}"`
      return `<text ${place}${className === '' ? '' : ` class="${className}"`}>${escaped(text)}</text>`
    }),
  )
  const classes = Object.values(COLOURS).map((colour) => `.${colour}{fill:${PALETTE[colour]}}`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${shown}</title>
<style>
text{font:${size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:${PALETTE.text};white-space:pre}
.bold{font-weight:700}.dim{fill:${PALETTE.dim}}${classes.join('')}
</style>
<rect width="${width}" height="${height}" rx="8" fill="${PALETTE.background}"/>
${['#ff5f57', '#febc2e', '#28c840'].map((fill, i) => `<circle cx="${20 + 20 * i}" cy="18" r="6" fill="${fill}"/>`).join('')}
${rows.join('\n')}
</svg>
`
}

/** Neighbours of one style, without the spaces around them. */
function runs(cells) {
  const found = []
  for (let column = 0; column < cells.length; column++) {
    const { char, colour, bold, dim } = cells[column] ?? { char: ' ' }
    const className = [colour, bold && 'bold', dim && 'dim'].filter(Boolean).join(' ')
    const last = found.at(-1)
    if (last?.className === className && last.column + last.text.length === column) last.text += char
    else found.push({ text: char, column, className })
  }
  return found
    .filter(({ text }) => text.trim() !== '')
    .map(({ text, column, className }) => ({ text: text.trim(), column: column + text.search(/\S/), className }))
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(' ', '\u00A0')
}

function round(value) {
  return Math.round(value * 100) / 100
}
