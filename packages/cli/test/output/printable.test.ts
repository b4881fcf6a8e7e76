import { expect, it } from '@jest/globals'

import { printable } from '../../src/output/printable.ts'

it.each([
  ['plain ü ✓ 😀', 'plain ü ✓ 😀'],
  ['a\tb\r\nc', 'a\\tb\\r\\nc'],
  ['\u001B[2J\u0007\u009B', '\\u001b[2J\\u0007\\u009b'],
  // Whoever reads it must see the characters in the order in which they stand.
  ['user\u202Egnp.exe', 'user\\u202egnp.exe'],
])('writes out what would move a terminal: %j', (text, expected) => expect(printable(text)).toBe(expected))
