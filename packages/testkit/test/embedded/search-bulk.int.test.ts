import type { SearchFlavor } from '@connect-run/testkit/services'
import { service } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'
import { alike, BULK_CASES, runBulkCase } from './search-bulk-cases.ts'

// What the stand-in is held to is what the servers do.
for (const flavor of ['opensearch', 'elasticsearch7', 'elasticsearch8'] satisfies SearchFlavor[]) {
  const server = await service(flavor)

  server.describe(`recorded answers of ${flavor}`, () => {
    it.each(BULK_CASES)('$case', async ({ body, [flavor]: recorded }) => {
      const told = await runBulkCase(server.address, body)
      expect(alike(recorded, told) ? recorded : told).toEqual(recorded)
    })
  })
}
