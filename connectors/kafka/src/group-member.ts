import type { Partition } from '@connect-run/core'

/** What a Kafka source lends the transactions of a Kafka sink on its cluster. */
export interface GroupMember {
  readonly groupId: string
  /** Undefined for one that is not static: the group could not tell it from one that it has expelled. */
  readonly instanceId: string | undefined
  /**
   * Calls with the binding's consumer, which stays open until the call has returned. Rejects once it is closing, and
   * where it has given up one of the partitions: by then the group may know it anew, and would take any position of it.
   */
  lend<T>(partitions: readonly Partition[], call: (consumer: unknown) => Promise<T>): Promise<T>
}

export function isGroupMember(lent: unknown): lent is GroupMember {
  return typeof (lent as Partial<GroupMember> | null | undefined)?.lend === 'function'
}
