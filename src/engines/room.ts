// Whether a session fits into memory, and how large a batch would: said before anything is allocated, since a system that
// runs out of memory ends the process without a word.
import { UsageError } from '../errors.ts'
import { createPlan, type Plan, writtenBytes } from '../plan/plan.ts'
import { leastMemory, type Memory } from '../runtime/memory.ts'
import type { PrepareOptions } from './engine.ts'

/** A worker's own heap and stack, and its share of the compiled code: 11 MB on Node 20, 17 MB on Node 24. */
const WORKER_BYTES = 18e6

/**
 * What the process itself may have grown to when the session runs, beyond what it has now: compiled code, texts, and what
 * the garbage collector finds late, which V8 lets be more where there is more memory.
 */
const growthBytes = ({ limitBytes }: Memory): number => Math.min(16e6 + 0.03 * limitBytes, 56e6)

/** What a process that has just begun has at most: counted as if it had, so that the same batch fits every time. */
const beginningBytes = ({ limitBytes }: Memory): number => Math.min(28e6 + 0.03 * limitBytes, 64e6)

/** What is left may be less when the batch that was named is tried. */
const UNSURE_BYTES = 6e6
const UNSURE_SHARE = 0.02

/** What is left for sessions, what is promised to others aside. */
function freeFor(memory: Memory | null, isNamed: boolean): number {
  if (memory === null) return Infinity
  const usedBytes = memory.limitBytes - memory.freeBytes
  const used = isNamed ? usedBytes * (1 + UNSURE_SHARE) + UNSURE_BYTES : usedBytes
  const taken = Math.max(used, beginningBytes(memory)) + growthBytes(memory)
  return memory.limitBytes - taken - sum([...promised].map(({ bytes }) => bytes))
}

/** A session's need of memory, as a function of the plan: of what differs from it in the batch alone, too. */
export interface Needs {
  readonly plan: Plan
  readonly threads: number
  /** Of a session's own memory, in bytes. */
  ownBytes(plan: Plan): number
  /** How much of such a piece the system has yet to give. */
  newBytes(ownBytes: number): number
  readonly options: Pick<PrepareOptions, 'memoryBeside' | 'isRoomSure'>
  /** The most that sessions' own memory can have, however much the system has; and why, for messages. */
  readonly most: { readonly bytes: number; readonly reason: string }
}

/** The memory that a session was promised. */
export interface Room {
  /** The most that its own memory may have, in bytes: some more than it was said to need, maybe. */
  readonly ownBytes: number
  /** To be called when the session takes its own memory: how much it takes, in place of what it was said to need. */
  take(ownBytes: number): void
  /** To be called once the memory is the session's by the system's books (all was written to), or is needed no more. */
  settle(): void
}

/** Of sessions that were opened and have not run: the system does not yet count what they will take. */
const promised = new Set<{ bytes: number }>()

/**
 * Throws UsageError for a batch that does not fit: how much it needs, what there is, and the largest batch that fits; or for
 * threads that leave no memory for any batch.
 */
export async function makeRoom(needs: Needs): Promise<Room> {
  const { plan, most, options } = needs
  const memory = await leastMemory()
  const freeBytes = freeFor(memory, false)
  const fits = ({ addressedBytes, neededBytes }: Totals, freeBytes: number): boolean =>
    addressedBytes <= most.bytes && (options.isRoomSure || neededBytes <= freeBytes)
  const own = totals(needs, plan)
  const { ownBytes, addressedBytes, neededBytes, workerBytes } = own
  if (!fits(own, freeBytes)) {
    const namedBytes = freeFor(memory, true)
    const keptFree = memory ? Math.round(memory.freeBytes - freeBytes) : 0
    const areThreadsTooMany = workerBytes > freeBytes && workerBytes / needs.threads <= freeBytes
    if (!options.isRoomSure && areThreadsTooMany)
      throw new UsageError(
        `${needs.threads} threads need ${workerBytes + keptFree} bytes of memory; ${leftOf(memory!)}; take fewer --threads`,
      )
    const batch = largestBatch(plan, (smaller) => fits(totals(needs, smaller), namedBytes))
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
  /** Of the session itself. */
  readonly ownBytes: number
  /** Of all sessions that will be open together, which the target must be able to address. */
  readonly addressedBytes: number
  /** Of the threads of all these sessions. */
  readonly workerBytes: number
  /** Of the system, for all of it. */
  readonly neededBytes: number
}

function totals(needs: Needs, plan: Plan): Totals {
  const { bytes = writtenBytes(plan), plans = [] } = needs.options.memoryBeside?.(plan) ?? {}
  const all = [plan, ...plans].map((each) => needs.ownBytes(each))
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

/** Below the plan's own; 0 if not even one image fits. */
function largestBatch(plan: Plan, fits: (plan: Plan) => boolean): number {
  const keep = Object.entries(plan.tensors)
    .filter(([name, { role, isKept }]) => role === 'activation' && isKept && !plan.outputs.includes(name))
    .map(([name]) => name)
  const { network, pass, lanes, training } = plan
  let [low, high] = [0, plan.batch]
  while (high - low > 1) {
    const batch = (low + high) >> 1
    const smaller = createPlan(network, { batch, pass, lanes, keep, ...(training && { training }) })
    if (fits(smaller)) low = batch
    else high = batch
  }
  return low
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
