/** Of IP addresses, as text. */
export const sameFamily = (a: string, b: string): boolean => a.includes(":") === b.includes(":");
