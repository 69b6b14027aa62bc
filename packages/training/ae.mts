import {
  appendFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from "node:fs";
import * as ae from "@controlnet-js/autoencoder";
import { autoencoderConfig, createAutoencoder, decode, encode } from "@controlnet-js/autoencoder";
import {
  countParameters,
  leavesOf,
  randomInitializer,
  randomNormalTensor,
  treeLike,
} from "@controlnet-js/core";
import { registerTensorFlow } from "@controlnet-js/tensorflow";
import * as tf from "@tensorflow/tfjs-core";
import sharp from "sharp";
import {
  autoencoderLoss,
  createTrainState,
  createTrainStep,
  defaultOptimizer,
  learningRateAt,
} from "./src/index.js";

const [, , outDir, stepsS, batchS, startFrom] = process.argv;
const steps = +stepsS!,
  B = +batchS!;
console.log(await registerTensorFlow());
const config = autoencoderConfig({
  channels: [16, 32, 64, 128],
  blocksPerLevel: 1,
  groups: 8,
  sampleSize: 128,
});
const fd = openSync("/work/tw/train.bin", "r");
const SZ = 128 * 128 * 3;
const bytes = Buffer.alloc(SZ);
const settings = { ...defaultOptimizer, weightDecay: 0, emaDecay: 0.995, beta2: 0.99, clipNorm: 1 };
const loss = (p: any, b: any) => autoencoderLoss(p, config, b, { squared: 5, edges: 0.5, kl: 1e-7 });
const step = createTrainStep<any, any>(loss, settings, { name: "autoencoder" });

import { passThrough } from "./src/index.js";

const params = passThrough(createAutoencoder(config, randomInitializer(1)));
{
  const q = (params as any).quantConvolution;
  const b = tf.tensor1d([0, 0, 0, 0, -9, -9, -9, -9]);
  q.bias.dispose();
  q.bias = b;
}
console.log("parameters", countParameters(params), "encoder", countParameters((params as any).encoder));
let state = createTrainState<any>(params, settings);
let begin = 0;
const save = (i: number) => {
  const dump = (tree: any) => leavesOf(tree).map(({ value }) => value.dataSync());
  const all = [state.params, state.firstMoment, state.secondMoment, state.ema].flatMap(dump);
  const total = all.reduce((n, a) => n + a.length, 0);
  const flat = new Float32Array(total + 1);
  flat[0] = i;
  let at = 1;
  for (const a of all) {
    flat.set(a as Float32Array, at);
    at += a.length;
  }
  writeFileSync(`${outDir}/state.tmp`, new Uint8Array(flat.buffer));
  import("node:fs").then((fs) => fs.renameSync(`${outDir}/state.tmp`, `${outDir}/state.bin`));
};
if (existsSync(`${outDir}/state.bin`)) {
  const b = readFileSync(`${outDir}/state.bin`);
  const flat = new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4);
  begin = flat[0]!;
  let at = 1;
  const load = (tree: any) =>
    treeLike(
      tree,
      leavesOf(tree).map(({ value }) => {
        const t = tf.tensor(flat.slice(at, at + value.size), value.shape);
        at += value.size;
        return t;
      }),
    );
  state = {
    params: load(state.params),
    firstMoment: load(state.firstMoment),
    secondMoment: load(state.secondMoment),
    ema: load(state.ema),
  };
  console.log("resumed at", begin);
}
const images = (i: number) => {
  const count = Math.floor(statSync("/work/tw/train.bin").size / SZ);
  const data = new Float32Array(B * SZ);
  const h = (i * 2654435761) >>> 0;
  for (let k = 0; k < B; k++) {
    const which = ((i * B + k) * 7919 + Math.floor((i * B + k) / count) * 13) % count;
    readSync(fd, bytes, 0, SZ, which * SZ);
    for (let j = 0; j < SZ; j++) data[k * SZ + j] = bytes[j]! / 127.5 - 1;
  }
  return tf.tensor4d(data, [B, 128, 128, 3]);
};
const preview = async (i: number) => {
  const n = 8;
  const d = new Float32Array(n * SZ);
  const held = openSync("/work/tw/heldout.bin", "r");
  for (let k = 0; k < n; k++) {
    readSync(held, bytes, 0, SZ, k * SZ);
    for (let j = 0; j < SZ; j++) d[k * SZ + j] = bytes[j]! / 127.5 - 1;
  }
  const x = tf.tensor4d(d, [n, 128, 128, 3]);
  const m = encode(state.ema, config, x);
  const y = decode(state.ema, config, m.mean);
  const mse = tf.mean(tf.square(tf.sub(tf.clipByValue(y, -1, 1), x))).dataSync()[0]!;
  const sd = tf.moments(m.mean).variance.dataSync()[0]! ** 0.5;
  console.log(
    `step ${i}: held-out PSNR ${(10 * Math.log10(4 / mse)).toFixed(2)} dB, latent deviation ${sd.toFixed(3)}, posterior deviation ${tf
      .mean(tf.exp(tf.mul(m.logVariance, 0.5)))
      .dataSync()[0]!
      .toFixed(4)}`,
  );
  const both = tf.concat([x, y], 0);
  const u = both.dataSync();
  const out = Buffer.alloc(2 * n * SZ);
  for (let k = 0; k < 2 * n; k++)
    for (let r = 0; r < 128; r++)
      for (let c = 0; c < 128; c++)
        for (let ch = 0; ch < 3; ch++)
          out[((Math.floor(k / n) * 128 + r) * 128 * n + (k % n) * 128 + c) * 3 + ch] = Math.max(
            0,
            Math.min(255, Math.round(127.5 * (u[((k * 128 + r) * 128 + c) * 3 + ch]! + 1))),
          );
  await sharp(out, { raw: { width: 128 * n, height: 256, channels: 3 } })
    .png()
    .toFile(`${outDir}/preview.png`);
  for (const t of [x, m.mean, m.logVariance, y, both]) t.dispose();
};
let t0 = Date.now(),
  acc = 0,
  n = 0;
for (let i = begin; i < steps; i++) {
  const noise = randomNormalTensor({ seed: 3, purpose: "ae", index: i }, [B, 16, 16, 4]);
  const rate = learningRateAt(
    { peak: 1e-3, warmUpSteps: 100, schedule: "cosine", finalFraction: 0.02 },
    i,
    steps,
  );
  const r = await step.run(state, [{ images: images(i), noise }], i, rate);
  state = r.state;
  acc += r.report.loss;
  n++;
  if (i < 3 || i % 25 === 24) {
    console.log(
      i + 1,
      "loss",
      (acc / n).toFixed(4),
      "norm",
      r.report.gradientNorm.toFixed(3),
      "s/step",
      ((Date.now() - t0) / 1000 / n).toFixed(3),
      "tensors",
      tf.memory().numTensors,
      "rss",
      (process.memoryUsage().rss / 1e9).toFixed(2),
    );
    appendFileSync(`${outDir}/loss.csv`, `${i + 1},${acc / n}\n`);
    acc = 0;
    n = 0;
    t0 = Date.now();
  }
  if (i % 200 === 199 || i + 1 === steps) {
    save(i + 1);
    await preview(i + 1);
    t0 = Date.now();
  }
}
