import { Flows, flowsErrand } from "./flows.ts";
import { serveErrands } from "./helper.ts";

const flows = new Flows();
await serveErrands(flowsErrand, (errand) => flows.run(errand));
