/** A command that waits for durability (`WAIT`, `WAITAOF`), and what its answer must be at least. */
export interface Wait {
  readonly command: readonly string[]
  readonly wanted: { readonly disk: number; readonly replicas: number }
}

/** What is missing by the answer: a number of replicas, or whether the server's disk has it and how many replicas' have. */
export function unmet({ wanted }: Wait, reply: unknown): string | undefined {
  const [disk, replicas] = Array.isArray(reply) ? reply.map(Number) : [wanted.disk, Number(reply)]
  if (disk! < wanted.disk) return 'it was not on the disk'
  return replicas! < wanted.replicas ? `${replicas} of ${wanted.replicas} replicas had it` : undefined
}
