import { describe, expect, it } from '@jest/globals'
import { testContext } from '@connect-run/testkit/conformance'
import { hasPackedCalls } from '../src/client/packed-calls.ts'
import { pathNotes, tellPath, usesPacked } from '../src/packed-path.ts'

const [able, unable] = [{ packed: true }, { packed: false }]

describe('the path of records', () => {
  it('is the packed one in this workspace', () => {
    expect(hasPackedCalls).toBe(true)
  })

  it('is the packed one where the client can and the user does not mind', () => {
    expect(usesPacked({ packed: true }, able)).toBe(true)
    expect(usesPacked({ packed: false }, able)).toBe(false)
    expect(usesPacked({ packed: true }, unable)).toBe(false)
  })

  it('is told once if it is the slower one for want of the patch, and in the list of connectors', () => {
    const { logger } = testContext({ config: {} })
    tellPath({ packed: true }, able, logger)
    tellPath({ packed: false }, unable, logger)
    expect(logger.entries).toEqual([])
    tellPath({ packed: true }, unable, logger)
    tellPath({ packed: true }, unable, logger)
    expect(logger.entries.map(({ level, message }) => `${level} ${message}`)).toEqual([
      expect.stringMatching(/^info this installation of node-rdkafka lacks the calls for packed batches/),
    ])
    expect(pathNotes(false)).toEqual([expect.stringMatching(/^This installation of node-rdkafka lacks .*README/)])
    expect(pathNotes(true)).toEqual(['Records move in packed batches.'])
  })
})
