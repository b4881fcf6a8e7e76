// Writes positions as fast as it can until it is killed, and says each one that it was told is durable.
import { openStateStore } from '../../dist/state/open.js'

const [folder, first] = process.argv.slice(2)
const state = await openStateStore({ kind: 'file', folder }).open('crash')
for (let offset = Number(first); ; offset++) {
  const token = { fill: 'x'.repeat(offset % 5000) }
  process.send({ writing: offset })
  await state.write({ positions: [{ stream: 's', partition: 0, position: { offset, token } }] })
  process.send({ written: offset })
}
