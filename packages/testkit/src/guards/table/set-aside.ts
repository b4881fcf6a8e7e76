import type { Guard } from '../guard.ts'

export const setAside: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/dead-letters/letter-line.ts',
    code: "Buffer.from(utf8, 'utf8').equals(buffer) ? { utf8 } : { base64: buffer.toString('base64') }",
    instead: '{ utf8 }',
    test: 'packages/core/test/dead-letters/letter.test.ts',
    title: 'keeps binary keys, values and headers untouched through a line of JSON',
  },
  {
    file: 'packages/core/src/delivery/dead-letter-file.ts',
    code: "if (await endsMidLine(file)) await file.appendFile('\\n')",
    instead: '',
    test: 'packages/core/test/delivery/dead-letter-file.test.ts',
    title: 'ends half a line that a crash has left',
  },
  {
    file: 'packages/core/src/delivery/dead-letter-file.ts',
    code: 'isSafe = await this.#isInPlace()',
    instead: 'isSafe = true',
    test: 'packages/core/test/delivery/dead-letter-file.test.ts',
    title: 'writes letters again where the file is moved away while they are written',
  },
  {
    file: 'packages/core/src/delivery/dead-letter-limit.ts',
    code: 'if (maxRate !== undefined && atRate > maxRate.records) {',
    instead: 'if (maxRate !== undefined && inRate.sum() > maxRate.records) {',
    test: 'packages/core/test/delivery/dead-letter-limit.test.ts',
    title: 'takes all or none of those that come together, and says which was too many',
  },
  {
    file: 'packages/core/src/dead-letters/journal.ts',
    code: '  lines.pop()\n',
    instead: '',
    test: 'packages/core/test/dead-letters/journal.test.ts',
    title: 'leaves out the half line of a crash, and goes on behind the whole ones',
  },
  {
    file: 'packages/core/src/dead-letters/replayer.ts',
    code: 'await journal.done(begun, clock.now())',
    instead: '',
    test: 'packages/core/test/dead-letters/replay.test.ts',
    title: 'puts records as they were read, and never twice',
  },
  {
    file: 'packages/core/src/dead-letters/replayer.ts',
    code: 'openChunk !== undefined && replayer.#position?.position.token === openChunk.key',
    instead: 'openChunk === null',
    test: 'packages/core/test/dead-letters/replay.test.ts',
    title: 'that was killed %s',
  },
  {
    file: 'packages/core/src/dead-letters/replayer.ts',
    code: 'const items = chunk.filter(({ letter }) => this.#hasPassed(letter))',
    instead: 'const items = chunk',
    test: 'packages/core/test/dead-letters/replay.test.ts',
    title: 'leaves out what the pipeline has not passed: it reads that again itself',
  },
]
