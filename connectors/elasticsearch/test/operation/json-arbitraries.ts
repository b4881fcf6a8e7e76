import * as fc from 'fast-check'

const name = fc.oneof(fc.string(), fc.constantFrom('@timestamp', '_record', 'é', '__proto__', '"', '\\'))
const json = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  ),
  object: fc.dictionary(name, tie('any'), { maxKeys: 4, noNullPrototype: true }),
  any: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('object'), fc.array(tie('any'), { maxLength: 3 })),
})).object as fc.Arbitrary<object>
const space = fc.constantFrom('', ' ', '\n', '\r\n', '\t')
/** The text of an object, laid out and escaped in one of many ways. */
export const jsonObjectText: fc.Arbitrary<string> = fc
  .record({ value: json, indent: fc.constantFrom('', ' ', '\n'), before: space, after: space, escaped: fc.boolean() })
  .map(({ value, indent, before, after, escaped }) => {
    const plain = JSON.stringify(value, undefined, indent)
    const ascii = escaped
      ? plain.replace(/[@_é]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : plain
    return before + ascii + after
  })
