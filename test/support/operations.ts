import type { BinaryOperation } from '../../src/codegen/program.ts'

/** All of them, for tests that go through every operation. */
export const BINARY: readonly BinaryOperation[] = [
  'add',
  'sub',
  'mul',
  'div',
  'max',
  'min',
  'lessThan',
  'equal',
  'and',
  'andNot',
  'or',
  'xor',
  'addInt',
  'subInt',
  'mulInt',
]
