// jest's globalSetup for the tiers that need servers: they are started when a test first asks, and shared by all.
import { openServiceDesk } from '../dist/services/index.js'

/** jest runs the teardown in this process, but gives it nothing. */
let close

export default async function setup() {
  close = await openServiceDesk()
}

export async function teardown() {
  await close?.()
}
