import { createWeb } from "./web.ts";

/** The program on the web host: serves port 80, IPv4 and IPv6, and says so on standard output. */
createWeb().listen({ host: "::", port: 80, backlog: 4096 }, () => process.stdout.write("ready\n"));
