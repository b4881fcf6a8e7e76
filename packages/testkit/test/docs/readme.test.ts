import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { anchorOf, codeBlocks, headings, readDoc, relativeLinks, root } from './markdown.ts'

const english = readDoc('README.md')
const chinese = readDoc('README.zh-CN.md')

const documents = [
  'README.md',
  'README.zh-CN.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'deploy/README.md',
  'packages/core/docs/connectors.md',
  'packages/core/docs/errors.md',
  'packages/core/docs/guarantees.md',
  ...[...folders('packages'), ...folders('connectors')]
    .map((folder) => `${folder}/README.md`)
    .filter((file) => existsSync(join(root, file))),
]

describe('README.zh-CN.md', () => {
  it('has the sections of README.md', () => {
    expect(headings(chinese).map(({ level }) => level)).toEqual(headings(english).map(({ level }) => level))
  })

  it('has the same commands, configs and code, in the same order', () => {
    expect(codeBlocks(chinese)).toEqual(codeBlocks(english))
  })

  it('links to the same places, but for the other language', () => {
    const others = (markdown: string): string[] => relativeLinks(markdown).filter((link) => !link.startsWith('README'))
    expect(others(chinese)).toEqual(others(english))
  })

  it('has the same tables and lists', () => {
    const shape = (markdown: string): string[] => markdown.match(/^(\| |- |\d\. )/gm) ?? []
    expect(shape(chinese)).toEqual(shape(english))
  })
})

describe.each(documents)('%s', (document) => {
  it('links to files that exist, and to headings in them', () => {
    for (const link of relativeLinks(readDoc(document))) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? document : join(dirname(document), path)
      expect([link, existsSync(join(root, target))]).toEqual([link, true])
      if (anchor === undefined) continue
      const anchors = headings(readDoc(target)).map(({ text }) => anchorOf(text))
      expect(anchors).toContain(anchor)
    }
  })

  it('names scripts that exist', () => {
    const { scripts } = JSON.parse(readDoc('package.json')) as { scripts: object }
    const named = [...readDoc(document).matchAll(/npm run ([\w:]+)/g)].map((match) => match[1])
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named))
  })
})

describe('README.md', () => {
  it('shows the config as it is', () => {
    const block = codeBlocks(english).find(({ file }) => file === 'configs/oceanic.yaml')
    expect(readDoc('configs/oceanic.yaml')).toContain(block!.code)
  })

  it('names every package', () => {
    const named = relativeLinks(english).map((link) => dirname(link))
    expect(named).toEqual(expect.arrayContaining(folders('packages')))
  })
})

describe('packages/core/README.md', () => {
  it('links to every decision', () => {
    const decisions = readdirSync(join(root, 'packages/core/docs/adr')).map((file) => `docs/adr/${file}`)
    expect(relativeLinks(readDoc('packages/core/README.md'))).toEqual(expect.arrayContaining(decisions))
  })
})

/** Those with a package.json. */
function folders(parent: string): string[] {
  return readdirSync(join(root, parent))
    .map((name) => `${parent}/${name}`)
    .filter((path) => existsSync(join(root, path, 'package.json')))
}
