import { serveErrands } from "./helper.ts";
import { Typist, typistErrand } from "./typist.ts";

const typist = new Typist();
await serveErrands(typistErrand, (errand) => typist.run(errand));
