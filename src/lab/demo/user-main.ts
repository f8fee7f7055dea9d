import { runErrand, type Errand } from "./user.ts";

await runErrand(JSON.parse(process.argv[2] ?? "") as Errand, (line) => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
});
