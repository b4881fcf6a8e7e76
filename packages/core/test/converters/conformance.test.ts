import { describeConverter } from '@connect-run/testkit/conformance'
import { bytesConverter } from '../../src/converters/bytes.ts'
import { envelopeFactory } from '../../src/converters/json-envelope.ts'
import { jsonConverter } from '../../src/converters/json.ts'
import { stringFactory } from '../../src/converters/string.ts'

const invalidUtf8 = Buffer.from([0x22, 0xff, 0x22])

describeConverter('json', {
  converter: jsonConverter,
  samples: [
    { bytes: Buffer.from('{"a": [1, 2.5, true, null, "ä😀"]}'), value: { a: [1, 2.5, true, null, 'ä😀'] } },
    { bytes: Buffer.from('9007199254740993'), value: 9007199254740993n },
    { bytes: Buffer.from('null'), value: null },
  ],
  invalid: [Buffer.alloc(0), Buffer.from('{"a": 1} x'), Buffer.from('1e400'), invalidUtf8],
})

describeConverter('string', {
  converter: stringFactory.create({ encoding: 'utf-8' }),
  samples: [
    { bytes: Buffer.alloc(0), value: '' },
    { bytes: Buffer.from('\u{FEFF}ä😀'), value: '\u{FEFF}ä😀' },
  ],
  invalid: [invalidUtf8],
})

describeConverter('bytes', {
  converter: bytesConverter,
  samples: [{ bytes: invalidUtf8, value: invalidUtf8 }],
  invalid: [],
})

const schema = { type: 'int64', optional: false } as const

describeConverter('json-envelope', {
  converter: envelopeFactory.create({
    schemas: true,
    decimalFormat: 'base64',
    replaceNullWithDefault: true,
    strict: false,
  }),
  samples: [
    {
      bytes: Buffer.from('{"schema":{"type":"int64","optional":false},"payload":9007199254740993}'),
      value: { schema, value: 9007199254740993n },
    },
    { bytes: Buffer.from('{"schema":null,"payload":{"a":1}}'), value: { schema: undefined, value: { a: 1 } } },
  ],
  invalid: [Buffer.alloc(0), Buffer.from('{"a": 1}'), invalidUtf8],
})
