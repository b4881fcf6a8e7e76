import { expect, it } from '@jest/globals'

import { formatDiagnostics } from '../../src/output/diagnostics.ts'
import { styleFor } from '../../src/output/style.ts'
import { diagnostic } from '../fake-host.ts'

it('shows at most 50 of a file to a reader, and all to a program', () => {
  const diagnostics = [
    ...Array.from({ length: 53 }, (_, line) => diagnostic({ line: line + 1 })),
    diagnostic({ file: 'b.yaml' }),
  ]
  const text = formatDiagnostics(diagnostics, 'text', styleFor(false, {}))
  expect(text.match(/^a\.yaml:/gm)).toHaveLength(50)
  expect(text).toContain('\n… and 3 more in a.yaml\n\nb.yaml:7:3')
  expect(JSON.parse(formatDiagnostics(diagnostics, 'json', styleFor(false, {})))).toHaveLength(54)
})
