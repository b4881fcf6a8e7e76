export { pollUntil } from './poll-until.ts'
export type { PollOptions } from './poll-until.ts'
