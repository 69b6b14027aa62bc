import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type ProtoField, readProto } from "./protobuf.js";
import { encodeConfig } from "./session-config.js";

const workspace = fileURLToPath(new URL("../../../", import.meta.url));
const tsx = createRequire(`${workspace}package.json`).resolve("tsx");
const here = (name: string): string => new URL(name, import.meta.url).href;

/** The fields of a message by number, nested ones by the path of numbers to them. */
const fields = (bytes: Uint8Array, ...path: number[]): Map<number, ProtoField["value"]> => {
  const found = new Map([...readProto(bytes)].map(({ field, value }) => [field, value] as const));
  const [next, ...rest] = path;
  return next === undefined ? found : fields(found.get(next) as Uint8Array, ...rest);
};

/** What a process prints that opens the engine and then runs `body`, with what it wrote to standard error. */
function inProcess(options: object, body: string, environment: NodeJS.ProcessEnv = {}): string {
  const script = `
    import { registerTensorFlow } from ${JSON.stringify(here("./register-tensorflow.ts"))};
    import * as tf from "@tensorflow/tfjs-core";
    import { readFileSync, readdirSync } from "node:fs";
    const report = await registerTensorFlow(${JSON.stringify(options)});
    ${body}`;
  const args = ["--conditions=@controlnet-js/source", "--import", tsx, "--input-type=module", "-e", script];
  return execFileSync("/bin/sh", ["-c", 'exec "$@" 2>&1', "sh", process.execPath, ...args], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
}

test("options become the fields of tensorflow.ConfigProto", () => {
  const config = encodeConfig({ threads: 3, interOpThreads: 2, visibleDevices: "0,2", logPlacement: true });
  expect(fields(config).get(2)).toBe(3);
  expect(fields(config).get(5)).toBe(2);
  expect(fields(config).get(8)).toBe(1);
  expect(fields(config, 6).get(4)).toBe(1);
  expect(Buffer.from(fields(config, 6).get(5) as Uint8Array).toString()).toBe("0,2");
});

test("a memory limit makes a virtual device of that size and turns growth off", () => {
  const config = encodeConfig({ memoryLimit: 1500 });
  expect(fields(config, 6).has(4)).toBe(false);
  const limit = fields(config, 6, 9, 1).get(1) as Uint8Array;
  expect(Buffer.from(limit).readFloatLE()).toBe(1500);
  expect(fields(encodeConfig({ memoryGrowth: false }), 6).has(4)).toBe(false);
});

test("a CPU asked for opens no GPU, and XLA compiles on it", { timeout: 120_000 }, () => {
  expect(Buffer.from(fields(encodeConfig({}, 0), 1).get(1) as Uint8Array).toString()).toBe("GPU");
  const body = `
    const { jit } = await import(${JSON.stringify(here("./jit/jit.ts"))});
    console.log(jit((x) => tf.mul(tf.add(x, 1), 2), { xla: true })(tf.scalar(3)).dataSync()[0]);`;
  expect(inProcess({ device: "cpu" }, body).trim().split("\n").pop()).toBe("8");
});

const countThreads = `
  tf.matMul(tf.ones([300, 300]), tf.ones([300, 300])).dataSync();
  const names = readdirSync("/proc/self/task").map((id) => readFileSync("/proc/self/task/" + id + "/comm", "utf8"));
  console.log(JSON.stringify([names.length, names.filter((name) => name.startsWith("tf_Compute")).length]));`;

test("the numbers of threads are those asked for", { timeout: 120_000 }, () => {
  const [few, fewCompute] = JSON.parse(inProcess({ threads: 3, interOpThreads: 2 }, countThreads));
  const [many, manyCompute] = JSON.parse(inProcess({ threads: 43, interOpThreads: 5 }, countThreads));
  expect([fewCompute, manyCompute]).toEqual([2, 5]);
  // TensorFlow does not name the threads inside an op. Node's own come and go, but few.
  expect(many - few).toBeGreaterThan(36);
  expect(many - few).toBeLessThan(50);
});

test("opening prints nothing, and the environment of children stays as it was", { timeout: 120_000 }, () => {
  const body = `console.log(String(process.env.TF_CPP_MIN_LOG_LEVEL), tf.add(1, 1).dataSync()[0]);`;
  const { TF_CPP_MIN_LOG_LEVEL: _, ...environment } = process.env;
  const bare = { ...environment, TF_CPP_MIN_LOG_LEVEL: undefined } as NodeJS.ProcessEnv;
  expect(inProcess({}, body, bare)).toBe("undefined 2\n");
});

test("a level of one's own wins", { timeout: 120_000 }, () => {
  expect(inProcess({}, "", { TF_CPP_MIN_LOG_LEVEL: "0" })).toMatch(/oneDNN|cpu_feature_guard/);
});
