import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { autoencoderConfig, createAutoencoder, encode } from "@controlnet-js/autoencoder";
import {
  countParameters,
  disposeTree,
  jit,
  leavesOf,
  randomInitializer,
  treeLike,
} from "@controlnet-js/core";
import { createSchedule } from "@controlnet-js/samplers";
import { registerTensorFlow } from "@controlnet-js/tensorflow";
import {
  createTextEncoder,
  createTokenizer,
  encodeTexts,
  textEncoderConfig,
  trainBpe,
} from "@controlnet-js/text-encoder";
import { vocabulary } from "@controlnet-js/tinyworld";
import { createUNet, unetConfig } from "@controlnet-js/unet";
import * as tf from "@tensorflow/tfjs-core";
import {
  createLatentCache,
  defaultOptimizer,
  findCheckpoint,
  noisedBatch,
  runTraining,
  textToImageLoss,
  textToImageTask,
} from "./src/index.js";

const [, , outDir, stepsS, batchS, lrS] = process.argv;
const steps = +stepsS!,
  B = +batchS!;
await registerTensorFlow();
const aeConfig = autoencoderConfig({
  channels: [16, 32, 64, 128],
  blocksPerLevel: 1,
  groups: 8,
  sampleSize: 128,
});
const aeParams = createAutoencoder(aeConfig, randomInitializer(1));
{
  const b = readFileSync("/work/tw/ae/state.bin");
  const flat = new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4);
  const n = (flat.length - 1) / 4;
  let at = 1 + 3 * n;
  leavesOf(aeParams).forEach(({ value }, i) => {});
  var ae = treeLike(
    aeParams,
    leavesOf(aeParams).map(({ value }) => {
      const t = tf.tensor(flat.slice(at, at + value.size), value.shape);
      at += value.size;
      return t;
    }),
  );
  console.log("autoencoder of step", flat[0]);
}
const SZ = 128 * 128 * 3;
const open = (name: string, base: number) => {
  const fd = openSync(`/work/tw/${name}.bin`, "r");
  const captions = readFileSync(`/work/tw/${name}.txt`, "utf8").trim().split("\n");
  return {
    size: captions.length,
    describe: () => `tinyworld ${name}`,
    async load(index: number) {
      const data = new Uint8Array(SZ);
      readSync(fd, data, 0, SZ, index * SZ);
      const image = { data, width: 128, height: 128, channels: 3 };
      return { index: base + index, name: `${index}`, image, map: image, caption: captions[index]! };
    },
  };
};
const train = open("train", 0),
  held = open("heldout", 1_000_000);
// latents: encode all once in batches, kept on disk
const D = 16 * 16 * 4;
const cacheFile = `${outDir}/latents.bin`;
mkdirSync(outDir, { recursive: true });
const total = train.size + held.size;
let store: Float32Array;
if (existsSync(cacheFile)) {
  const b = readFileSync(cacheFile);
  store = new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4);
} else {
  store = new Float32Array(total * 2 * D);
  const t0 = Date.now();
  const run = jit((x: any) => {
    const m = encode(ae, aeConfig, tf.sub(tf.div(x, 127.5), 1) as any);
    return { mean: m.mean, lv: m.logVariance };
  });
  for (let i = 0; i < total; i += 20) {
    const buf = new Int32Array(20 * SZ);
    for (let k = 0; k < 20; k++) {
      const s = i + k < train.size ? await train.load(i + k) : await held.load(i + k - train.size);
      buf.set(s.image.data, k * SZ);
    }
    const x = tf.tensor4d(Float32Array.from(buf), [20, 128, 128, 3]);
    const m = run(x);
    const a = await m.mean.data(),
      b = await m.lv.data();
    for (let k = 0; k < 20; k++) {
      store.set(a.subarray(k * D, (k + 1) * D), (i + k) * 2 * D);
      store.set(b.subarray(k * D, (k + 1) * D), (i + k) * 2 * D + D);
    }
    tf.dispose([x, m.mean, m.lv]);
    if (i % 4000 === 0) console.log("encoded", i, ((Date.now() - t0) / 1000).toFixed(0), "s");
  }
  writeFileSync(cacheFile, new Uint8Array(store.buffer));
  run.dispose();
}
let s1 = 0,
  s2 = 0,
  n = 0;
