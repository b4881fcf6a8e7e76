import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../../', import.meta.url))

export interface CodeBlock {
  readonly language: string
  readonly code: string
  /** The path that stands in bold above the block. */
  readonly file: string | undefined
}

export function readDoc(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/(?:^\*\*`([^`]+)`\*\*\n\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    file: match[1],
    language: match[2]!,
    code: match[3]!,
  }))
}

/** The commands of the `sh` blocks, in order, without their comments. */
export function commands(markdown: string): string[] {
  return codeBlocks(markdown)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.split('\n'))
    .map((line) => line.replace(/ +# .*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** Writes the blocks that name a file below a folder. */
export function writeFiles(markdown: string, folder: string): void {
  for (const { file, code } of codeBlocks(markdown)) {
    if (file === undefined) continue
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, code)
  }
}

/** Level and text of each heading. */
export function headings(markdown: string): { readonly level: number; readonly text: string }[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '')
  return [...prose.matchAll(/^(#+) (.+)$/gm)].map((match) => ({ level: match[1]!.length, text: match[2]! }))
}

/** Targets of links and pictures that are no URLs. */
export function relativeLinks(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((target) => !/^[a-z]+:/.test(target))
}

/** The anchor that a heading gets on the web. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}
