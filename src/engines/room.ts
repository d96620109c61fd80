// Whether a session fits into memory, and how large a batch would fit. This is decided before anything is allocated,
// because a system that runs out of memory kills the process without a message.
import { UsageError } from '../errors.ts'
import { createPlan, type Plan, writtenBytes } from '../plan/plan.ts'
import { leastMemory, type Memory } from '../runtime/memory.ts'
import type { PrepareOptions } from './engine.ts'

/** A worker's own heap and stack, and its share of the compiled code: 11 MB on Node 20, 17 MB on Node 24. */
const WORKER_BYTES = 18e6

/**
 * How much the process itself may grow until the session runs: compiled code, strings, and garbage that is collected
 * late. V8 allows more garbage if there is more memory.
 */
const growthBytes = ({ limitBytes }: Memory): number => Math.min(16e6 + 0.03 * limitBytes, 56e6)

/**
 * The most that a process uses at its start. Every process is counted as if it used that, so that the same batch always
 * fits.
 */
const beginningBytes = ({ limitBytes }: Memory): number => Math.min(28e6 + 0.03 * limitBytes, 64e6)

/** Margin for a batch that a message recommends: less memory may be free when it is tried. */
const UNSURE_BYTES = 6e6
const UNSURE_SHARE = 0.02

/** Memory that is free for sessions, without what is reserved for others. */
function freeFor(memory: Memory | null, isNamed: boolean): number {
  if (memory === null) return Infinity
  const usedBytes = memory.limitBytes - memory.freeBytes
  const used = isNamed ? usedBytes * (1 + UNSURE_SHARE) + UNSURE_BYTES : usedBytes
  const taken = Math.max(used, beginningBytes(memory)) + growthBytes(memory)
  return memory.limitBytes - taken - sum([...promised].map(({ bytes }) => bytes))
}

/** How much memory a session needs, as a function of the plan, so that plans with another batch can be tried. */
export interface Needs {
  readonly plan: Plan
  readonly threads: number
  /** The session's own memory, in bytes. If its tensors alone take more than `mostBytes`, they are enough of an answer. */
  ownBytes(plan: Plan, mostBytes: number): number
  /** How many of these bytes the system has yet to provide. */
  newBytes(ownBytes: number): number
  readonly options: Pick<PrepareOptions, 'memoryBeside' | 'isRoomSure'>
  /** The most own memory that sessions can have together, however much the system has, and why, for messages. */
  readonly most: { readonly bytes: number; readonly reason: string }
}

/** Memory that is reserved for a session. */
export interface Room {
  /** The most own memory that the session may take, in bytes; it may be somewhat more than it was estimated to need. */
  readonly ownBytes: number
  /** Call it when the session takes its own memory: the actual amount replaces the estimate. */
  take(ownBytes: number): void
  /** Call it once the system counts the memory as the session's (all of it was written to), or once it is no longer needed. */
  settle(): void
}

/** Reservations of sessions that are open but have not run: the system does not yet count their memory. */
const promised = new Set<{ bytes: number }>()

/**
 * Throws UsageError for a batch that does not fit, with how much it needs, how much there is and the largest batch that
 * fits; or for so many threads that no batch fits.
 */
export async function makeRoom(needs: Needs): Promise<Room> {
  const { plan, most, options } = needs
  const memory = await leastMemory()
  const freeBytes = freeFor(memory, false)
  const fits = ({ addressedBytes, neededBytes }: Totals, freeBytes: number): boolean =>
    addressedBytes <= most.bytes && (options.isRoomSure || neededBytes <= freeBytes)
  // For tensors that no memory can hold, kernels are not even built: some have tables or loops as long as these.
  const mostBytes = options.isRoomSure ? most.bytes : Math.min(most.bytes, memory?.limitBytes ?? Infinity)
  const own = totals(needs, plan, mostBytes)
  const { ownBytes, addressedBytes, neededBytes, workerBytes } = own
  if (!fits(own, freeBytes)) {
    const namedBytes = freeFor(memory, true)
    const keptFree = memory ? Math.round(memory.freeBytes - freeBytes) : 0
    const areThreadsTooMany = workerBytes > freeBytes && workerBytes / needs.threads <= freeBytes
    if (!options.isRoomSure && areThreadsTooMany)
      throw new UsageError(
        `${needs.threads} threads need ${workerBytes + keptFree} bytes of memory; ${leftOf(memory!)}; use fewer --threads`,
      )
    const batch = largestBatch(plan, (smaller) => fits(totals(needs, smaller, mostBytes), namedBytes))
    const advice = batch > 0 ? `the largest batch that fits is ${batch}` : 'not even a batch of 1 fits'
    const why =
      addressedBytes > most.bytes
        ? `${addressedBytes} bytes of memory; ${most.reason} ${most.bytes}`
        : `${neededBytes + keptFree} bytes of memory with its inputs and threads; ${leftOf(memory!)}`
    throw new UsageError(`batch ${plan.batch} needs ${why}; ${advice}`)
  }
  const promise = { bytes: neededBytes }
  promised.add(promise)
  return {
    ownBytes: ownBytes + Math.max(0, Math.min(most.bytes - addressedBytes, freeBytes - neededBytes)),
    take: (bytes) => {
      const addressed = addressedBytes - ownBytes + bytes
      promise.bytes = neededBytes - needs.newBytes(addressedBytes) + needs.newBytes(addressed)
    },
    settle: () => {
      promised.delete(promise)
    },
  }
}

interface Totals {
  /** Own memory of this session. */
  readonly ownBytes: number
  /** Own memory of all sessions that will be open together, which the target must be able to address. */
  readonly addressedBytes: number
  /** Memory of the threads of all these sessions. */
  readonly workerBytes: number
  /** What the system must provide for all of it. */
  readonly neededBytes: number
}

function totals(needs: Needs, plan: Plan, mostBytes: number): Totals {
  const { bytes = writtenBytes(plan), plans = [] } = needs.options.memoryBeside?.(plan) ?? {}
  const all = [plan, ...plans].map((each) => needs.ownBytes(each, mostBytes))
  const addressedBytes = sum(all)
  const workerBytes = all.length * needs.threads * WORKER_BYTES
  return {
    ownBytes: all[0]!,
    addressedBytes,
    workerBytes,
    neededBytes: needs.newBytes(addressedBytes) + bytes + workerBytes,
  }
}

const leftOf = ({ limitBytes, freeBytes, of }: Memory): string => {
  const where = of === 'the machine' ? 'this machine has' : 'the container or service that this runs in has'
  return `${where} ${freeBytes} left of ${limitBytes}`
}

/** Below the plan's own batch; 0 if not even one image fits. */
function largestBatch(plan: Plan, fits: (plan: Plan) => boolean): number {
  const keep = Object.entries(plan.tensors)
    .filter(([name, { role, isKept }]) => role === 'activation' && isKept && !plan.outputs.includes(name))
    .map(([name]) => name)
  const { network, pass, lanes, fuses, training } = plan
  let [low, high] = [0, plan.batch]
  while (high - low > 1) {
    const batch = (low + high) >> 1
    const smaller = createPlan(network, { batch, pass, lanes, fuses, keep, ...(training && { training }) })
    if (fits(smaller)) low = batch
    else high = batch
  }
  return low
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
