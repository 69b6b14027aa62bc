import { withKernels } from "../kernels/kernels.js";
import { type Fixtures, fixtureResults } from "./fixture-results.js";

/** The SHA-256 of every case of the fixtures, and how they were computed. */
export interface FixtureHashes {
  /** Whether the WebAssembly kernels ran. */
  kernels: boolean;
  /** By the case's name, in hexadecimal. */
  hashes: Record<string, string>;
  /** Cases whose bytes are not those of the reference though they should be. */
  unequal: string[];
}

/** Runs every case of the fixtures on this machine. */
export async function fixtureHashes(fixtures: Fixtures): Promise<FixtureHashes> {
  const hashes: Record<string, string> = {};
  const unequal: string[] = [];
  for (const { name, bytes, wanted } of fixtureResults(fixtures)) {
    if (name in hashes) throw new Error(`two cases are called "${name}"`);
    hashes[name] = await sha256(bytes);
    if (wanted === undefined) continue;
    const reference = typeof wanted === "string" ? wanted : await sha256(wanted);
    if (!hashes[name].startsWith(reference)) unequal.push(name);
  }
  return { kernels: withKernels(1, () => true) === true, hashes, unequal };
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
