import type { Guard } from './guard.ts'
import { bounded } from './table/bounded.ts'
import { configs } from './table/configs.ts'
import { distinct } from './table/distinct.ts'
import { exactlyOnce } from './table/exactly-once.ts'
import { ledger } from './table/ledger.ts'
import { noDuplicates } from './table/no-duplicates.ts'
import { noLoss } from './table/no-loss.ts'
import { noSilence } from './table/no-silence.ts'
import { oneWorker } from './table/one-worker.ts'
import { order } from './table/order.ts'
import { parking } from './table/parking.ts'
import { partitions } from './table/partitions.ts'
import { secrets } from './table/secrets.ts'
import { setAside } from './table/set-aside.ts'

const BY_PROMISE: Readonly<Record<string, readonly Omit<Guard, 'promise'>[]>> = {
  '1. Nothing is lost': noLoss,
  '2. No duplicates where the sink allows it': noDuplicates,
  '3. Distinct records stay distinct': distinct,
  '4. Nothing stops in silence': noSilence,
  '5. Order': order,
  '6. Everything is bounded': bounded,
  '7. Partitions change hands without loss': partitions,
  '8. A config is checked before anything moves': configs,
  '9. Secrets stay where they are': secrets,
  '10. The books add up': ledger,
  '11. Exactly once where Kafka allows it': exactlyOnce,
  '12. A task has one worker': oneWorker,
  '13. What is set aside is safe, and comes back once': setAside,
  '14. What is parked is tried again, and holds nothing up': parking,
}

/** The guards behind every promise of `packages/core/docs/guarantees.md`. */
export const GUARDS: readonly Guard[] = Object.entries(BY_PROMISE).flatMap(([promise, guards]) =>
  guards.map((guard) => ({ promise, ...guard })),
)
