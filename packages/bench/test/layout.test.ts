import { expect, it } from '@jest/globals'
import { markdown, plainText } from '../src/layout.ts'

const rows = [
  ['', 'CPU', 'rate'],
  ['kcat -C > file', '0.5', '700'],
]

it('sets a table for Markdown, where some characters mean something', () => {
  expect(markdown.table(rows)).toBe('|  | CPU | rate |\n| --- | ---: | ---: |\n| kcat -C > file | 0.5 | 700 |\n')
  expect(markdown.heading('Kafka -> file')).toBe('### Kafka -> file\n')
  expect(markdown.notes(['one', 'a|b'])).toBe('- one\n- a\\|b\n')
})

it('sets a table for a terminal', () => {
  expect(plainText.table(rows).split('\n')[2]).toBe('kcat -C > file  0.5   700')
  expect(plainText.heading('here')).toBe('here: median (least-most)')
  expect(plainText.notes(['one', 'two'])).toBe('one\ntwo')
})
