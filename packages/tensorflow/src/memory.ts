import { readFileSync } from "node:fs";
import { memory } from "@tensorflow/tfjs-core";
import { requireEngine } from "./engine.js";
import type { Device } from "./native.js";

/** What lives on one device. */
export interface DeviceMemory extends Device {
  /** Tensors and variables that are alive there. */
  tensors: number;
  /** Their bytes. Tensors that share memory count each; what TensorFlow keeps in reserve does not count. */
  tensorBytes: number;
}

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
  devices: DeviceMemory[];
}

/** Memory of the process and the engine at this moment. */
export function memoryReport(): MemoryReport {
  const { native, variables, report } = requireEngine("memoryReport");
  const { numTensors, numBytes } = memory();
  const plain = native.deviceMemory();
  const inVariables = variables.bytesByDevice();
  const heldOn = (device: string) => ({
    tensors: plain[device]?.tensors ?? 0,
    tensorBytes: (plain[device]?.bytes ?? 0) + (inVariables.get(device) ?? 0),
  });
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    nativeTensors: native.numberOfTensors(),
    variables: variables.size,
    ...residentMemory(),
    devices: report.devices.map((device) => ({ ...device, ...heldOn(device.name) })),
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
