import { newReconciler, planNow } from "./router-under-test.ts";

/* A router's control process, as far as the kernel sees one: reaches one plan, then another, until it is killed. */
const [netns = "", run = ""] = process.argv.slice(2);
const plan = await planNow(netns);
const failedOver = { ...plan, nft: undefined, rules: plan.rules.slice(1) };
const reconciler = newReconciler(netns, run);
process.stdout.write("applying\n");
for (;;) {
  for (const desired of [plan, failedOver]) await reconciler.apply(desired);
}
