import { textTable } from './text-table.ts'

/** How a report is set. */
export interface Layout {
  readonly heading: (text: string) => string
  /** The first row names the columns. */
  readonly table: (rows: readonly (readonly string[])[]) => string
  readonly notes: (lines: readonly string[]) => string
}

/** For a terminal. */
export const plainText: Layout = {
  heading: (text) => `${text}: median (least-most)`,
  table: textTable,
  notes: (lines) => lines.join('\n'),
}

/** For a file such as RESULTS.md. */
export const markdown: Layout = {
  heading: (text) => `### ${escaped(text)}\n`,
  table: ([header = [], ...rows]) => {
    const rule = header.map((_, column) => (column === 0 ? '---' : '---:'))
    return `${[header, rule, ...rows].map((cells) => `| ${cells.map(escaped).join(' | ')} |`).join('\n')}\n`
  },
  notes: (lines) => `${lines.map((line) => `- ${escaped(line)}`).join('\n')}\n`,
}

function escaped(text: string): string {
  return text.replaceAll(/[|<]/g, String.raw`\$&`)
}
