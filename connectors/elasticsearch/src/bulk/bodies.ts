import type { Operations } from '../operation/operations.ts'

type Bodies = Pick<Operations, 'body' | 'ends'>

/** A request has no more operations, since what a server says of all of them must be taken in one answer. */
export const MOST_OPERATIONS: number = 5000

/** How many of the operations `which`, from the first, go into a body of so many bytes; one always does. */
export function fitting({ ends }: Bodies, which: readonly number[], bytes: number): number {
  let size = 0
  const most = Math.min(which.length, MOST_OPERATIONS)
  for (let i = 0; i < most; i++) {
    size += ends[which[i]!]! - startOf(ends, which[i]!)
    if (size > bytes && i > 0) return i
  }
  return most
}

/** The body of some operations, in ascending order. Copies only where there are gaps. */
export function bodyOf({ body, ends }: Bodies, which: readonly number[]): Buffer {
  const pieces: Buffer[] = []
  for (let from = 0, to = 0; from < which.length; from = to) {
    for (to = from + 1; to < which.length && which[to] === which[to - 1]! + 1; to++);
    pieces.push(body.subarray(startOf(ends, which[from]!), ends[which[to - 1]!]))
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}

/** The id that an operation is sent with; undefined where the server makes one. */
export function idOf({ body, ends }: Bodies, i: number): string | undefined {
  const start = startOf(ends, i)
  const line = body.toString('utf8', start, body.indexOf(LINE_FEED, start))
  const [action] = Object.values(JSON.parse(line) as object) as { readonly _id?: string }[]
  return action?._id
}

const LINE_FEED = 0x0a

function startOf(ends: readonly number[], i: number): number {
  return i === 0 ? 0 : ends[i - 1]!
}
