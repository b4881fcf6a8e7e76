import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Way } from './connect-run.ts'
import { connectRunSubject } from './connect-run.ts'
import type { CpuProfile } from './cpu-profile.ts'
import { selfTimes } from './cpu-profile.ts'
import { flameGraph } from './flame-graph.ts'
import type { Bed, Course } from './turns.ts'
import { runOnce } from './turns.ts'

const ROWS = 25

interface ProfileOrder {
  readonly course: Course
  /** Where the files go. */
  readonly folder: string
  /** What the files are named after, with the way. */
  readonly table: string
}

/**
 * A run of its own: the profiler costs too much for it to be measured. Leaves `<name>.cpuprofile`, which Chrome's and
 * VS Code's developer tools and speedscope open, and `<name>.svg`, a flame graph for any browser.
 */
export async function profileWay(bed: Bed, way: Way, { course, folder, table }: ProfileOrder): Promise<void> {
  const target = resolve(folder)
  const scratch = join(target, 'profiling')
  await rm(scratch, { recursive: true, force: true })
  const launcher = [process.execPath, '--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${scratch}`]
  await runOnce(bed, connectRunSubject({ ...way, name: `${way.name}, profiled` }, launcher), course)
  const [file] = await readdir(scratch) // the worker has one thread with JavaScript
  if (file === undefined) throw new Error(`${way.name} has left no profile in ${scratch}`)
  const base = join(target, fileName(`${table}, ${way.name}`))
  await rename(join(scratch, file), `${base}.cpuprofile`)
  await rm(scratch, { recursive: true })
  const profile = JSON.parse(await readFile(`${base}.cpuprofile`, 'utf8')) as CpuProfile
  await writeFile(`${base}.svg`, flameGraph(profile, `${table}: ${way.name}`))
  bed.say(`  ${base}.cpuprofile and .svg; seconds of the main thread by function, itself only:`)
  for (const { place, seconds } of selfTimes(profile).slice(0, ROWS)) bed.say(`    ${seconds.toFixed(3)}  ${place}`)
}

export function fileName(text: string): string {
  return text.replaceAll(/[^\w]+/g, '-').replaceAll(/^-|-$/g, '')
}
