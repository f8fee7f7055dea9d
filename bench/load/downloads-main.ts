import { Downloads, downloadsErrand } from "./downloads.ts";
import { serveErrands } from "./helper.ts";

const downloads = new Downloads();
await serveErrands(downloadsErrand, (errand) => downloads.run(errand));
