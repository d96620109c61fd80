// ONNX's functions of single numbers, for what is computed at import.
import { erfOf } from '../../../layers/erf.ts'
import type { Attributes } from './model.ts'

export type Elementary = (...values: number[]) => number

const plain =
  (compute: Elementary): ((attributes: Attributes) => Elementary) =>
  () =>
    compute

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** Operator -> the function that a node computes; as many inputs as its `length` says are needed. */
export const elementary: Readonly<Record<string, (attributes: Attributes) => Elementary>> = {
  Add: plain((a, b) => a! + b!),
  Sub: plain((a, b) => a! - b!),
  Mul: plain((a, b) => a! * b!),
  Div: plain((a, b) => a! / b!),
  Pow: plain((a, b) => a! ** b!),
  Min: plain((...values) => Math.min(...values)),
  Max: plain((...values) => Math.max(...values)),
  Neg: plain((x) => -x!),
  Abs: plain((x) => Math.abs(x!)),
  Sqrt: plain((x) => Math.sqrt(x!)),
  Exp: plain((x) => Math.exp(x!)),
  Log: plain((x) => Math.log(x!)),
  Floor: plain((x) => Math.floor(x!)),
  Ceil: plain((x) => Math.ceil(x!)),
  Reciprocal: plain((x) => 1 / x!),
  Erf: plain((x) => erfOf(x!)),
  Tanh: plain((x) => Math.tanh(x!)),
  Sigmoid: plain((x) => sigmoid(x!)),
  Softplus: plain((x) => Math.log1p(Math.exp(x!))),
  Relu: plain((x) => Math.max(x!, 0)),
  Clip: (attributes) => {
    const [least, most] = [attributes.float('min', -Infinity), attributes.float('max', Infinity)]
    return (x, min = least, max = most) => Math.min(Math.max(x!, min), max)
  },
  HardSigmoid: (attributes) => {
    const [alpha, beta] = [attributes.float('alpha', 0.2), attributes.float('beta', 0.5)]
    return (x) => Math.min(Math.max(alpha * x! + beta, 0), 1)
  },
}
