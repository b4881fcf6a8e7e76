// The long torture: every pair of connectors with state in files and in Redis, 100 kills and 1,000,000 records a pair,
// within half an hour; then (--kafka-connect) the same for the file connectors of Kafka Connect.
//   npm run torture -- [--faults] [--records N] [--kills N] [--minutes N] [--seed N] [--pairs a,b] [--state file|redis] [--kafka-connect]
import { parseArgs } from 'node:util'
import { join } from 'node:path'
import { StepError, complain, root, runIfMain, say } from './steps.mjs'

const { values } = parseArgs({
  options: {
    faults: { type: 'boolean', default: false },
    records: { type: 'string', default: '1000000' },
    kills: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '12' },
    seed: { type: 'string' },
    pairs: { type: 'string' },
    state: { type: 'string' },
    'kafka-connect': { type: 'boolean', default: false },
  },
})

async function main() {
  const kit = await import('../dist/torture/index.js').catch((cause) => {
    throw new StepError(`nothing is built yet: npm run build (${cause.message})`)
  })
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
  const [records, kills, minutes] = [values.records, values.kills, values.minutes].map(Number)
  if (values['kafka-connect']) {
    const options = { records, kills, forMs: minutes * 60_000, seed }
    say(`Kafka Connect: ${records} lines, ${kills} kills in ${minutes} min, seed ${seed}`)
    const verdicts = await kit.tortureKafkaConnect(options)
    const { topic, file } = verdicts
    print([
      { pair: 'Kafka Connect, file -> kafka', ...topic },
      { pair: 'Kafka Connect, … -> file', ...file },
    ])
    return
  }
  const states = values.state === undefined ? ['file', 'redis'] : [values.state]
  let ok = true
  for (const [index, state] of states.entries()) {
    const each = Math.ceil(kills / states.length)
    say(`\nstate in ${state}: ${records} records a pair, ${each} kills in ${minutes} min, seed ${seed + index}`)
    const report = await kit.torturePairs({
      pairs: values.pairs?.split(',') ?? kit.pairNames,
      state,
      faults: values.faults,
      command: [process.execPath, join(root, 'packages/cli/bin/connect-run.cjs')],
      records,
      kills: each,
      suspends: Math.floor(minutes),
      forMs: minutes * 60_000,
      seed: seed + index,
      say: (line) => say(`  ${line}`),
    })
    const done = Object.entries(report.faults).map(([name, times]) => `${times} × ${name}`)
    say(`${done.join(', ')} in ${Math.round(report.elapsedMs / 1000)} s; silent stops: ${report.silentStops.length}`)
    print(report.pipelines)
    for (const stop of report.silentStops) complain(`\nsilent stop: ${stop}`)
    ok &&= report.ok
  }
  say(ok ? '\nEverything is as promised.' : '\nA promise was broken.')
  process.exit(ok ? 0 : 1)
}

function print(rows) {
  const titles = ['pair', 'sent', 'arrived', 'lost', 'doubled', 'reordered', 'foreign']
  const cells = [titles, ...rows.map((row) => titles.map((title) => row[title].toLocaleString('en-US')))]
  const widths = titles.map((_, c) => Math.max(...cells.map((line) => line[c].length)))
  for (const line of cells) say(line.map((cell, c) => cell[c ? 'padStart' : 'padEnd'](widths[c])).join('  '))
  for (const { pair, examples } of rows) for (const example of examples) complain(`${pair}: ${example}`)
}

runIfMain(import.meta.url, main)
