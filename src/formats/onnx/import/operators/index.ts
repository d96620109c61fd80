import { averagePool, maxPool } from '../../../../layers/index.ts'
import type { OperatorImporter } from '../node-context.ts'
import { activationImporters } from './activations.ts'
import { arithmeticImporters } from './arithmetic.ts'
import { combinationImporters } from './combinations.ts'
import { moveImporters } from './moves.ts'
import { normImporters } from './norms.ts'
import { importGemm, importMatMul } from './products.ts'
import { reductionImporters } from './reductions.ts'
import {
  importAveragePool,
  importConv,
  importConvTranspose,
  importGlobalPool,
  importMaxPool,
} from './windows.ts'

/** By ONNX's names; `Silu` is made by a pattern. */
const importers: Readonly<Record<string, OperatorImporter>> = {
  Conv: importConv,
  ConvTranspose: importConvTranspose,
  MaxPool: importMaxPool,
  AveragePool: importAveragePool,
  GlobalMaxPool: importGlobalPool(maxPool),
  GlobalAveragePool: importGlobalPool(averagePool),
  Gemm: importGemm,
  MatMul: importMatMul,
  ...activationImporters,
  ...normImporters,
  ...arithmeticImporters,
  ...combinationImporters,
  ...moveImporters,
  ...reductionImporters,
}

/** Null if there is no layer for the operator. */
export const importerOf = (operator: string): OperatorImporter | null =>
  Object.hasOwn(importers, operator) ? importers[operator]! : null
