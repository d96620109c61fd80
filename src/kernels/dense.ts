import type { View } from '../plan/views.ts'
import { type Argument, argument, evenSplit, runsOf } from './kernel.ts'

/**
 * An image's values in H, W, C order, as contiguous lines: a single one unless there is a halo or there are padded
 * channels. Row i of a dense layer's weights belongs to value i.
 */
export interface Lines {
  readonly rows: number
  readonly rowPitch: number
  readonly columns: number
  readonly columnPitch: number
  /** Values of a line. */
  readonly length: number
}

export function linesOf({ shape, rowPitch, pixelPitch }: View): Lines {
  const [, height, width, channels] = shape
  const lines = { rows: height, rowPitch, columns: width, columnPitch: pixelPitch, length: channels }
  if (pixelPitch !== channels) return lines
  const rows = { ...lines, columns: 1, length: width * channels }
  return rowPitch === rows.length ? { ...rows, rows: 1, length: height * rows.length } : rows
}

/** Rows of weights as tasks: `tasks` of `groups` groups of `size` rows, from row `first` of each line on. */
export interface RowTasks {
  readonly first: number
  readonly size: number
  readonly groups: number
  readonly tasks: number
}

/** Enough work that a call costs little beside it, and little enough that all threads end at about the same time. */
const TASK_FLOPS = 1e6
const WANTED_TASKS = 32

/**
 * Cuts the rows of a line into groups of at most `most`. It depends on the shapes alone, so the bits are the same with
 * any number of threads.
 */
export function rowTasks(lines: Lines, most: number, flopsOfRow: number): RowTasks[] {
  const { rows, columns, length } = lines
  const wanted = Math.min(
    Math.ceil(TASK_FLOPS / flopsOfRow),
    Math.ceil((rows * columns * length) / WANTED_TASKS),
  )
  return runsOf(evenSplit(length, most)).flatMap(({ first, size, count }) =>
    runsOf(evenSplit(count, Math.max(1, Math.floor(wanted / size)))).map((groups) => ({
      first: first + groups.first * size,
      size,
      groups: groups.size,
      tasks: groups.count,
    })),
  )
}

/** The grid of a part that does row tasks; its dimensions are a line's row, its column, and the task. */
export const gridOfRows = (lines: Lines, { tasks }: RowTasks): number[] => [lines.rows, lines.columns, tasks]

/** The argument with which a row task finds its values of an image. */
export const valuesOfRows = (view: View, lines: Lines, { first, size, groups }: RowTasks): Argument =>
  argument(view, first, [lines.rowPitch, lines.columnPitch, groups * size])

/** The argument with which a row task finds its rows of weights. */
export const weightsOfRows = (weights: View, lines: Lines, { first, size, groups }: RowTasks): Argument => {
  const line = lines.length * weights.pixelPitch
  return argument(weights, first * weights.pixelPitch, [
    lines.columns * line,
    line,
    groups * size * weights.pixelPitch,
  ])
}
