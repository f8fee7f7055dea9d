import { serveErrands } from "./helper.ts";
import { Knocker, knocksErrand } from "./knocks.ts";

const knocker = new Knocker();
await serveErrands(knocksErrand, (errand) => knocker.run(errand));
