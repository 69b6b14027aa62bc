import { readFileSync } from "node:fs";
import { memory } from "@tensorflow/tfjs-core";
import { requireEngine } from "./engine.js";
import type { Device } from "./native.js";

/** What the process and the engine hold. */
export interface MemoryReport {
  /** tfjs tensors that are alive, and their bytes. */
  tensors: number;
  tensorBytes: number;
  /** Tensors alive in the engine; more than tfjs knows of means a leak. */
  nativeTensors: number;
  /** Tensors that live in variables, updated in place. */
  variables: number;
  /** Memory of the process, now and at its highest, in bytes. */
  residentBytes: number;
  peakResidentBytes: number;
  devices: Device[];
}

/** Memory of the process and the engine at this moment. */
export function memoryReport(): MemoryReport {
  const { native, variables, report } = requireEngine("memoryReport");
  const { numTensors, numBytes } = memory();
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    nativeTensors: native.numberOfTensors(),
    variables: variables.size,
    ...residentMemory(),
    devices: report.devices,
  };
}

function residentMemory(): { residentBytes: number; peakResidentBytes: number } {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const kilobytes = (field: string): number =>
      Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    return { residentBytes: kilobytes("VmRSS") * 1024, peakResidentBytes: kilobytes("VmHWM") * 1024 };
  } catch {
    return {
      residentBytes: process.memoryUsage.rss(),
      peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    };
  }
}
