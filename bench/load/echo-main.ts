import { once } from "node:events";
import { z } from "zod";
import { createEcho, ECHO_PORT } from "./flows.ts";
import { serveErrands } from "./helper.ts";

/** Users come in bursts. */
const BACKLOG = 4096;

await once(createEcho().listen({ host: "::", port: ECHO_PORT, backlog: BACKLOG }), "listening");
await serveErrands(z.strictObject({}), () => Promise.resolve({}));
