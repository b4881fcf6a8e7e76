import type { ParkedFate, ParkedRecord, ParkingLot, ParkingRequest } from '../../src/delivery/parking.ts'

/** A parking lot in memory, whose records are due when a test says so. */
export interface TestLot {
  readonly lot: ParkingLot
  readonly records: Map<number, ParkedRecord>
  /** Hands all records out once; those that are done are gone afterwards. */
  due(): Promise<readonly ParkedFate[]>
  request: ParkingRequest | undefined
  started: boolean
  closed: boolean
}

/** `onPark` may say how many are taken, or throw. */
export function testLot(onPark: (records: readonly ParkedRecord[]) => Promise<number> | number = all): TestLot {
  const records = new Map<number, ParkedRecord>()
  const state: TestLot = {
    records,
    request: undefined,
    started: false,
    closed: false,
    async due() {
      const handed = [...records.values()]
      const fates = await state.request!.retry(handed)
      fates.forEach((fate, i) => {
        const record = handed[i]!
        if (fate === 'done') records.delete(record.offset)
        if (fate === 'refused') records.set(record.offset, { ...record, retries: record.retries + 1 })
      })
      return fates
    },
    lot: {
      open(request) {
        state.request = request
        return {
          async park(given) {
            const count = await onPark(given)
            for (const record of given.slice(0, count)) records.set(record.offset, record)
            return count
          },
          start: () => void (state.started = true),
          close: async () => void (state.closed = true),
        }
      },
    },
  }
  return state
}

function all(records: readonly ParkedRecord[]): number {
  return records.length
}