for (let i = 0; i < 2000; i++)
  for (let j = 0; j < D; j++) {
    const v = store[i * 2 * D + j]!;
    s1 += v;
    s2 += v * v;
    n++;
  }
const sd = Math.sqrt(s2 / n - (s1 / n) ** 2);
console.log("latent mean", s1 / n, "deviation", sd);
const scalingFactor = 1 / sd;
const latents = {
  size: total,
  dispose() {},
  async of(samples: readonly any[]) {
    return samples.map((s) => {
      const i = s.index >= 1_000_000 ? train.size + s.index - 1_000_000 : s.index;
      return {
        mean: store.subarray(i * 2 * D, i * 2 * D + D),
        logVariance: store.subarray(i * 2 * D + D, (i + 1) * 2 * D),
        shape: [16, 16, 4] as const,
      };
    });
  },
};
const vocab = trainBpe([vocabulary().join(" ")], 900);
const tokenizer = createTokenizer(vocab, { maxTokens: 32 });
console.log("vocabulary", tokenizer.vocabularySize);
const configs = {
  unet: unetConfig({
    channels: [64, 128, 192],
    attention: [true, true, false],
    heads: [2, 4, 6],
    contextChannels: 128,
    sampleSize: 16,
  }),
  text: textEncoderConfig({
    vocabularySize: tokenizer.vocabularySize,
    maxTokens: 32,
    hiddenSize: 128,
    feedForwardSize: 512,
    heads: 4,
    layers: 3,
  }),
};
const params = {
  unet: createUNet(configs.unet, randomInitializer(11)),
  text: createTextEncoder(configs.text, randomInitializer(12)),
};
{
  const o = (params.unet as any).output;
  const z = tf.zerosLike(o.kernel);
  o.kernel.dispose();
  o.kernel = z;
}
console.log("parameters", countParameters(params.unet), countParameters(params.text));
const schedule = createSchedule();
const measure = jit((p: any, b: any) => textToImageLoss(p, configs, b), { name: "held-out loss" });
const task = textToImageTask({
  params,
  configs,
  tokenizer,
  latents,
  promptDropping: 0.1,
  schedule,
  scalingFactor,
  seed: 5,
  async validate(p) {
    let sum = 0;
    for (let k = 0; k < 8; k++) {
      const idx = Array.from({ length: 32 }, (_, i) => k * 32 + i);
      const samples = await Promise.all(idx.map((i) => held.load(i)));
      const batch = {
        ...noisedBatch(await latents.of(samples), idx, { schedule, scalingFactor, seed: 99 }),
        tokens: encodeTexts(
          tokenizer,
          samples.map((s) => s.caption),
        ).tokens,
      };
      const v = measure(p, batch);
      sum += (await v.data())[0]! / 8;
      v.dispose();
      disposeTree(batch);
    }
    return { held_out_loss: sum };
  },
  async publish(p, folder) {},
});
let acc = 0,
  cnt = 0,
  sec = 0;
const result = await runTraining(
  task,
  train,
  {
    folder: outDir,
    steps,
    batchSize: B,
    accumulate: 1,
    seed: 5,
    learningRate: { peak: +lrS!, warmUpSteps: 300, schedule: "cosine", finalFraction: 0.02 },
    optimizer: { ...defaultOptimizer, emaDecay: 0.998, weightDecay: 0.01 },
    validateEvery: 500,
    saveEvery: 500,
    keep: 2,
    maxSkipped: 10,
    resume: true,
  },
  {
    started: (i) => console.log("started", i),
    stepped: (i) => {
      acc += i.loss;
      cnt++;
      sec += i.seconds;
      if (i.step <= 3 || i.step % 50 === 0) {
        console.log(
          i.step,
          "loss",
          (acc / cnt).toFixed(4),
          "norm",
          i.gradientNorm.toFixed(3),
          "s/step",
          (sec / cnt).toFixed(3),
          "rss",
          (process.memoryUsage().rss / 1e9).toFixed(2),
          "tensors",
          tf.memory().numTensors,
        );
        appendFileSync(`${outDir}/loss.csv`, `${i.step},${acc / cnt}\n`);
        acc = cnt = sec = 0;
      }
    },
    validated: (r, s) => {
      console.log("validated", s, r);
      appendFileSync(`${outDir}/validation.csv`, `${s},${r.held_out_loss}\n`);
    },
    saved: (f) => console.log("saved", f),
    warned: console.log,
  },
);
console.log(result.reason, result.step);
