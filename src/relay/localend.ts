import type { Connection } from "../linux/sockets.ts";

/** The local end of a flow: the connection of the application at the router, or to the target at the server. */
export type LocalEnd = Pick<Connection, "stream" | "lend" | "send" | "holdAtMost" | "reset">;
