import { serveErrands } from "./helper.ts";
import { makeRequests, requestsErrand } from "./requests.ts";

await serveErrands(requestsErrand, makeRequests);
