import type { Bench } from "./bench.ts";
import { bulk8, bulkDown, bulkUp } from "./ids/bulk.ts";

/** Everything that can be measured, in the order in which it is. What is not said to be extra is in the default set. */
export const BENCHES: readonly Bench[] = [bulkDown, bulkUp, bulk8];
