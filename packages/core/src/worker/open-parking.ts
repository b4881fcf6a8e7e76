import { ParkedRecords, type ParkedRecordsParts, mayPark } from '../delivery/parked-records.ts'
import { Health } from './health.ts'
import { type Closers, sinkTraits } from './open-ends.ts'
import type { TaskOptions } from './task-options.ts'

/** Undefined where the sink's records may not wait while others pass, or there is nowhere for them to wait. */
export function openParking(
  options: TaskOptions,
  closers: Closers,
  parts: Pick<ParkedRecordsParts, 'calls' | 'prepare' | 'tolerance' | 'fail' | 'signal'>,
): ParkedRecords | undefined {
  const { worker, pipeline, parkingLot, logger, clock } = options
  const limits = pipeline.sink.parking
  if (limits === undefined || parkingLot === undefined || !mayPark(sinkTraits(pipeline.sink))) return undefined
  const health = new Health('parking', logger, clock)
  const parked = new ParkedRecords(parkingLot, {
    ...options,
    ...parts,
    task: `${worker}-${pipeline.name}`,
    limits,
    health,
  })
  closers.push(() => parked.close())
  return parked
}
