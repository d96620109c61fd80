// The page's worker: one file for all that it does, each loaded when it is first asked for.
import { serveTasks } from './serve.ts'

serveTasks({
  import: async () => (await import('../model/import-work.ts')).importWork,
  benchmark: async () => (await import('../benchmark/benchmark-work.ts')).benchmarkWork,
  explain: async () => (await import('../explain/explain-work.ts')).explainWork,
  train: async () => (await import('../train/train-work.ts')).trainWork,
  compare: async () => (await import('../compare/own-work.ts')).ownWork,
  truth: async () => (await import('../compare/truth-work.ts')).truthWork,
  result: async () => (await import('../result/result-work.ts')).resultWork,
})
