import { once } from "node:events";
import { z } from "zod";
import { createWeb } from "../../src/lab/services/web.ts";
import { SOURCE_PORT } from "./downloads.ts";
import { serveErrands } from "./helper.ts";

/** Users come in bursts. */
const BACKLOG = 4096;

await once(createWeb().listen({ host: "::", port: SOURCE_PORT, backlog: BACKLOG }), "listening");
await serveErrands(z.strictObject({}), () => Promise.resolve({}));
