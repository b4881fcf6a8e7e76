import { expect, it } from '@jest/globals'

import { looksLikeConfig } from '../../src/config/looks-like-config.ts'

it.each([
  ['name: a\n', true],
  ['{pipelines: {}}\n', true],
  ['name: a\nb: "open\n', true],
  ['', false],
  ['- name: a\n', false],
  ['apiVersion: v1\nmetadata: {name: a}\n---\nkind: Service\n', false],
])('%j: %s', (text, expected) => {
  expect(looksLikeConfig(text)).toBe(expected)
})
