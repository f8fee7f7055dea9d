/** True where two texts stand for the same value: the kernel prints lists with tabs and takes them with any space. */
export function sameValue(a: string | undefined, b: string | undefined): boolean {
  return a?.trim().replaceAll(/\s+/g, " ") === b?.trim().replaceAll(/\s+/g, " ");
}
