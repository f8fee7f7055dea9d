import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

/** What threads know the lock by. A thread inherits it from the one that starts it. */
const NAME = "sennit thread lock";
const FREE = 0;
const HELD = 1;

const cell = new Int32Array(memory());

/**
 * Runs `work` while no other thread of this process runs any that is exclusive: for the few settings that are the whole
 * process's. It waits by blocking, so `work` is to take microseconds, and not to call this again.
 */
export function exclusive<T>(work: () => T): T {
  while (Atomics.compareExchange(cell, 0, FREE, HELD) !== FREE) Atomics.wait(cell, 0, HELD);
  try {
    return work();
  } finally {
    Atomics.store(cell, 0, FREE);
    Atomics.notify(cell, 0, 1);
  }
}

function memory(): SharedArrayBuffer {
  const known: unknown = getEnvironmentData(NAME);
  if (known instanceof SharedArrayBuffer) return known;
  const made = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  setEnvironmentData(NAME, made);
  return made;
}
